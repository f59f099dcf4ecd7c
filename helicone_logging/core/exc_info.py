"""Which exception `exc_info` stands for, as `logging` and structlog take it."""

from __future__ import annotations

import sys


def exception_in(exc_info: object) -> BaseException | None:
    """Returns the exception; None for `(None, None, None)`, and for everything that is none.

    Args:
        exc_info: an exception, a tuple as `sys.exc_info()` returns it, or True for the one that is handled now.
    """
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        error = exc_info[1] if len(exc_info) == 3 else None
        return error if isinstance(error, BaseException) else None
    return sys.exc_info()[1] if type(exc_info) in (bool, int) and exc_info else None
