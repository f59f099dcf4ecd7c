"""What the rules of `lint` look at: a span, and how Helicone shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from helicone_logging.receiver import rows
from helicone_logging.receiver.rows import Row

_FAILED = 2


class Subject(NamedTuple):
    """A span and how Helicone shows it.

    Args:
        where: the span, as findings name it.
        span: itself.
        all_attributes: by their keys.
        attributes: those that the server may read, as they are text or int.
        row: what it shows.
    """

    where: str
    span: Mapping[str, Any]
    all_attributes: Mapping[str, Any]
    attributes: Mapping[str, str | int]
    row: Row

    @classmethod
    def of(cls, span: Mapping[str, Any], row: Row, place: str = "") -> Subject:
        """Returns the subject of a span.

        Args:
            span: one that the schema accepts.
            row: the same as Helicone shows it.
            place: where it stands, such as a line of a file; empty to name the span alone.
        """
        where = f"{place}, span {span['spanId']}" if place else f"span {span['spanId']}"
        attributes = rows.attributes_of(span)
        return cls(where, span, attributes, rows.readable(attributes), row)

    @property
    def has_failed(self) -> bool:
        """Whether its status says so."""
        return bool(self.span["status"]["code"] == _FAILED)

    @property
    def has_answer(self) -> bool:
        """Whether there is any text in its answer."""
        return any(choice.content for choice in self.row.choices)

    @property
    def is_answered_call(self) -> bool:
        """Whether it is a call of a model that came to its end, so that an answer and tokens are missed."""
        return (
            self.row.is_model_call
            and not self.has_failed
            and not self.row.tells_cancelling
            and not self.has_unread_response
        )

    @property
    def has_unread_response(self) -> bool:
        """Whether it was given a response that was not understood, which would have told its answer and tokens."""
        return "llm_response" in self.attributes
