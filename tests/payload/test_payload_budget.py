"""Whoever logs waits while a record is read, so no record is read without end, whatever its lists hold."""

from __future__ import annotations

import pytest
from payloads import PROPERTY, row, sent, traced

from helicone_logging import OTELTraceFormatter
from helicone_logging.core import bounded
from helicone_logging.core.bounded import CUT

MATRIX = [[0.5] * 100 for _ in range(100)]
WIDE = {
    "messages": MATRIX,
    "messages of parts": [{"role": "user", "content": MATRIX}] * 50,
    "messages without a role": [{"unknown": MATRIX}] * 50,
    "completion": MATRIX,
    "tool_calls": [{"name": "f", "arguments": MATRIX}] * 50,
    "properties": {f"property {number}": MATRIX for number in range(50)},
    "llm_request": {"model": "m", "messages": [{"role": "user", "content": MATRIX}] * 50},
    "llm_response": {"choices": [{"message": {"role": "assistant", "content": MATRIX}}] * 50},
    "helicone": {"completion": MATRIX},
    "shared": [[[[MATRIX] * 10] * 10] * 10],
}


class Counted(list):
    """A list that counts how often something was read from any of its kind."""

    reads = 0

    def __iter__(self):
        for item in super().__iter__():
            Counted.reads += 1
            yield item


def counted(value: object) -> object:
    """The same with lists that count."""
    if type(value) is list:
        return Counted(map(counted, value))
    return {key: counted(item) for key, item in value.items()} if type(value) is dict else value


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> int:
    """How much may be read, much less than usual."""
    monkeypatch.setattr(bounded, "MAX_OF_RECORD", 500)
    return bounded.MAX_OF_RECORD


@pytest.mark.parametrize("name", WIDE)
def test_a_record_is_read_to_a_bound(name: str, small: int) -> None:
    made = traced("ask", **{name.split(maxsplit=1)[0]: WIDE[name]})
    shown = OTELTraceFormatter().format(made)
    assert shown.count("0.5") <= small
    assert CUT in shown


@pytest.mark.parametrize("name", WIDE)
def test_what_is_not_shown_is_hardly_read(name: str, small: int) -> None:
    made = traced("ask", **{name.split(maxsplit=1)[0]: counted(WIDE[name])})
    Counted.reads = 0
    OTELTraceFormatter().format(made)
    assert Counted.reads < 20 * small  # each list is copied as a whole, so that it cannot change meanwhile


def test_all_values_of_a_record_share_the_bound_and_the_next_record_has_its_own(small: int) -> None:
    formatter = OTELTraceFormatter()
    for _ in range(4):
        found = sent(traced("ask", **{f"list {number}": list(range(300)) for number in range(3)}), formatter)
        lengths = [found[f"list {number}"].count(",") + 1 for number in range(3)]
        assert lengths == [300, 201, 1]
        assert found["list 2"] == CUT


def test_text_and_numbers_are_shown_however_much_was_read_before(small: int) -> None:
    found = sent(
        traced("ask", first=MATRIX, properties={"tenant": "acme", "size": 3}, model="m", after=1.5, last={"of": 1})
    )
    assert (found[PROPERTY + "tenant"], found[PROPERTY + "size"]) == ("acme", "3")
    assert found["after"] == "1.5"
    assert found["last"] == CUT
    assert len(found["first"]) < 5 * small
    long = [{"role": "user", "content": f"{number}"} for number in range(400)]
    shown = row(traced("ask", messages=[{"role": "user", "content": MATRIX}, *long])).messages
    assert [message.content for message in shown[1:]] == [f"{number}" for number in range(400)]


def test_a_record_that_is_made_while_another_is_read_has_its_own_bound(small: int) -> None:
    formatter, inner = OTELTraceFormatter(), []

    class Telling:
        def __str__(self) -> str:
            inner.append(sent(traced("inside", items=list(range(400))), formatter)["items"])
            return "told"

    found = sent(traced("ask", first=list(range(400)), second=Telling(), third=list(range(400))), formatter)
    assert inner[0].count(",") == 399
    assert found["second"] == "told"
    assert [found[name].count(",") for name in ("first", "third")] == [399, 100]


def test_messages_that_come_again_are_cut_where_those_that_came_first_are(small: int) -> None:
    formatter = OTELTraceFormatter()
    messages = [{"role": "user", "content": [{"type": "text", "text": "x"}] * 60} for _ in range(20)]
    shown = [row(traced("ask", messages=messages), formatter).messages for _ in range(6)]
    assert CUT in shown[0][-1].content
    assert shown == [shown[0]] * 6
