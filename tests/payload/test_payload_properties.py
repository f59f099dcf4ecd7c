"""Names of properties: those of all scripts arrive as they are, and no two become one."""

from __future__ import annotations

import json

import pytest
from payloads import raw_of, row, sent, traced

from helicone_logging import OTELTraceFormatter, bind

SCRIPTS = {
    "клиент": "1", "顧客": "2", "größe": "3", "grüße": "4", "ग्राहक": "5", "عميل": "6", "ลูกค้า": "7", "🍵": "8",
    "e\u0301tat": "9", "état": "10",
}  # fmt: skip


def own(properties: object) -> dict[str, str]:
    """The properties beside those that every row has."""
    shown = dict(row(traced(properties=properties)).properties)
    del shown["logger"], shown["level"]
    return shown


def test_letters_of_all_scripts_arrive_as_they_are() -> None:
    assert own(SCRIPTS) == SCRIPTS
    shown = row(traced(extra=SCRIPTS)).properties
    assert {name: shown[name] for name in SCRIPTS} == SCRIPTS


@pytest.mark.parametrize(
    "names",
    [
        ["a/b", "a:b", "a@b"],
        ["a_b", "a/b", "a_b-"],
        ["k" * 100 + "1", "k" * 100 + "2"],
        ["tenant", "Helicone-Property-tenant", "helicone-property-TENANT"],
        ["", "/", "_"],
        [" c ", "c"],
        ["a\nb", "a\u2028b", "a\ud800b"],
    ],
    ids=str,
)
def test_names_that_would_be_sent_alike_stay_different(names: list[str]) -> None:
    given = {name: str(number) for number, name in enumerate(names)}
    shown = own(given)
    assert sorted(shown.values()) == sorted(given.values())
    assert all(len(name) <= 100 and name.isprintable() for name in shown)
    assert own(given) == shown
    for name in names:
        if name in shown:  # it could be sent as it is, so it is
            assert shown[name] == given[name]
    json.loads(raw_of(traced(properties=given)))


def test_a_name_alone_has_no_hash() -> None:
    assert own({"a/b": "1"}) == {"a_b": "1"}
    assert own({"Helicone-Property-tenant": "1"}) == {"tenant": "1"}


def test_an_inner_property_wins_over_an_outer_one_of_the_same_name_and_no_other() -> None:
    formatter = OTELTraceFormatter(properties={"tenant": "handler", "größe": "handler"})
    with bind(properties={"tenant": "bound", "a/b": "bound"}):
        shown = row(traced(properties={"Helicone-Property-tenant": "own", "a:b": "own"}), formatter).properties
    assert (shown["tenant"], shown["größe"]) == ("own", "handler")
    assert sorted(value for name, value in shown.items() if name.startswith("a_b")) == ["bound", "own"]


def test_fields_whose_names_would_be_sent_alike_are_different_properties() -> None:
    shown = row(traced(extra={"a/b": "1", "a:b": "2"})).properties
    assert sorted(value for name, value in shown.items() if name.startswith("a_b")) == ["1", "2"]
    assert sent(traced(extra={"a/b": "1"}))["a/b"] == "1"
