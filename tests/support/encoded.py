"""An entry of a queue that is bytes already."""

from __future__ import annotations

from typing import NamedTuple


class Encoded(NamedTuple):
    """A record that needs no encoding."""

    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    def encode(self) -> bytes:
        return self.data
