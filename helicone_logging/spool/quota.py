"""How much of `spool_bytes` is taken, by the segments of all processes that share the directory."""

from __future__ import annotations

from contextlib import suppress

from helicone_logging.core import clock
from helicone_logging.spool.directory import Directory
from helicone_logging.spool.frames import OVERHEAD
from helicone_logging.spool.segment import Segment

_SEGMENT_BYTES = 4 * 1024 * 1024
_LEAST_SEGMENT_BYTES = 4096
_SEGMENTS = 16  # at the least where `spool_bytes` is small, as only whole segments make room
_FILES = 32  # from so many full segments on the next ones are larger, as each is an open file
LOOK_AGAIN = 0.05  # seconds after which to look for room again, which other processes make without a word


class Quota:
    """The bytes that segments may have and those they have; the current one's size is known without a look.

    Args:
        directory: where they are.
        spool_bytes: how many they may have, those of other processes included.
    """

    def __init__(self, directory: Directory, spool_bytes: int) -> None:
        self._directory = directory
        self._spool_bytes = spool_bytes
        self._segment_bytes = min(_SEGMENT_BYTES, max(_LEAST_SEGMENT_BYTES, spool_bytes // _SEGMENTS))
        self._others, self._measured_at = 0, -LOOK_AGAIN  # bytes of all segments but the current one; as of when

    @property
    def segment_bytes(self) -> int:
        """How large a segment becomes before the next one begins."""
        return max(self._segment_bytes, self._others // _FILES)

    def allows(self, size: int, current: Segment | None) -> bool:
        """Returns whether there is room for a record; looks again where there seems to be none."""
        if not self._has_room(size, current):
            self.measure(current)
        return self._has_room(size, current)

    def _has_room(self, size: int, current: Segment | None) -> bool:
        used = self._others + (0 if current is None else current.size)
        return used + size + OVERHEAD <= self._spool_bytes

    def measure(self, current: Segment | None, *, at_once: bool = False) -> None:
        """Looks how large the directory is, if that was not done just now."""
        now = clock.monotonic()
        if at_once or now - self._measured_at >= LOOK_AGAIN:
            self._measured_at = now
            with suppress(OSError):  # what writes tells of it
                own = "" if current is None else current.path
                self._others = sum(file.size for file in self._directory.files() if file.path != own)

    def free(self, size: int) -> None:
        """Notes that a segment of a size has been deleted."""
        self._others -= size
