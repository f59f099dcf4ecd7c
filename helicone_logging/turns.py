"""Hands over the interpreter between the parts of large work, which would be one piece for the threads that wait.

Python makes a running thread hand over after 5 ms; a sender thread that handles hundreds of records in less than that
holds a caller of `emit` up for as long as it takes, and does not need to.
"""

from __future__ import annotations

import time

_MOMENT = 0.0001  # seconds in which a thread wakes up; after less, this one would have the interpreter back first


def let_others_run() -> None:
    """Lets a thread that waits for the interpreter go on."""
    time.sleep(_MOMENT)
