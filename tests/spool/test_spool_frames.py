"""Frames: what was written is read, damage costs the frame it hits, and nothing altered comes out."""

from __future__ import annotations

from zlib import crc32

from hypothesis import given
from hypothesis import strategies as st

from helicone_logging.spool.frames import MARK, RECORD, TOMBSTONE, encode, numbers_of, scan, tombstone

payloads = st.lists(st.binary(max_size=60) | st.just(MARK * 3), max_size=12)


def written(records: list[bytes]) -> bytes:
    return b"".join(encode(RECORD, number, 1.5, data, crc32(data)) for number, data in enumerate(records, 1))


@given(payloads)
def test_what_was_written_is_read(records: list[bytes]) -> None:
    data = written(records)
    found = scan(data, is_all=True)
    assert [(frame.number, frame.at, frame.data) for frame in found.frames] == [
        (number, 1.5, record) for number, record in enumerate(records, 1)
    ]
    assert (found.end, found.is_damaged) == (len(data), False)


@given(st.lists(st.integers(1, 2**32 - 1)))
def test_a_tombstone_names_the_records_that_are_done(numbers: list[int]) -> None:
    (frame,) = scan(tombstone(numbers, 0.0), is_all=True).frames
    assert (frame.kind, numbers_of(frame)) == (TOMBSTONE, numbers)


@given(payloads, st.data())
def test_a_tail_that_was_never_written_whole_is_cut(records: list[bytes], data: st.DataObject) -> None:
    whole, last = written(records), encode(RECORD, 99, 0.0, b"last", crc32(b"last"))
    found = scan(whole + last[: data.draw(st.integers(0, len(last) - 1))], is_all=True)
    assert [frame.data for frame in found.frames] == records
    assert (found.end, found.is_damaged) == (len(whole), False)


@given(payloads, st.data())
def test_slices_give_what_the_whole_gives(records: list[bytes], draw: st.DataObject) -> None:
    data = written(records)
    cut = draw.draw(st.integers(0, len(data)))
    first = scan(data[:cut], is_all=False)
    rest = scan(data[first.end :], is_all=True)
    assert [frame.data for frame in (*first.frames, *rest.frames)] == records
    assert [first.is_damaged, rest.is_damaged] == [False, False]


RECORDS = [b"first", b'{"a": "b"}', MARK + b"in the midst", b"", b"last"]


def test_a_flipped_bit_anywhere_costs_one_frame() -> None:
    data = written(RECORDS)
    for at in range(len(data)):
        for bit in range(8):
            damaged = bytearray(data)
            damaged[at] ^= 1 << bit
            found = scan(bytes(damaged), is_all=True)
            kept = [frame.data for frame in found.frames]
            assert len(kept) == len(RECORDS) - 1, f"byte {at}, bit {bit}"
            assert not [record for record in kept if record not in RECORDS]


def test_missing_or_foreign_bytes_anywhere_cost_the_frames_they_hit() -> None:
    data = written(RECORDS)
    for at in range(len(data)):
        for length in (1, 5, 40):
            for instead in (b"", b"\0" * length, b"x"):
                found = scan(data[:at] + instead + data[at + length :], is_all=True)
                kept = [frame.data for frame in found.frames]
                assert len(kept) >= len(RECORDS) - 3
                assert not [record for record in kept if record not in RECORDS]
