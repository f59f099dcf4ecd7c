"""OpenAI's Chat Completions and Completions, and all who speak them: Mistral, LiteLLM, Azure, Groq, Perplexity, ..."""

from __future__ import annotations

import math
from collections.abc import Sequence

from helicone_logging.core.safe_vars import EMPTY, Vars, safe_vars
from helicone_logging.llm import safe_get
from helicone_logging.llm.citations import with_sources
from helicone_logging.llm.content import content_text
from helicone_logging.llm.messages import MAX_MESSAGES, Choice, read_choices
from helicone_logging.llm.providers.common import (
    Fields,
    Request,
    answer,
    first_count,
    first_name,
    inner,
    last,
    name,
    tokens,
    with_error,
    with_system,
)
from helicone_logging.llm.providers.embeddings import texts_asked

_SOURCES = ("citations", "search_results")
_Call = tuple[list[str], list[str]]  # pieces of its name and of its arguments


def read_request(request: Vars) -> Request | None:
    """Returns what a request for a chat asks for; None when it is none."""
    messages = request.get("messages")
    if messages is None or safe_get.items(messages) is None:
        return None
    return Request("chat", with_system(request.get("system"), messages))  # Anthropic has `system` beside them


def read_completion_request(request: Vars) -> Request | None:
    """Returns what a request for a completion asks for; None when it is none."""
    prompt = request.get("prompt")
    if safe_get.text(prompt) is None and safe_get.items(prompt) is None:
        return None
    return Request("text_completion", texts_asked(prompt))


def read(response: Vars) -> Fields | None:
    """Returns the fields of a response; None when it is none of these."""
    choices = safe_get.items(response.get("choices"))
    if choices is None:
        return None
    kind = name(response, "object")
    is_text, is_chat, is_failed = kind == "text_completion", kind == "chat.completion", False
    for choice in choices[:MAX_MESSAGES]:
        told = safe_vars(choice) or EMPTY
        is_chat = is_chat or safe_vars(told.get("message")) is not None
        is_text = is_text or (told.get("message") is None and safe_get.text(told.get("text")) is not None)
        is_failed = is_failed or told.get("error") is not None  # OpenRouter's
    if not (is_text or is_chat):
        return None
    said = _with_sources(read_choices(choices), response)
    fields = answer("text_completion" if is_text else "chat", said, usage_of(_usage_in(response)), response)
    if is_failed:
        fields["status"] = "error"
    return with_error(fields, response.get("error"))


def _usage_in(response: Vars) -> Vars:
    return inner(response, "usage") or inner(inner(response, "x_groq"), "usage")


def usage_of(usage: Vars) -> Fields:
    """Returns the token fields of a usage in OpenAI's words, of Chat Completions, Responses or Embeddings."""
    asked = inner(usage, "prompt_tokens_details", "input_tokens_details")
    answered = inner(usage, "completion_tokens_details", "output_tokens_details")
    prompt = first_count(usage, "prompt_tokens", "input_tokens", "input_token_count")
    completion = first_count(usage, "completion_tokens", "output_tokens", "output_token_count")
    total = tokens(usage, "total_tokens")
    if total is not None:
        prompt, completion = _out_of_total(total, prompt, completion)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": total,
        "cached_tokens": tokens(asked, "cached_tokens") or tokens(usage, "prompt_cache_hit_tokens"),  # DeepSeek's
        "reasoning_tokens": tokens(answered, "reasoning_tokens"),
    }


def _out_of_total(total: int, prompt: int | None, completion: int | None) -> tuple[int | None, int | None]:
    """What only the total counts: xAI and Gemini leave the tokens of thoughts out, some give nothing but a total."""
    if prompt is None and completion is None:
        return total, None
    if prompt is not None and completion is not None and total > prompt + completion:
        return prompt, total - prompt
    return prompt, completion


def _with_sources(choices: list[Choice], response: Vars) -> list[Choice]:
    """Perplexity's sources, which stand beside the choices."""
    found = [response.get(key) for key in _SOURCES]
    if found[0] is None and found[1] is None:
        return choices
    return [choice._replace(content=with_sources(choice.content, *found)) for choice in choices]


