"""Frames: what a segment consists of, so that damage is seen and costs the frame it hits, not those behind it.

    mark | kind | number | length | time | CRC of the bytes | CRC of all these | bytes

A flipped length fails the CRC of its head, a flipped byte that of the bytes; reading goes on at the next mark. The
first byte of the mark is in no UTF-8 text, so the JSON of a record cannot look like a frame.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple
from zlib import crc32

MARK = b"\xffHL\xfe"
SEGMENT, RECORD, TOMBSTONE = 0, 1, 2  # kinds: what begins a segment, a record, and the numbers of records that are done

_HEAD = struct.Struct("<4sBIIdI")
_CRC = struct.Struct("<I")
OVERHEAD = _HEAD.size + _CRC.size  # how many bytes a frame has beside those it carries


class Frame(NamedTuple):
    """A frame whose CRCs are right."""

    kind: int
    number: int  # which record of its segment it is, from 1 on; 0 for other kinds
    at: float  # when it was written, in seconds since the epoch
    data: bytes
    end: int  # where the next frame begins


class Scan(NamedTuple):
    """What was found in some bytes."""

    frames: list[Frame]
    end: int  # where the first frame begins of which the end is not there, or how many bytes there are
    is_damaged: bool  # whether something was passed over


def encode(kind: int, number: int, at: float, data: bytes, crc: int) -> bytes:
    """Returns a frame; `crc` is that of the data, which takes longest and can be known before the number."""
    head = _HEAD.pack(MARK, kind, number, len(data), at, crc)
    return b"".join((head, _CRC.pack(crc32(head)), data))


def tombstone(numbers: Iterable[int], at: float) -> bytes:
    """Returns the frame that says which records of a segment are done."""
    data = b"".join(map(_CRC.pack, numbers))
    return encode(TOMBSTONE, 0, at, data, crc32(data))


def numbers_of(tombstone: Frame) -> list[int]:
    """Returns which records a tombstone names."""
    return [number for (number,) in _CRC.iter_unpack(tombstone.data)]


def scan(data: bytes, *, is_all: bool) -> Scan:
    """Finds the frames in some bytes that begin with one.

    Where they are all there are, a frame without an end was never written whole, or its damage swallowed others.
    """
    frames: list[Frame] = []
    is_damaged, at = False, 0
    while at < len(data):
        kind, number, length, time, crc = _head(data, at) or (0, 0, 0, 0.0, -1)
        end = at + OVERHEAD + length
        if end <= len(data) and crc32(content := data[at + OVERHEAD : end]) == crc:
            frames.append(Frame(kind, number, time, content, end))
            at = end
            continue
        following = _next_head(data, at + 1) if is_all or end <= len(data) else None
        if end > len(data) and following is None:
            break
        is_damaged = True
        at = following or (len(data) if is_all else max(at + 1, len(data) - OVERHEAD + 1))
        if following is None:
            break
    return Scan(frames, at, is_damaged)


def _head(data: bytes, at: int) -> tuple[int, int, int, float, int] | None:
    """What the head says that begins there, if its CRC is right."""
    end = at + _HEAD.size
    if end + _CRC.size > len(data) or not data.startswith(MARK, at):
        return None
    return _HEAD.unpack_from(data, at)[1:] if _CRC.unpack_from(data, end)[0] == crc32(data[at:end]) else None


def _next_head(data: bytes, start: int) -> int | None:
    at = data.find(MARK, start)
    while at >= 0 and _head(data, at) is None:
        at = data.find(MARK, at + 1)
    return at if at >= 0 else None
