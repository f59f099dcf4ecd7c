"""Whatever was written to a journal, damaged or not, what has not left is read from it, and nothing else."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from helicone_logging.spool.segment import departure, owner, parse

IDS = st.integers(1, 2**63 - 1)
TEXT = st.text(min_size=1).map(str.encode)


def written(records: dict[int, bytes]) -> bytes:
    """What a journal holds of some records."""
    return b"{}\n" + b"".join(b"\xff%d %d\n%b" % (record, len(entry), entry) for record, entry in records.items())


@given(st.dictionaries(IDS, TEXT), st.data())
def test_what_was_written_and_has_not_left_is_read(records: dict[int, bytes], data: st.DataObject) -> None:
    gone = data.draw(st.sets(st.sampled_from(sorted(records)))) if records else set()
    content = written(records) + departure(gone)
    assert parse(content) == ({record: entry for record, entry in records.items() if record not in gone}, 0)


@given(st.dictionaries(IDS, TEXT, min_size=1), st.data())
def test_a_last_record_that_was_not_written_out_is_passed_over(records: dict[int, bytes], data: st.DataObject) -> None:
    *whole, _ = records
    before = len(written({record: records[record] for record in whole}))
    content = written(records)
    cut = data.draw(st.integers(before, len(content) - 1))
    assert parse(content[:cut]) == ({record: records[record] for record in whole}, 0)


@given(st.dictionaries(IDS, TEXT, min_size=3, max_size=20), st.data())
def test_damage_costs_the_records_it_hits_and_no_other(records: dict[int, bytes], data: st.DataObject) -> None:
    content = bytearray(written(records))
    place = data.draw(st.integers(3, len(content) - 1))
    content[place] = data.draw(st.integers(0, 255))
    found, damaged = parse(bytes(content))
    lost = [entry for entry in records.values() if entry not in found.values()]
    assert len(lost) <= 2  # two if the byte between them is hit
    assert damaged <= 3


def test_a_record_of_which_only_a_part_was_written_is_no_damage_if_that_was_noticed() -> None:
    assert parse(b"{}\n\xff5 10\nabc\xff6 1\nx\xff5 0\n\xff7 1\ny") == ({6: b"x", 7: b"y"}, 0)
    assert parse(b"{}\n\xff5 10\nabc\xff6 1\nx") == ({6: b"x"}, 1)


@given(st.binary())
def test_whatever_is_in_a_file_is_read_without_an_error(content: bytes) -> None:
    found, damaged = parse(content)
    assert len(found) + damaged <= content.count(b"\xff")
    assert owner(content) is None or content.startswith(b"{")


@pytest.mark.parametrize("head", ['"pid": 1e999', '"pid": "x"', '"pid": []', '"pid": {}'])
def test_whoever_is_named_as_the_owner_is_read_without_an_error(head: str) -> None:
    assert owner(f'{{"version": 1, "host": "h", "started": "1", {head}}}\n'.encode()) is None
