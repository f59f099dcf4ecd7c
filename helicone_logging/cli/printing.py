"""What commands print while others wait for them: never in the way, whatever stdout is."""

from __future__ import annotations

import argparse
import queue
import sys
import threading
from collections.abc import Callable

from helicone_logging.receiver.visible import encodable

_WAITING = 2_000  # lines; what comes faster than it can be printed is left out, and said
_END_WITHIN = 2.0  # seconds for what is still to be printed


def write(text: str) -> bool:
    """Writes to stdout what it can encode, with question marks or escapes for the rest.

    Returns:
        Whether it was written; False where nobody takes it any more.
    """
    out = sys.stdout
    if out is None:
        return False
    try:
        out.write(encodable(text, out.encoding))
        out.flush()
    except (OSError, ValueError, LookupError):  # a closed pipe, a closed file, an encoding that is not there
        return False
    return True


class Printer:
    """Prints from a thread of its own, so that a pipe that is full or closed holds nobody up."""

    def __init__(self) -> None:
        self._lines: queue.Queue[str | None] = queue.Queue(_WAITING)
        self._left_out = 0
        self._thread = threading.Thread(target=self._work, name="helicone-logging-printer", daemon=True)

    def __enter__(self) -> Printer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._lines.put(None, timeout=_END_WITHIN)
        except queue.Full:
            return
        self._thread.join(_END_WITHIN)

    def print(self, text: str) -> None:
        """Prints a text and a line feed, soon."""
        try:
            self._lines.put_nowait(text)
        except queue.Full:
            self._left_out += 1

    def _work(self) -> None:
        while (text := self._lines.get()) is not None:
            left_out, self._left_out = self._left_out, 0
            if left_out:
                text += f"\n({left_out} more were not printed)"
            if not write(text + "\n"):
                self._drain()
                return

    def _drain(self) -> None:
        """Nobody reads: what comes is thrown away, so that it does not pile up."""
        while self._lines.get() is not None:
            continue


def number_from(least: int) -> Callable[[str], int]:
    """Returns a type of argument for whole numbers.

    Args:
        least: the smallest that works.
    """

    def parse(text: str) -> int:
        if not text.isascii() or not text.isdecimal() or len(text) > 18 or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is no number from {least} on")
        return int(text)

    return parse
