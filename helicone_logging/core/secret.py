"""A secret in a program's variables: tools that show the locals of a traceback (Sentry, rich) must not show the key."""

from __future__ import annotations


class HiddenText(str):
    """A text for libraries that want a `str`, whose `repr` hides it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'[hidden]'"


class Secret:
    """Holds a text that neither `repr`, `str` nor formatting shows."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = HiddenText(text)

    def reveal(self) -> str:
        """Returns the text; it hides itself as well, until something is made of it."""
        return self._text

    def __repr__(self) -> str:
        return "[hidden]"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.reveal() == other.reveal()

    def __hash__(self) -> int:
        return hash(self.reveal())
