"""Which rows Helicone's pages show: the list of mappers that read a request, by provider and model.

Source: Helicone's public server, `packages/llm-mapper/utils/getMapperType.ts` and the mappers that it names (July
2026), tried with bodies as this endpoint stores them. To renew the list, go through `_RULES`: the first one that
applies decides, as there. Names are compared as the server does, so case counts where it counts there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from helicone_logging.receiver import validation

SHOWS_EVERYTHING = frozenset({"OPENROUTER", "CUSTOM", "GROQ", "TOGETHER", "NVIDIA", "VERCEL"})
"""Providers whose rows are read in OpenAI's shape, the one that this endpoint writes, whatever the model."""

SHOWS_GEMINI = SHOWS_EVERYTHING | {"OPENAI"}
"""Providers under which a model whose name contains `gemini` shows its text."""

_READ_AS_OPENAI = re.compile(
    r"(ft:)?gpt-(4|3\.5|35)(?!-turbo-instruct)|o1(-preview|-mini)?(-\d{4}-\d{2}-\d{2})?$|(?i:meta-llama/)"
)
_CLAUDE = re.compile("claude|anthropic")
_MAY_BE_JSON = re.compile(r'\s*[\[{"\-0-9tfn]')


class Hidden(NamedTuple):
    """What the pages do not show of a row.

    Args:
        code: the kind, as `lint` calls it.
        prompt: whether the prompt is hidden.
        answer: whether the answer is hidden.
        why: in plain words.
        remedy: what to set instead.
    """

    code: str
    prompt: bool
    answer: bool
    why: str
    remedy: str


class _Rule(NamedTuple):
    applies: Callable[[str, str], bool]
    hidden: Callable[[str, str], Hidden] | None


def hidden(provider: str, model: str) -> Hidden | None:
    """Returns what the pages do not show of a row, None where they show all.

    Args:
        provider: in capitals.
        model: as it was sent.
    """
    rule = next((rule for rule in _RULES if rule.applies(provider, model)), None)
    return rule.hidden(provider, model) if rule is not None and rule.hidden is not None else None


def parses_answers(provider: str, model: str) -> bool:
    """Returns whether answers go through the mapper of Anthropic, which parses what looks like JSON."""
    if _is_read_as_openai(provider, model):
        return False
    return bool(model) and (provider == "ANTHROPIC" or bool(_CLAUDE.search(model)))


def parsed_answer(text: str) -> list[str]:
    """Returns the messages that Anthropic's mapper makes of an answer; none for an empty list."""
    return [shown.replace("undefined", "").strip() for shown in _messages(text)]


def _messages(text: str) -> Iterator[str]:
    if not _MAY_BE_JSON.match(text):
        yield text
        return
    try:
        parsed = validation.parse(text)
    except validation.NotJSONError:
        yield text
        return
    for item in parsed if isinstance(parsed, list) else [parsed]:
        yield _message(item)


def _message(item: Any) -> str:
    if isinstance(item, str):
        return item
    if isinstance(item, dict) and item.get("type") == "text" and item.get("text"):
        return str(item["text"])
    if isinstance(item, dict) and item.get("type") == "tool_use":
        return f"{item.get('name', '')}({json.dumps(item.get('input', {}), ensure_ascii=False)})"
    return json.dumps(item, indent=2, ensure_ascii=False)


def _step(_provider: str, model: str) -> Hidden:
    kind, _, name = model.partition(":")
    why = {
        "tool": "the server takes it for an event of a custom tool, which this endpoint cannot write: "
        'no input, no output, marked "Failed"',
        "data": 'the page says "Unable to render this request"',
    }.get(kind, "the page looks for a search of a vector database, which this endpoint cannot write")
    remedy = f"span_name, so that the model is vector_db:NAME instead of {model}"
    if name:
        remedy = f"step_icons=False, so that the model is {name} and the property `step` tells the kind"
    return Hidden("blank-step", True, True, f"the model is {model}: {why}", remedy)


def _llama(provider: str, model: str) -> Hidden:
    why = f"the answer of {model} under provider {provider or 'none'} is looked for in the shape of Llama's own API"
    return Hidden("blank-llama", False, True, why, _custom(provider, "llama"))


def _google(provider: str, model: str) -> Hidden:
    why = f"the row of {model or 'any model'} under provider {provider or 'none'} is read in the shape of Google's API"
    remedy = ("show_cost=True, or " if provider == "GOOGLE" else "") + _custom(provider, "google")
    return Hidden("blank-gemini", True, True, why, remedy)


def _other_shape(code: str, what: str) -> Callable[[str, str], Hidden]:
    def made(provider: str, model: str) -> Hidden:
        why = f"the row of {model} under provider {provider or 'none'} is read in the shape of {what}"
        remedy = 'provider="custom" to see the text (tokens stay, the cost is lost)'
        return Hidden(code, True, True, why, remedy)

    return made


def _custom(provider: str, name: str) -> str:
    """An override where the provider is always in the way, else only for this call."""
    return f'provider_overrides={{"{name}": "custom"}}' if provider == name.upper() else 'provider="custom"'


def _is_read_as_openai(provider: str, model: str) -> bool:
    return provider in SHOWS_EVERYTHING or "deepseek" in model or bool(_READ_AS_OPENAI.match(model))


def _is_google_shape(provider: str, model: str) -> bool:
    if "gemini" in model.lower():
        return provider not in SHOWS_GEMINI
    return provider == "GOOGLE" and bool(model) and not _CLAUDE.search(model)


_RULES: tuple[_Rule, ...] = (
    _Rule(lambda _provider, model: model.startswith(("tool:", "data:")) or model == "vector_db", _step),
    _Rule(lambda provider, _model: provider == "LLAMA", _llama),
    _Rule(_is_read_as_openai, None),
    _Rule(lambda _provider, model: model.startswith("vector_db"), None),
    _Rule(lambda _provider, model: "Llama" in model, _llama),
    _Rule(_is_google_shape, _google),
    _Rule(
        lambda _provider, model: model.startswith("text-embedding"),
        _other_shape("blank-embedding", "OpenAI's embeddings"),
    ),
    _Rule(
        lambda _provider, model: model.startswith("gpt-3.5-turbo-instruct"),
        _other_shape("blank-instruct", "OpenAI's old completions"),
    ),
    _Rule(
        lambda _provider, model: model.startswith(("dall-e-", "gpt-image-1")),
        _other_shape("blank-image", "OpenAI's images"),
    ),
)
