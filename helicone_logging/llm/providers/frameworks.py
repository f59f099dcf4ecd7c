"""Answers of frameworks: what the SDK gave them, which many keep, or a message with its usage beside it.

Results of batches are kept so, too; docs/providers.md lists whose answers are read.
"""

from __future__ import annotations

from collections.abc import Sequence

from helicone_logging.core.safe_vars import EMPTY, Vars, safe_vars
from helicone_logging.llm import safe_get
from helicone_logging.llm.messages import read_choices
from helicone_logging.llm.providers import anthropic_messages, bedrock
from helicone_logging.llm.providers.common import Fields, answer, inner, known, name
from helicone_logging.llm.providers.openai_chat import usage_of
from helicone_logging.llm.safe_get import first

_RAW = ("raw", "inner_content", "raw_representation")  # what the SDK gave, also of one chunk
_RAWS = frozenset(_RAW)
_WITHIN = (*_RAW, "_raw_response", "response", "body", "result", "message", "output", "replies")
_SAID = ("content", "parts", "_content", "final_output", "output", "outputs", "result")
_USAGES = ("usage", "_usage", "token_usage", "metrics", "usage_details")
_BESIDE = ("_meta", "_state", "context_wrapper")  # of Haystack, Pydantic AI, OpenAI's Agents
_IN_WORDS_OF = {"cache_read_input_tokens": anthropic_messages.usage_of, "inputTokens": bedrock.usage_of}


def within(answer: Vars) -> list[object]:
    """Returns what an answer wraps that may be one itself, alone or as the last of a list."""
    found = (answer[key] for key in _WITHIN if answer.get(key) is not None)
    return [several[-1] if (several := safe_get.items(value)) else value for value in found]


def unwrapped(chunk: Vars) -> Vars:
    """Returns what the SDK gave a framework that has wrapped this chunk; any other chunk as it is."""
    return chunk if _RAWS.isdisjoint(chunk) else inner(chunk, *_RAW) or chunk


def with_accumulated(fields: Fields, last_chunk: object) -> Fields:
    """Returns the fields of a stream with the message that LlamaIndex has put together, which changes the chunks."""
    chunk = safe_vars(last_chunk) or EMPTY
    is_whole = "raw" in chunk and "delta" in chunk and first(chunk, "message") is not None
    return {**fields, "completion": read_choices(chunk["message"])} if is_whole else fields


def usage_beside(answer: Vars) -> Fields:
    """Returns the counts that stand beside what is answered."""
    usage = inner(answer, *_USAGES)
    usage = inner(usage, "accumulated_usage") or usage  # Strands, in Bedrock's words
    told = next((read for mark, read in _IN_WORDS_OF.items() if mark in usage), usage_of)
    return known(told(usage))


def read_run(messages: Sequence[object]) -> Fields | None:
    """Returns the fields of what Claude's Agent SDK has sent; None when it is not that.

    Args:
        messages: of one run; the last one tells the result, and what all of it cost.
    """
    ending = safe_vars(messages[-1]) if messages else None
    return read(ending) if ending and "total_cost_usd" in ending else None


def read(response: Vars) -> Fields | None:
    """Returns the fields of a message, or of an agent's result, that has its usage beside it; None when it is none."""
    told = response
    for key in _BESIDE:
        told = {**inner(response, key), **told}
    usage = usage_beside(told)
    said = first(told, *_SAID)
    message: object = {"content": said, "tool_calls": told.get("tool_calls"), "reasoning": told.get("thought")}
    if said is None:
        message = first(told, "message") or next(reversed(safe_get.items(told.get("messages")) or []), None)
    if message is None or not usage:
        return None
    choice = read_choices([message])[0]._replace(finish_reason=name(told, "finish_reason", "stop_reason"))
    others = {"model": name(told, "model_name", "model"), **usage}
    return answer("chat", [choice], others, told, name(told, "provider_name", "model_provider"))
