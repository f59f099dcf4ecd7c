"""The clocks that waits, deadlines and reports go by: `clock.monotonic()`, `clock.time()` and `clock.time_ns()`.

Tools that freeze time for tests (freezegun) replace these functions in every module that holds them, which would make
a wait never end. Here they are wrapped, so that nobody finds them; a test of ours replaces them in this module, and so
everybody asks it at every call: `clock.monotonic()`, never `from ... import monotonic`.
"""

from __future__ import annotations

import time as _time
from functools import partial

monotonic = partial(_time.monotonic)
"""Seconds since some moment; it never goes back."""
time = partial(_time.time)
"""Seconds since the epoch, as the machine's clock has it."""
time_ns = partial(_time.time_ns)
"""Nanoseconds since the epoch."""
