"""What was given in place of a model's response, told by the text that stands for it."""

from __future__ import annotations

import re
from typing import NamedTuple


class Mistake(NamedTuple):
    """Something that is given in place of a response.

    Args:
        what: it is, in words.
        remedy: what to set instead.
        may_be_said: whether a model may well answer with such a text.
    """

    what: str
    remedy: str
    may_be_said: bool = False


_COROUTINE = Mistake("a coroutine that was not awaited", "llm_response to what `await` returns")
_STREAM = Mistake("a stream, which is not read here", "llm_response by work.collect(stream)")
_PART = Mistake("a part of a response, such as one choice", "llm_response to the whole response", may_be_said=True)
# Fields of a choice, a message, a block or a candidate, of which one comes first.
_FIRST = "finish_reason|index|message|delta|role|content|logprobs|citations|text|type|parts"
_MISTAKES = (
    (re.compile(r"<coroutine object .{0,200} at 0x[0-9a-fA-F]+>"), _COROUTINE),
    (re.compile(r"<.{0,200}(stream|generator|iterator).{0,200} at 0x[0-9a-fA-F]+>", re.IGNORECASE), _STREAM),
    (re.compile(rf'\[?\{{\s*"({_FIRST})":.*', re.DOTALL), _PART),
)


def found_in(text: str) -> Mistake | None:
    """Returns the mistake that a text tells of; None where it tells of none.

    Args:
        text: of a response that was not understood, or of an answer.
    """
    return next((mistake for pattern, mistake in _MISTAKES if pattern.fullmatch(text)), None)
