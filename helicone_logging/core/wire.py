"""The seam between payload and delivery: what waits has a size, and bytes when asked; a wire puts bytes into bodies.

Delivery does not know what a span is, and payload does not know how it is sent; `handler` puts the two together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol


class Entry(Protocol):
    """A record in the queue: immutable, and bytes only when somebody asks."""

    @property
    def size(self) -> int:
        """How many bytes it has, or a few more; what bounds the queue before anybody has counted them."""

    def encode(self) -> bytes:
        """Returns its bytes; takes microseconds, so a worker asks and not the caller of `emit`."""


class Refusal(NamedTuple):
    """What a server says it did not take of a body that it accepted otherwise.

    Args:
        records: how many of them.
        reason: in its own words.
    """

    records: int
    reason: str


class Wire(Protocol):
    """A dialect in which records are sent; the same for all handlers, so it keeps nothing of any."""

    name: str
    """A short word, which the segments of a spool carry too."""

    path: str
    """Of the URL that takes it, where only an origin is given."""

    content_type: str
    """Of its bodies."""

    batch_size: int | str
    """Records in one body, where the user does not say."""

    wants_key: bool
    """Whether Helicone's API key goes along; else the endpoint is a Collector's, which must never be sent it."""

    def body(self, entries: Iterable[bytes]) -> bytes:
        """Returns the body of a request for encoded records."""

    def payload(self, entry: bytes) -> Mapping[str, object]:
        """Returns the payload of one encoded record, as callbacks are given it."""

    def refusal(self, answer: str) -> Refusal | None:
        """Returns what an accepted request was refused of, as its answer says; None for nothing."""

    def remedy(self, status: int, answer: str) -> str:
        """Returns what to set right where an answer is about key or URL, so not about its records; else nothing."""
