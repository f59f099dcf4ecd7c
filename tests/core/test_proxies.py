"""Transparent proxies are taken for what they stand for, and nothing else is taken for a proxy."""

from __future__ import annotations

import types
import uuid
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
import wrapt
from django.utils.functional import SimpleLazyObject, lazy
from werkzeug.local import LocalProxy

from helicone_logging.core.coerce import plain_of, text_of
from helicone_logging.core.proxies import all_resolved, resolved


def lazy_text(make: Callable[[], object]) -> Any:
    """As Django's `gettext_lazy`."""
    return lazy(make, str)()


VALUES = ["ada", 5, 1.5, True, None, ["a"], {"a": 1}, uuid.UUID(int=5), types.SimpleNamespace(name="tea")]


@pytest.mark.parametrize("value", VALUES, ids=repr)
@pytest.mark.parametrize("proxy", [LocalProxy, SimpleLazyObject, lambda make: wrapt.ObjectProxy(make())])
def test_a_proxy_is_taken_for_what_it_stands_for(
    proxy: Callable[[Callable[[], object]], object], value: object
) -> None:
    assert resolved(proxy(lambda: value)) is value
    assert resolved(LocalProxy(lambda: proxy(lambda: value))) is value


def test_a_lazy_text_is_that_text() -> None:
    assert resolved(lazy_text(lambda: "ada")) == "ada"
    assert text_of({"user": lazy_text(lambda: "ada")}) == '{"user":"ada"}'


class OwnProxy:
    """One that nobody knows."""

    def __init__(self, value: object) -> None:
        self.value = value

    @property
    def __class__(self) -> Any:  # type: ignore[override]
        return type(self.value)

    def __str__(self) -> str:
        return str(self.value)

    def __iter__(self) -> Any:
        return iter(self.value)  # type: ignore[call-overload]


def test_a_proxy_of_another_make_is_resolved_where_it_stands_for_a_value_of_a_built_in_type() -> None:
    assert (resolved(OwnProxy("ada")), resolved(OwnProxy(["a"]))) == ("ada", ["a"])
    unknown = OwnProxy(uuid.UUID(int=5))
    assert resolved(unknown) is unknown


def test_proxies_in_lists_and_dicts_are_resolved_and_what_held_them_is_not_changed() -> None:
    held = {"list": [1, LocalProxy(lambda: "a"), {"deep": (SimpleLazyObject(lambda: "b"),)}], "same": ["x"]}
    before = dict(held)
    found = all_resolved(held)
    assert found == {"list": [1, "a", {"deep": ("b",)}], "same": ["x"]}
    assert [type(one) for one in found["list"]] == [int, str, dict]  # type: ignore[index]
    assert found["same"] is held["same"]  # type: ignore[index]
    assert held == before
    assert type(held["list"][1]) is LocalProxy


def test_what_holds_no_proxy_is_returned_as_it_is() -> None:
    held = {"a": [1, {"b": object()}], "c": types.SimpleNamespace()}
    assert all_resolved(held) is held


def test_a_value_that_holds_itself_is_looked_at_once() -> None:
    held: list[Any] = [object()]
    held += [held] * 30
    assert all_resolved(held) is held


def test_a_proxy_that_stands_for_nothing_now_stays_what_it_is() -> None:
    def unbound() -> None:
        raise RuntimeError("working outside of a request")

    proxy = LocalProxy(unbound)
    assert resolved(proxy) is proxy
    assert text_of(proxy) == "<unreadable LocalProxy>"


def test_a_proxy_that_stands_for_itself_ends() -> None:
    proxy: Any = LocalProxy(lambda: proxy)
    assert resolved(proxy) is proxy


@pytest.mark.parametrize("value", [mock.MagicMock(), mock.Mock(spec=uuid.UUID), object(), lambda: 1, int, types])
def test_what_is_no_proxy_stays_what_it_is(value: object) -> None:
    assert resolved(value) is value


def test_a_proxy_is_asked_once() -> None:
    asked: list[int] = []

    def ask() -> dict[str, object]:
        asked.append(1)
        return {"name": "ada", "at": [1]}

    assert plain_of([LocalProxy(ask)]) == [{"name": "ada", "at": [1]}]
    assert len(asked) == 1
