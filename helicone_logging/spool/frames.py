"""Frames: what a segment consists of, so that damage is seen and costs the frame it hits, not those behind it.

    mark | kind | number | length | time | CRC of the bytes | CRC of all these | bytes

A flipped length fails the CRC of its head, a flipped byte that of the bytes; reading goes on at the next mark. The
first byte of the mark is in no UTF-8 text, so the JSON of a record cannot look like a frame.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple
from zlib import crc32

MARK = b"\xffHL\xfe"
SEGMENT, RECORD, TOMBSTONE = 0, 1, 2  # kinds: what begins a segment, a record, and the numbers of records that are done

_HEAD = struct.Struct("<4sBIIdI")
_CRC = struct.Struct("<I")
OVERHEAD = _HEAD.size + _CRC.size  # how many bytes a frame has beside those it carries
_SLICE = 64 * 1024  # bytes that are read at once

Read = Callable[[int, int], bytes]  # from an offset on, so many bytes, or those there are


class Frame(NamedTuple):
    """A frame whose head is right; whether all its bytes are there, and are those, has yet to be seen."""

    start: int  # the offset of its head
    kind: int
    number: int  # which record of its segment it is, from 1 on; 0 for other kinds
    length: int  # how many bytes it carries
    at: float  # when it was written, in seconds since the epoch
    crc: int  # of the bytes

    @property
    def end(self) -> int:
        """Where the next frame begins."""
        return self.start + OVERHEAD + self.length


def encode(kind: int, number: int, at: float, data: bytes, crc: int) -> bytes:
    """Returns a frame; `crc` is that of the data, which takes longest and can be known before the number."""
    head = _HEAD.pack(MARK, kind, number, len(data), at, crc)
    return b"".join((head, _CRC.pack(crc32(head)), data))


def tombstone(numbers: Iterable[int], at: float) -> bytes:
    """Returns the frame that says which records of a segment are done."""
    data = b"".join(map(_CRC.pack, numbers))
    return encode(TOMBSTONE, 0, at, data, crc32(data))


def numbers_of(data: bytes) -> list[int]:
    """Returns which records the bytes of a tombstone name."""
    return [number for (number,) in _CRC.iter_unpack(data)]


def scan(read: Read, size: int) -> Iterator[Frame]:
    """Finds the frames that begin in the first `size` bytes; where one does not follow another, there is damage.

    One that has lost bytes reaches into the next, which is found all the same.
    """
    frame = _next(read, 0)
    while frame is not None:
        yield frame
        frame = None if frame.end == size else _frame(read, frame.end) or _next(read, frame.start + 1)


def _frame(read: Read, start: int) -> Frame | None:
    """The frame that begins there, if the CRC of its head is right."""
    head = read(start, OVERHEAD)
    if len(head) < OVERHEAD or _CRC.pack(crc32(head[: _HEAD.size])) != head[_HEAD.size :]:
        return None
    return Frame(start, *_HEAD.unpack_from(head)[1:])


def _next(read: Read, start: int) -> Frame | None:
    """The first frame that begins there or behind."""
    while len(data := read(start, _SLICE)) >= len(MARK):
        found = data.find(MARK)
        if found < 0:
            start += len(data) - len(MARK) + 1  # where a mark may begin
        elif frame := _frame(read, start + found):
            return frame
        else:
            start += found + 1
    return None


def ahead(read: Read) -> Read:
    """Returns what reads ahead, as most frames are small."""
    start, data = 0, b""

    def read_ahead(offset: int, length: int) -> bytes:
        nonlocal start, data
        if not start <= offset <= offset + length <= start + len(data):
            start, data = offset, read(offset, max(length, _SLICE))
        return data[offset - start : offset - start + length]

    return read_ahead
