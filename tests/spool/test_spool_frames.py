"""Frames: what was written is read, damage costs the frame it hits, and nothing altered comes out."""

from __future__ import annotations

from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helicone_logging.spool import frames
from helicone_logging.spool.frames import MARK, RECORD, TOMBSTONE, encode, numbers_of, scan, tombstone

payloads = st.lists(st.binary(max_size=60) | st.just(MARK * 3), max_size=12)


def written(records: list[bytes]) -> bytes:
    return b"".join(encode(RECORD, number, 1.5, data, crc32(data)) for number, data in enumerate(records, 1))


def read(data: bytes) -> list[tuple[frames.Frame, bytes]]:
    """The frames that are in some bytes, with what they carry."""
    found = scan(frames.ahead(lambda offset, length: data[offset : offset + length]), len(data))
    carried = [(frame, data[frame.end - frame.length : frame.end]) for frame in found]
    return [(frame, content) for frame, content in carried if crc32(content) == frame.crc]


def records_in(data: bytes) -> list[bytes]:
    return [content for _, content in read(data)]


@given(payloads)
def test_what_was_written_is_read(records: list[bytes]) -> None:
    data = written(records)
    assert [(frame.number, frame.at, content) for frame, content in read(data)] == [
        (number, 1.5, record) for number, record in enumerate(records, 1)
    ]
    assert sum(frame.end - frame.start for frame, _ in read(data)) == len(data)


@given(st.lists(st.integers(1, 2**32 - 1)))
def test_a_tombstone_names_the_records_that_are_done(numbers: list[int]) -> None:
    ((frame, content),) = read(tombstone(numbers, 0.0))
    assert (frame.kind, numbers_of(content)) == (TOMBSTONE, numbers)


@given(payloads, st.data())
def test_a_tail_that_was_never_written_whole_is_no_record(records: list[bytes], data: st.DataObject) -> None:
    whole, last = written(records), encode(RECORD, 99, 0.0, b"last", crc32(b"last"))
    assert records_in(whole + last[: data.draw(st.integers(0, len(last) - 1))]) == records


def test_however_much_is_read_at_once_what_is_behind_damage_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, last = written([b"first"]), encode(RECORD, 2, 0.0, b"last", crc32(b"last"))
    for slice_bytes in (4, 5, 7, 32, 33, 64, 1000):
        monkeypatch.setattr(frames, "_SLICE", slice_bytes)
        for damage in (b"", b"x" * 3, b"x" * 50, b"x" * 100 + MARK, MARK * 20):
            assert records_in(whole + damage + last) == [b"first", b"last"]


RECORDS = [b"first", b'{"a": "b"}', MARK + b"in the midst", b"", b"last"]


def test_a_flipped_bit_anywhere_costs_one_frame() -> None:
    data = written(RECORDS)
    for at in range(len(data)):
        for bit in range(8):
            damaged = bytearray(data)
            damaged[at] ^= 1 << bit
            kept = records_in(bytes(damaged))
            assert len(kept) == len(RECORDS) - 1, f"byte {at}, bit {bit}"
            assert not [record for record in kept if record not in RECORDS]


def test_missing_or_foreign_bytes_anywhere_cost_the_frames_they_hit() -> None:
    data = written(RECORDS)
    for at in range(len(data)):
        for length in (1, 5, 40):
            for instead in (b"", b"\0" * length, b"x"):
                kept = records_in(data[:at] + instead + data[at + length :])
                assert len(kept) >= len(RECORDS) - 3
                assert not [record for record in kept if record not in RECORDS]
