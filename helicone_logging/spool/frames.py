"""Frames: what a segment consists of, so that damage is seen and costs the frame it hits, not those behind it.

    mark | kind | number | length | time | CRC of the bytes | CRC of all these | bytes

A flipped length fails the CRC of its frame's head, a flipped byte that of the bytes; reading goes on at the next mark.
The first byte of the mark is in no UTF-8 text, so the JSON of a record cannot look like a frame.
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
OVERHEAD = _HEAD.size + _CRC.size
"""How many bytes a frame has beside those it carries."""


class Frame(NamedTuple):
    """A frame whose CRCs are right.

    Args:
        kind: `SEGMENT`, `RECORD` or `TOMBSTONE`.
        number: which record of its segment it is, from 1 on; 0 for other kinds.
        at: when it was written, in seconds since the epoch.
        data: its bytes.
        end: where the next frame begins.
    """

    kind: int
    number: int
    at: float
    data: bytes
    end: int


class Scan(NamedTuple):
    """What was found in some bytes.

    Args:
        frames: those that are whole, in their order.
        end: where the first frame begins of which the end is not there, or how many bytes there are.
        is_damaged: whether something was passed over.
    """

    frames: list[Frame]
    end: int
    is_damaged: bool


class _Head(NamedTuple):
    mark: bytes
    kind: int
    number: int
    length: int
    at: float
    crc: int


def encode(kind: int, number: int, at: float, data: bytes, crc: int) -> bytes:
    """Returns a frame.

    Args:
        kind: `SEGMENT`, `RECORD` or `TOMBSTONE`.
        number: which record it is; 0 for other kinds.
        at: seconds since the epoch.
        data: what it carries.
        crc: `crc32(data)`, which takes longer than the rest and can be known before `number`.
    """
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
    """Finds the frames in some bytes.

    Args:
        data: part of a segment, from the beginning of a frame on.
        is_all: whether nothing comes behind these, so that a frame without an end is one that was never written whole,
            or one whose damage swallowed those that follow.
    """
    frames: list[Frame] = []
    is_damaged, at = False, 0
    while at < len(data):
        head = _head(data, at)
        end = at + OVERHEAD + (head.length if head else 0)
        if head and end <= len(data) and crc32(content := data[at + OVERHEAD : end]) == head.crc:
            frames.append(Frame(head.kind, head.number, head.at, content, end))
            at = end
            continue
        following = _next_head(data, at + 1) if is_all or end <= len(data) else None
        if end > len(data) and following is None:
            break
        is_damaged = True
        if following is None:
            at = len(data) if is_all else max(at + 1, len(data) - OVERHEAD + 1)
            break
        at = following
    return Scan(frames, at, is_damaged)


def _head(data: bytes, at: int) -> _Head | None:
    """The head that begins there, if its CRC is right."""
    end = at + _HEAD.size
    if end + _CRC.size > len(data) or not data.startswith(MARK, at):
        return None
    if _CRC.unpack_from(data, end)[0] != crc32(data[at:end]):
        return None
    return _Head(*_HEAD.unpack_from(data, at))


def _next_head(data: bytes, start: int) -> int | None:
    at = data.find(MARK, start)
    while at >= 0 and _head(data, at) is None:
        at = data.find(MARK, at + 1)
    return at if at >= 0 else None
