"""Ports for servers that are told theirs."""

from __future__ import annotations

import contextlib
import random
import socket

_random = random.SystemRandom()  # as others seed the usual one


def free_port() -> int:
    """A port that nobody listens on, and that no system gives to those who ask for any, as other tests do meanwhile."""
    while True:
        port = _random.randrange(15_000, 30_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
