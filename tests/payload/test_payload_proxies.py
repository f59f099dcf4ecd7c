"""What stands for a value at the call is sent as that value: as an id, as a text, in lists, and in a bound context."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.utils.functional import SimpleLazyObject, lazy
from payloads import TRACE, record, row, sent, traced
from werkzeug.local import LocalProxy

from helicone_logging import OTELTraceFormatter, bind

PROXIES = [LocalProxy, SimpleLazyObject, lambda make: lazy(make, str)()]


@pytest.mark.parametrize("proxy", PROXIES, ids=["LocalProxy", "SimpleLazyObject", "lazy text"])
def test_a_proxy_of_a_text_is_sent_as_that_text(proxy: Callable[[Callable[[], str]], Any]) -> None:
    values: dict[str, Any] = {
        "trace_id": TRACE, "user_id": "ada", "session_id": "s1", "model": "gpt-4o", "prompt": "Where?",
        "completion": "Here.", "order": "o-7",
    }  # fmt: skip
    given = {name: proxy(lambda value=value: value) for name, value in values.items()}  # type: ignore[misc]
    assert row(record(extra=given)) == row(record(extra=values))
    assert sent(record(extra=given))["order"] == "o-7"


@pytest.mark.parametrize("proxy", PROXIES[:2], ids=["LocalProxy", "SimpleLazyObject"])
def test_a_proxy_of_any_value_is_sent_as_that_value(proxy: Callable[[Callable[[], object]], Any]) -> None:
    values: dict[str, Any] = {
        "prompt_tokens": 5, "duration_ms": 12, "messages": [{"role": "user", "content": "a"}],
        "properties": {"tenant": "acme"}, "helicone": {"user_id": "ada"}, "status": 500,
    }  # fmt: skip
    given = {name: proxy(lambda value=value: value) for name, value in values.items()}  # type: ignore[misc]
    assert row(traced(extra=given)) == row(traced(extra=values))


def test_proxies_within_lists_and_mappings_are_resolved() -> None:
    said = LocalProxy(lambda: "inside")
    made = traced(
        messages=[{"role": "user", "content": said}], properties={"tenant": said}, tags=[SimpleLazyObject(lambda: "a")]
    )
    shown = row(made)
    assert shown.messages[0].content == "inside"
    assert shown.properties["tenant"] == "inside"
    assert sent(made)["tags"] == '["a"]'


def test_a_bound_proxy_is_resolved_when_something_is_logged() -> None:
    users = ["ada", "bob"]
    with bind(user_id=LocalProxy(lambda: users[0])):
        first = OTELTraceFormatter().entry(traced())
        users.pop(0)
        second = OTELTraceFormatter().entry(traced())
    assert b'"ada"' in first.encode()
    assert b'"bob"' in second.encode()


def test_a_proxy_that_stands_for_nothing_costs_its_own_field_only() -> None:
    def unbound() -> None:
        raise RuntimeError("working outside of a request")

    shown = row(traced(user_id=LocalProxy(unbound), model="gpt-4o"))
    assert (shown.user, shown.model) == ("", "gpt-4o")
