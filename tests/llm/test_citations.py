"""Citations and grounding: what an answer names as its sources is listed behind its text, each once."""

from __future__ import annotations

from typing import Any

import pytest
from provider_fixtures import Form, as_dict, load, real

from helicone_logging.llm.citations import MAX_SOURCES, with_sources
from helicone_logging.llm.content import content_text
from helicone_logging.llm.messages import Message, read_messages
from helicone_logging.llm.providers.responses import read_response

SHOWN = "Cats purr.\n[source 1] On cats, https://a.example/cats"
URL = "https://a.example/cats"


@pytest.mark.parametrize(
    "content",
    [
        [
            {
                "type": "output_text",
                "text": "Cats purr.",
                "annotations": [{"type": "url_citation", "url": URL, "title": "On cats"}],
            }
        ],
        [
            {
                "type": "text",
                "text": "Cats purr.",
                "citations": [
                    {"type": "web_search_result_location", "url": URL, "title": "On cats", "cited_text": "purr"},
                    {"type": "web_search_result_location", "url": URL, "title": "On cats", "cited_text": "cats"},
                ],
            }
        ],
        [
            {
                "citationsContent": {
                    "content": [{"text": "Cats purr."}],
                    "citations": [{"title": "On cats", "location": {"web": {"url": URL}}}],
                }
            }
        ],
    ],
)
def test_what_parts_cite_is_listed_once_behind_all_of_them(content: Any) -> None:
    assert content_text(content) == SHOWN


@pytest.mark.parametrize(
    "beside",
    [
        {"annotations": [{"type": "url_citation", "url_citation": {"url": URL, "title": "On cats"}}]},
        {"citations": [{"text": "Cats", "sources": [{"id": "d", "document": {"title": "On cats", "url": URL}}]}]},
    ],
)
def test_what_a_message_cites_is_listed(beside: dict[str, Any]) -> None:
    assert read_messages({"role": "assistant", "content": "Cats purr.", **beside}) == [Message("assistant", SHOWN)]


@pytest.mark.parametrize("form", [as_dict, real("openai.types.chat:ChatCompletion")])
def test_perplexity_s_sources_keep_the_order_that_the_answer_numbers(form: Form) -> None:
    data = load("openai_chat")
    data["choices"] = [{**data["choices"][0], "message": {"role": "assistant", "content": "Cats purr.[1][2]"}}]
    data["citations"] = [URL, "https://b.example"]
    data["search_results"] = [{"title": "B", "url": "https://b.example"}, {"title": "On cats", "url": URL}]
    fields = read_response(form(data))
    assert fields is not None
    assert fields["completion"][0].content.splitlines()[1:] == [  # type: ignore[index]
        f"[source 1] On cats, {URL}",
        "[source 2] B, https://b.example",
    ]


def test_google_s_grounding_is_listed() -> None:
    chunks = [{"web": {"uri": URL, "title": "On cats"}}]
    for key, metadata in (
        ("groundingMetadata", {"groundingChunks": chunks}),
        ("grounding_metadata", {"grounding_chunks": chunks}),
    ):
        candidate = {"content": {"parts": [{"text": "Cats purr."}]}, "finishReason": "STOP", key: metadata}
        for answer in ({"candidates": [candidate]}, [{"candidates": [candidate]}]):
            fields = read_response(answer)
            assert fields is not None
            assert fields["completion"][0].content == SHOWN  # type: ignore[index]


def test_a_document_without_a_place_is_named() -> None:
    cited = [{"type": "char_location", "document_title": "Report", "document_index": 0, "cited_text": "x"}]
    assert content_text([{"type": "text", "text": "Hi", "citations": cited}]) == "Hi\n[source 1] Report"


@pytest.mark.parametrize("nothing", [None, [], [{}], [None], "", [{"type": "file_path"}]])
def test_no_source_is_no_line(nothing: Any) -> None:
    assert with_sources("Hi", nothing) == "Hi"
    assert content_text([{"type": "text", "text": "Hi", "annotations": nothing}]) == "Hi"


def test_a_flood_of_sources_is_cut() -> None:
    shown = with_sources("Hi", [f"https://a.example/{number}" for number in range(10_000)])
    assert shown.count("[source ") == MAX_SOURCES
