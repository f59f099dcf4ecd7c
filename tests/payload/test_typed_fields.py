"""What editors complete is what is read."""

from __future__ import annotations

import typing

from payloads import record, row

from helicone_logging import Fields
from helicone_logging.payload.fields import FIELDS, OUR_OWN, READERS


def test_the_typed_fields_are_those_of_the_table() -> None:
    """With their aliases, but for those of OpenTelemetry, which have dots, as no name of an attribute in Python can."""
    typed = set(typing.get_type_hints(Fields))
    assert typed <= set(READERS)
    assert {name for name in READERS if "." not in name} - OUR_OWN == typed
    assert not Fields.__required_keys__
    assert {name for name in FIELDS if "." not in name} - OUR_OWN <= typed


def test_typed_fields_are_a_plain_dict() -> None:
    fields = Fields(trace_id="t", model="gpt-4o", prompt="Where?", input_tokens=3)
    assert type(fields) is dict
    shown = row(record(extra=fields))
    assert (shown.session_id, shown.model, shown.prompt_tokens) == ("t", "gpt-4o", 3)
