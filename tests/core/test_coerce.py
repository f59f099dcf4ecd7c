"""Any value as text or plain JSON types: objects by the fields they hold, and each as good as it can be."""

from __future__ import annotations

import dataclasses
import json
import types
from typing import Any

import pydantic
import pytest

from helicone_logging.core import bounded
from helicone_logging.core.bounded import CUT
from helicone_logging.core.coerce import plain_of, scalar_of, text_of


class Order(pydantic.BaseModel):
    number: int
    item: str


@dataclasses.dataclass
class Half:
    number: int
    item: str = dataclasses.field(init=False)


@dataclasses.dataclass(slots=True)
class SlottedHalf:
    number: int
    item: str = dataclasses.field(init=False)


class Lazy:
    def __get__(self, instance: object, owner: type) -> list[str]:
        raise AssertionError("a query")


def mapped() -> object:
    row = dataclasses.make_dataclass("Customer", [("name", str), ("orders", list)])("ada", [])
    del row.__dict__["orders"]
    type(row).orders = Lazy()
    return row


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Order(number=1, item="tea"), {"number": 1, "item": "tea"}),
        (Order.model_construct(number=1), {"number": 1}),
        (Half(1), {"number": 1}),
        (SlottedHalf(1), {"number": 1}),
        (mapped(), {"name": "ada"}),
        ([1, Order.model_construct(number=1), 3], [1, {"number": 1}, 3]),
        ({"deep": [{"order": Half(1)}]}, {"deep": [{"order": {"number": 1}}]}),
    ],
)
def test_an_object_shows_the_fields_that_it_holds(value: object, shown: Any) -> None:
    assert plain_of(value) == shown
    assert text_of(value) == json.dumps(shown, separators=(",", ":"))


class TextProxy:
    """As werkzeug's `LocalProxy` or Django's lazy texts: it says that it is a text, and is none."""

    @property
    def __class__(self) -> Any:  # type: ignore[override]
        return str

    def __str__(self) -> str:
        return "proxied"


def test_a_proxy_of_a_text_is_that_text() -> None:
    assert text_of(TextProxy()) == "proxied"
    assert text_of([TextProxy()]) == '["proxied"]'


def test_what_is_long_shows_its_beginning_whole() -> None:
    rows = [[number, number] for number in range(20_000)]
    plain = plain_of(rows)
    assert isinstance(plain, list)
    assert plain[:3000] == rows[:3000]
    assert plain[-1] == CUT


def test_values_of_one_record_share_its_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "MAX_OF_RECORD", 10)
    with bounded.RecordBudget():
        assert text_of(list(range(6))) == "[0,1,2,3,4,5]"
        assert text_of(list(range(6))) == f'[0,1,2,3,"{CUT}"]'
        assert bounded.left() <= 0
        assert text_of([1]) == CUT
    assert text_of([1]) == "[1]"


@pytest.mark.parametrize("kind", [ValueError, lambda value: types.SimpleNamespace(a=value)])
def test_an_object_that_prints_shared_lists_shows_their_beginning(kind: Any) -> None:
    shared: object = "x"
    for _ in range(60):
        shared = [shared] * 10
    assert CUT in text_of(kind(shared))
    assert CUT in text_of([kind(shared)])
    assert text_of(kind(["x"])) == (f"ValueError: {['x']}" if kind is ValueError else "namespace(a=['x'])")


def test_a_long_text_that_stands_in_a_list_many_times_is_not_written_as_often() -> None:
    """Half a megabyte in memory would be half a gigabyte of JSON."""
    assert len(text_of(["x" * 100_000] * 5_000)) < 50_000_000
    assert len(text_of({str(number): "x" * 100_000 for number in range(5_000)})) < 50_000_000
    assert text_of(["x" * 100_000] * 3).count("x") == 300_000


def test_what_holds_itself_is_marked_where_it_comes_again_and_what_is_shared_is_not() -> None:
    node: dict[str, Any] = {"name": "a"}
    node["children"] = [{"parent": node}]
    assert text_of(node) == '{"name":"a","children":[{"parent":"…"}]}'
    assert text_of([node["name"], *[[1]] * 2]) == '["a",[1],[1]]'


def test_what_is_nested_too_deep_is_marked_there() -> None:
    value: list[Any] = []
    for _ in range(100):
        value = [value]
    assert text_of(value) == "[" * 24 + '"…"' + "]" * 24


def test_a_whole_number_of_any_class_stays_a_number() -> None:
    class Count(int):
        def __str__(self) -> str:
            return "many"

    assert type(scalar_of(Count(7))) is int
    assert scalar_of(Count(7)) == 7