def join(chunks: Sequence[Vars]) -> Fields | None:
    """Returns the fields of the response whose stream had these chunks; None when they are no such chunks."""
    chunks = [_unwrapped(chunk) for chunk in chunks]
    growing: dict[float, _Accumulator] = {}
    for chunk in chunks:
        for choice in safe_get.items(chunk.get("choices")) or ():
            fields = safe_vars(choice)
            if fields:
                index = safe_get.number(fields.get("index"))
                place = math.inf if index is None else index  # one without an index is the last
                if place not in growing:
                    growing[place] = _Accumulator()
                growing[place].add(fields)
    if not any(choice.is_streamed for choice in growing.values()):
        return None
    return read(
        {
            "model": first_name(chunks, "model"),
            "id": first_name(chunks, "id"),
            "usage": next(filter(None, map(_usage_in, reversed(chunks))), EMPTY),
            "choices": [growing[index].whole() for index in sorted(growing)],
            "error": last(chunks, "error"),
            **{key: last(chunks, key) for key in _SOURCES},
        }
    )


def _unwrapped(chunk: Vars) -> Vars:
    """Mistral's events have the chunk in `data`, those of OpenAI's stream helper in `chunk`."""
    if "choices" in chunk:
        return chunk
    within = inner(chunk, "data", "chunk")
    return within if "choices" in within else chunk


class _Accumulator:
    """One choice, put together from its deltas."""

    def __init__(self) -> None:
        self.is_streamed = False
        self._role: str | None = None
        self._finish_reason: str | None = None
        self._texts: dict[str, list[str]] = {}
        self._lists: dict[str, list[object]] = {}
        self._calls: list[_Call] = []
        self._open_calls: dict[tuple[object, str | None], _Call] = {}  # the latest of an index without an id, too
        self._is_text = False
        self._error: object = None

    def add(self, choice: Vars) -> None:
        self._finish_reason = name(choice, "finish_reason") or self._finish_reason
        self._error = choice.get("error") or self._error
        delta = safe_vars(choice.get("delta"))
        text = choice.get("text")
        if delta is not None:
            self.is_streamed = True
            self._add_delta(delta)
        elif safe_get.text(text) is not None:
            self.is_streamed = self._is_text = True
            self._say("content", text)
        elif not self._texts and (message := safe_vars(choice.get("message"))):  # some end with the message as a whole
            self._add_delta(message)

    def _add_delta(self, delta: Vars) -> None:
        for key, value in delta.items():
            if value is None:
                continue
            if key == "content":
                self._add_content(value)
            elif key in ("reasoning_content", "refusal"):
                self._say(key, value)
            else:
                self._add_other(key, value, delta)

    def _add_other(self, key: str, value: object, delta: Vars) -> None:
        if key == "role":
            self._role = safe_get.text(value) or self._role
        elif key == "reasoning" and not delta.get("reasoning_content"):  # some tell one thought under both
            self._say("reasoning_content", value)
        elif key == "audio":
            self._say("transcript", safe_get.first(value, "transcript"))
        elif key in ("images", "annotations"):
            self._lists.setdefault(key, []).extend(safe_get.items(value) or ())
        elif key in ("tool_calls", "function_call"):
            for call in safe_get.items(value) or (value,):
                self._add_call(safe_vars(call) or EMPTY)

    def _say(self, where: str, said: object) -> None:
        text = safe_get.text(said)
        if text:
            self._texts.setdefault(where, []).append(text)

    def _add_content(self, content: object) -> None:
        """Text, or the list of parts in which Mistral's models think."""
        if type(content) is str:
            self._say("content", content)
            return
        for part in safe_get.items(content) or (content,):
            fields = safe_vars(part) or EMPTY
            if fields.get("type") == "thinking":
                self._say("reasoning_content", content_text(fields.get("thinking")))
            else:
                self._say("content", content_text(part))

    def _add_call(self, delta: Vars) -> None:
        # Some send all calls under one index, told apart by their ids only.
        index, call_id = safe_get.number(delta.get("index")), name(delta, "id")
        call = self._open_calls.get((index, call_id))
        if call is None:
            call = ([], [])
            self._calls.append(call)
            self._open_calls[index, call_id] = self._open_calls[index, None] = call
        function = inner(delta, "function", "custom") or delta
        call[0].append(name(function, "name") or "")
        call[1].append(content_text(function.get("arguments") or function.get("input")))

    def whole(self) -> Fields:
        said: Fields = {where: "".join(texts) for where, texts in self._texts.items()}
        ending: Fields = {"finish_reason": self._finish_reason, "error": self._error}
        if self._is_text:
            return {"text": said.get("content", ""), **ending}
        transcript = said.pop("transcript", None)
        if transcript:
            said["audio"] = {"transcript": transcript}
        calls = [
            {"name": next(filter(None, called), ""), "arguments": "".join(arguments)}
            for called, arguments in self._calls
        ]
        return {"message": {"role": self._role or "assistant", **said, **self._lists, "tool_calls": calls}, **ending}
