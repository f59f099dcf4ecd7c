"""What an object holds is read, and nothing else: no property, no query, no iterator."""

from __future__ import annotations

import dataclasses
import typing
from collections import UserDict
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock, Mock

import pydantic
import pytest

from helicone_logging.core.safe_vars import safe_vars


class Plain:
    role = "user"  # a constant of the class

    def __init__(self) -> None:
        self.content = "Hi"


class Slotted:
    __slots__ = ("content", "never_set", "role")

    def __init__(self) -> None:
        self.role, self.content = "user", "Hi"


@dataclasses.dataclass
class Data:
    role: str
    content: str


@dataclasses.dataclass(slots=True)
class SlottedData:
    role: str
    content: str


class Model(pydantic.BaseModel):
    role: str
    content: str


class Open(pydantic.BaseModel, extra="allow"):
    role: str


class Named(typing.NamedTuple):
    role: str
    content: str


class Custom(Mapping[str, str]):
    def __getitem__(self, key: str) -> str:
        return {"role": "user", "content": "Hi"}[key]

    def __iter__(self) -> Iterator[str]:
        return iter(("role", "content"))

    def __len__(self) -> int:
        return 2


SAID = {"role": "user", "content": "Hi"}


@pytest.mark.parametrize(
    "value",
    [
        SAID,
        SimpleNamespace(**SAID),
        Plain(),
        Slotted(),
        Data(**SAID),
        SlottedData(**SAID),
        Model(**SAID),
        Open(**SAID),
        Named(**SAID),
        Custom(),
        UserDict(SAID),
    ],
    ids=lambda value: type(value).__name__,
)
def test_objects_of_all_kinds_are_read_alike(value: object) -> None:
    assert safe_vars(value) == SAID
    assert safe_vars(value) == SAID  # once more, as its class is known now


def test_a_partly_built_model_loses_one_field_only() -> None:
    assert safe_vars(Model.model_construct(role="user")) == {"role": "user"}
    assert safe_vars(Slotted.__new__(Slotted)) == {}
    assert safe_vars(Model.__new__(Model)) in ({}, None)


class Column:
    """As of an ORM: to read it is a query."""

    queries = 0

    def __get__(self, instance: object, owner: type) -> str:
        Column.queries += 1
        return "queried"


class Row:
    expired = Column()

    def __init__(self) -> None:
        self.loaded = "Hi"

    @property
    def computed(self) -> str:
        Column.queries += 1
        return "computed"


def test_no_descriptor_is_asked() -> None:
    before = Column.queries
    assert safe_vars(Row()) == {"loaded": "Hi"}
    assert Column.queries == before


class Recorder:
    def __getattr__(self, name: str) -> Any:
        return Recorder()


@pytest.mark.parametrize(
    "value",
    [
        "Hi",
        b"Hi",
        5,
        None,
        True,
        [1],
        (1, 2),
        {1},
        int,
        Plain,
        MagicMock(role="user"),
        Mock(),
        Recorder(),
        iter([1]),
        object(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_names_or_all_of_them_holds_nothing(value: object) -> None:
    assert safe_vars(value) is None


def test_classes_without_end_do_not_pile_up() -> None:
    from helicone_logging.core import safe_vars as module

    for _ in range(module._MAX_CLASSES + 10):
        assert safe_vars(type("Once", (), {})()) == {}
    assert len(module._readers) <= module._MAX_CLASSES
