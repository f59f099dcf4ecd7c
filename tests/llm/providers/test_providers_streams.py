"""Streams that break off: wherever one is cut, all text that came is in the answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helicone_logging.llm.providers.responses import read_response

Make = Callable[[list[str]], list[Any]]


def chat(words: list[str]) -> list[Any]:
    head = {"object": "chat.completion.chunk", "id": "c", "model": "m"}
    deltas = [{"role": "assistant", "content": ""}, *({"content": word} for word in words)]
    chunks = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    return [*chunks, {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}, {**head, "choices": []}]


def chat_calls(words: list[str]) -> list[Any]:
    calls = [{"index": 0, "function": {"arguments": word}} for word in words]
    first = {"index": 0, "id": "c1", "function": {"name": "f", "arguments": ""}}
    return [{"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]} for call in (first, *calls)]


def sound(words: list[str]) -> list[Any]:
    return [{"choices": [{"index": 0, "delta": {"audio": {"transcript": word, "data": "AAAA"}}}]} for word in words]


def completion(words: list[str]) -> list[Any]:
    chunks = [{"object": "text_completion", "choices": [{"index": 0, "text": word}]} for word in words]
    return [*chunks, {"object": "text_completion", "choices": [{"index": 0, "finish_reason": "stop"}]}]


def responses(kind: str) -> Make:
    def make(words: list[str]) -> list[Any]:
        created = {"object": "response", "id": "r", "model": "m", "status": "in_progress", "output": []}
        deltas = [{"type": f"response.{kind}.delta", "output_index": 0, "delta": word} for word in words]
        return [{"type": "response.created", "response": created}, *deltas]

    return make


def anthropic(kind: str, key: str) -> Make:
    def make(words: list[str]) -> list[Any]:
        started = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": []}
        usage = {"input_tokens": 1, "output_tokens": 1}
        start = {"type": "content_block_start", "index": 0, "content_block": {"type": kind, "name": "f", "input": {}}}
        deltas = [{"type": "content_block_delta", "index": 0, "delta": {key: word}} for word in words]
        return [{"type": "message_start", "message": {**started, "usage": usage}}, start, *deltas]

    return make


def google(words: list[str]) -> list[Any]:
    return [{"candidates": [{"content": {"parts": [{"text": word}]}}]} for word in words]


def converse(words: list[str]) -> list[Any]:
    deltas = [{"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": word}}} for word in words]
    return [{"messageStart": {"role": "assistant"}}, *deltas, {"messageStop": {"stopReason": "end_turn"}}]


def llama(words: list[str]) -> list[Any]:
    return [{"chunk": {"bytes": json.dumps({"generation": word}).encode()}} for word in words]


def ollama(words: list[str]) -> list[Any]:
    return [{"model": "m", "message": {"role": "assistant", "content": word}, "done": False} for word in words]


def cohere(words: list[str]) -> list[Any]:
    deltas = [{"type": "content-delta", "delta": {"message": {"content": {"text": word}}}} for word in words]
    return [{"type": "message-start", "id": "i"}, *deltas, {"type": "message-end", "delta": {}}]


def cohere_v1(words: list[str]) -> list[Any]:
    texts = [{"event_type": "text-generation", "text": word} for word in words]
    return [{"event_type": "stream-start", "generation_id": "g"}, *texts]


def langchain(words: list[str]) -> list[Any]:
    return [{"type": "AIMessageChunk", "content": word} for word in words]


def transcript(words: list[str]) -> list[Any]:
    return [{"type": "transcript.text.delta", "delta": word} for word in words]


STREAMS: dict[str, Make] = {
    "chat": chat,
    "chat calls": chat_calls,
    "sound": sound,
    "completion": completion,
    "response text": responses("output_text"),
    "response refusal": responses("refusal"),
    "response thoughts": responses("reasoning_summary_text"),
    "response call": responses("function_call_arguments"),
    "response code": responses("code_interpreter_call_code"),
    "anthropic text": anthropic("text", "text"),
    "anthropic thoughts": anthropic("thinking", "thinking"),
    "anthropic call": anthropic("tool_use", "partial_json"),
    "anthropic compaction": anthropic("compaction", "content"),
    "google": google,
    "converse": converse,
    "llama": llama,
    "ollama": ollama,
    "cohere": cohere,
    "cohere v1": cohere_v1,
    "langchain": langchain,
    "transcript": transcript,
}


def as_objects(chunks: list[Any]) -> list[Any]:
    return chunks


def as_lines(chunks: list[Any]) -> list[Any]:
    return [json.dumps(chunk) for chunk in chunks]


def as_events(chunks: list[Any]) -> list[Any]:
    return [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]


@pytest.mark.parametrize("form", [as_objects, as_lines, as_events])
@pytest.mark.parametrize("family", STREAMS)
@settings(deadline=None, max_examples=25)
@given(words=st.lists(st.text('ab {}"é\n', min_size=1, max_size=6), min_size=1, max_size=6), data=st.data())
def test_nothing_that_came_is_lost(family: str, form: Any, words: list[str], data: st.DataObject) -> None:
    if family == "llama" and form is not as_objects:
        form = as_objects  # bytes are in no JSON
    chunks = STREAMS[family](words)
    cut = data.draw(st.integers(1, len(chunks)))
    said = _said(chunks[:cut], words)
    fields = read_response(form(chunks[:cut]))
    if said:
        assert fields is not None
        (choice,) = fields["completion"]  # type: ignore[misc]
        assert said in choice.content


@pytest.mark.parametrize("is_bytes", [False, True])
@pytest.mark.parametrize("family", [family for family in STREAMS if family != "llama"])
@settings(deadline=None, max_examples=25)
@given(words=st.lists(st.text('ab {}"é\n\u2028\x85', min_size=1, max_size=6), min_size=1, max_size=6), data=st.data())
def test_nothing_that_came_is_lost_in_a_text_that_is_cut_anywhere(
    family: str, is_bytes: bool, words: list[str], data: st.DataObject
) -> None:
    """As `iter_bytes` and `iter_text` of HTTP clients give it, and as it broke off within a line."""
    chunks = STREAMS[family](words)
    events = [f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n" for chunk in chunks]
    text: Any = "".join(events).encode() if is_bytes else "".join(events)
    end = data.draw(st.integers(1, len(text)))
    cuts = sorted(data.draw(st.lists(st.integers(0, end), max_size=6)))
    pieces = [text[start:stop] for start, stop in zip([0, *cuts], [*cuts, end], strict=True)]
    came = text[:end].decode(errors="ignore") if is_bytes else text[:end]
    said = _said(chunks[: came.count("\n\n")], words)
    if said:
        for form in (pieces, text[:end]):
            fields = read_response(form)
            assert fields is not None
            (choice,) = fields["completion"]  # type: ignore[misc]
            assert said in choice.content


def _said(chunks: list[Any], words: list[str]) -> str:
    """How many of the words came: each is in a chunk of its own."""
    return "".join(words[: sum(map(_carries_a_word, chunks))])


def _carries_a_word(chunk: Any) -> bool:
    kind = chunk.get("type") or chunk.get("event_type") or ""
    if kind:
        return kind.endswith(("delta", "text-generation", "AIMessageChunk"))
    choice = (chunk.get("choices") or [{}])[0]
    delta = choice.get("delta", {})
    said = delta.get("content") or delta.get("audio") or choice.get("text")
    said = said or any(call["function"]["arguments"] for call in delta.get("tool_calls", ()))
    return bool(said or "candidates" in chunk or "contentBlockDelta" in chunk or "chunk" in chunk or "done" in chunk)


def test_the_text_of_a_whole_body_of_events_is_read() -> None:
    events = anthropic("text", "text")(["a", "b"])
    body = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    fields = read_response(body)
    assert fields is not None
    assert fields["completion"][0].content == "ab"  # type: ignore[index]


def test_usage_comes_from_wherever_a_stream_has_it() -> None:
    usage = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}
    for ending in ({"choices": [], "usage": usage}, {"choices": [], "x_groq": {"usage": usage}}):
        fields = read_response([*chat(["Hi"]), ending])
        assert fields is not None
        assert (fields["prompt_tokens"], fields["completion_tokens"], fields["total_tokens"]) == (12, 3, 15)


def test_pictures_and_errors_in_a_stream_are_shown() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    stream = [
        {"choices": [{"index": 0, "delta": {"content": "Here: ", "images": [picture]}}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "error"}], "error": {"code": 502, "message": "Down"}},
    ]
    fields = read_response(stream)
    assert fields is not None
    assert fields["completion"] == [("assistant", "Here: \n[image image/png, 3 bytes]\n[error] Down", "error")]
    assert (fields["status"], fields["properties"]) == ("error", {"exception": "502"})


@pytest.mark.parametrize(("indexes", "said"), [((1, 0), ["0", "1"]), ((0, 1), ["0", "1"]), ((None, 0), ["0", "None"])])
def test_choices_of_a_stream_stand_in_the_order_of_their_index(
    indexes: tuple[int | None, ...], said: list[str]
) -> None:
    chunks = [{"choices": [{"index": index, "delta": {"content": str(index)}}]} for index in indexes]
    fields = read_response(chunks)
    assert fields is not None
    assert [choice.content for choice in fields["completion"]] == said


@pytest.mark.parametrize(
    ("key", "mark"), [("reasoning", "thinking"), ("reasoning_content", "thinking"), ("refusal", "refusal")]
)
def test_thoughts_and_refusals_in_a_stream_are_shown_beside_the_text(key: str, mark: str) -> None:
    deltas: list[dict[str, Any]] = [{key: "One"}, {key: " two", "role": None}, {"content": "Hi"}]
    fields = read_response([{"choices": [{"index": 0, "delta": delta}]} for delta in deltas])
    assert fields is not None
    assert set(fields["completion"][0].content.split("\n")) == {f"[{mark}] One two", "Hi"}  # type: ignore[index]


def test_a_stream_may_end_with_its_message_as_a_whole() -> None:
    whole = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}}]}
    fields = read_response([{"choices": [{"index": 0, "delta": {}}]}, whole])
    assert (fields or {})["completion"] == [("assistant", "Hi", None)]


CITED = {"title": "Guide", "url": "https://a.example"}
CITING: dict[str, list[Any]] = {
    "anthropic": [
        *anthropic("text", "text")(["Hi"]),
        {"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta", "citation": CITED}},
    ],
    "converse": [*converse(["Hi"]), {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"citation": CITED}}}],
    "cohere v1": [*cohere_v1(["Hi"]), {"event_type": "citation-generation", "citations": [{"document": CITED}]}],
    "responses": [
        *responses("output_text")(["Hi"]),
        {"type": "response.output_text.annotation.added", "output_index": 0, "annotation": CITED},
    ],
}


@pytest.mark.parametrize("family", CITING)
def test_the_sources_that_a_stream_names_stand_behind_its_text(family: str) -> None:
    fields = read_response(CITING[family])
    assert fields is not None
    assert fields["completion"][0].content == "Hi\n[source 1] Guide, https://a.example"  # type: ignore[index]


def test_the_calls_in_a_stream_of_cohere_s_first_api_are_shown() -> None:
    calls = [{"name": "search", "parameters": {"q": "x"}}]
    fields = read_response([*cohere_v1([]), {"event_type": "tool-calls-generation", "tool_calls": calls}])
    assert (fields or {})["completion"] == [("assistant", '[tool call] search({"q":"x"})', None)]


def test_an_error_that_ends_a_stream_of_anthropic_stands_behind_its_text() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}}
    fields = read_response([*anthropic("text", "text")(["Hi"]), error])
    assert fields is not None
    assert fields["completion"][0].content == "Hi\n[error] Busy"  # type: ignore[index]
    assert (fields["status"], fields["properties"]) == ("error", {"exception": "overloaded_error"})
