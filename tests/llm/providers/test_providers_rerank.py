from __future__ import annotations

from typing import Any

import pytest
from provider_fixtures import PLAIN, Form, real

from helicone_logging.llm.messages import Choice, Message
from helicone_logging.llm.providers.requests import read_request
from helicone_logging.llm.providers.responses import read_response

COHERE: dict[str, Any] = {
    "id": "x-1",
    "results": [{"index": 1, "relevance_score": 0.98}, {"index": 0, "relevance_score": 0.0123456}],
    "meta": {"billed_units": {"search_units": 1}},
}


def test_the_query_is_the_message() -> None:
    asked = {"model": "rerank-v3.5", "query": "Which is the capital?", "documents": ["Rome", "Paris"], "top_n": 2}
    assert read_request(asked) == {
        "model": "rerank-v3.5",
        "operation": "rerank",
        "messages": [Message("user", "Which is the capital?")],
    }


@pytest.mark.parametrize("form", [*PLAIN, real("cohere.types:RerankResponse", "cohere:RerankResponse")])
def test_the_order_of_the_documents_is_the_answer(form: Form) -> None:
    assert read_response(form(COHERE)) == {
        "operation": "rerank",
        "provider": "cohere",
        "response_id": "x-1",
        "completion": [Choice("assistant", "[document 1] 0.98\n[document 0] 0.01235", None)],
    }


@pytest.mark.parametrize("document", ["Paris", {"text": "Paris"}])
def test_documents_that_come_back_are_shown_and_a_total_is_what_was_asked(document: object) -> None:
    fields = read_response(
        {
            "object": "list",
            "data": [{"index": 0, "relevance_score": 0.5, "document": document}],
            "model": "rerank-2",
            "usage": {"total_tokens": 26},
        }
    )
    assert fields is not None
    assert fields["completion"] == [Choice("assistant", "[document 0] 0.5 Paris", None)]
    assert (fields["prompt_tokens"], fields["total_tokens"]) == (26, 26)
