"""Values of every type for hypothesis: plain, foreign, cyclic, and objects that raise wherever they are touched."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import pathlib
import re
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy
import pydantic
from hypothesis import strategies as st


class Given:
    """Holds a value of a test, and shows it in a failure's report without running the value's own code."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return _shown(self.value, 0)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))


def _shown(value: object, depth: int) -> str:
    kind = type(value)
    if depth > 6:
        return "…"
    if kind is dict:
        items = dict.items(value)  # type: ignore[arg-type]
        return "{" + ", ".join(f"{_shown(key, depth + 1)}: {_shown(item, depth + 1)}" for key, item in items) + "}"
    if kind in (list, tuple, set, frozenset, collections.deque):
        return f"{kind.__name__}({', '.join(_shown(item, depth + 1) for item in value)})"  # type: ignore[attr-defined]
    if kind is int:
        return hex(value)  # type: ignore[call-overload]
    own = [name for name in vars(kind) if name in _METHODS] if kind.__name__.startswith("Hostile") else []
    if own:
        return f"<{kind.__name__} {len(own)} methods {own[:5]}>"
    try:
        return f"{kind.__name__} {value!r}"
    except Exception:
        return f"<{kind.__name__}>"


class Color(enum.Enum):
    RED = "red"
    DEEP = 2
    LIST = ("a", 1)


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 10**20


@dataclasses.dataclass
class Order:
    number: int
    items: list[object]


@dataclasses.dataclass(slots=True)
class Halfmade:
    never_set: int

    def __init__(self) -> None:
        pass


class Point(collections.namedtuple("Point", "x y")):
    pass


class Customer(pydantic.BaseModel):
    name: str
    tags: list[object] = []


class Broken(Mapping[str, object]):
    """A mapping that lies about its length and raises when it is read."""

    def __getitem__(self, key: str) -> object:
        raise RuntimeError("hostile")

    def __iter__(self) -> Iterator[str]:
        return iter(("role", "content", "type"))

    def __len__(self) -> int:
        return 10**9


class Liar:
    """Its class is another one than it says."""

    def __init__(self, claims: type) -> None:
        self._claims = claims

    @property
    def __class__(self) -> Any:  # type: ignore[override]
        return self._claims


class Comparing(type):
    """Classes that are compared in a way of their own have no hash, so no set or dict can be asked for one."""

    def __eq__(cls, other: object) -> bool:
        return cls is other


class Hashless(metaclass=Comparing):
    pass


class Mock:
    """Has every attribute, and every one of them is another one of it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Mock()

    def __call__(self, *args: object, **kwargs: object) -> Any:
        return Mock()


def _raise(*args: object, **kwargs: object) -> Any:
    raise RuntimeError("hostile")


def _lie(*args: object, **kwargs: object) -> Any:
    return NotImplemented


_METHODS = (
    "__str__", "__repr__", "__format__", "__len__", "__bool__", "__eq__", "__ne__", "__lt__", "__gt__", "__iter__",
    "__next__", "__getitem__", "__contains__", "__getattr__", "__getattribute__", "__int__", "__float__", "__index__",
    "__round__", "__trunc__", "__floordiv__", "__mul__", "__add__", "__call__", "__dir__", "__reduce__", "__sizeof__",
    "keys", "items", "values", "get", "strip", "lower", "upper", "encode", "split", "partition", "startswith",
    "isoformat", "astimezone", "tzinfo", "utcoffset", "hex", "bit_length", "is_integer", "model_dump", "to_dict",
    "name", "value", "message", "args",
)  # fmt: skip
_BASES: tuple[tuple[type, tuple[object, ...]], ...] = (
    (object, ()),
    (str, ("some text",)),
    (str, ("",)),
    (bytes, (b"some bytes",)),
    (int, (7,)),
    (float, (0.5,)),
    (list, ([1, "a"],)),
    (dict, ({"role": "user", "content": "hi"},)),
    (tuple, (("a", 1),)),
    (set, ({"a"},)),
    (collections.OrderedDict, ({"a": 1},)),
    (Exception, ("went wrong",)),
    (datetime.datetime, (2025, 1, 2)),
    (datetime.timedelta, (1,)),
    (datetime.tzinfo, ()),
    (decimal.Decimal, ("1.5",)),
    (fractions.Fraction, (1, 3)),
)


def _hostile_class(base: type, methods: frozenset[str], body: Callable[..., Any]) -> type:
    def namespace(members: dict[str, Any]) -> None:
        members.update(dict.fromkeys(methods, body))
        members.setdefault("__hash__", object.__hash__)

    return types.new_class(f"Hostile{base.__name__.title()}", (base,), exec_body=namespace)


def _make_hostile(base_and_args: tuple[type, tuple[object, ...]], methods: frozenset[str], is_liar: bool) -> object:
    base, args = base_and_args
    made: object = _hostile_class(base, methods, _lie if is_liar else _raise)(*args)
    return made


hostile = st.builds(
    _make_hostile,
    st.sampled_from(_BASES),
    st.one_of(
        st.frozensets(st.sampled_from(_METHODS), min_size=1, max_size=4),
        st.just(frozenset(_METHODS)),
        st.just(frozenset(_METHODS) - {"__getattribute__"}),
    ),
    st.booleans(),
)

any_text = st.one_of(
    st.text(st.characters(exclude_categories=())),
    st.text(st.sampled_from("\ud800\udfff\x00\x1b\u2028\u202e/\\\"'{}[]<>%\n\r\t \ufeff\U0001f600aZ0"), max_size=40),
    st.sampled_from(
        ["", " ", "null", "{}", "[1]", "nan", "-1", "1e400", "0" * 32, "%s %d", "x" * 5_000, "０１２", "²"]
    ),
)
_ints = st.one_of(
    st.integers(),
    st.sampled_from([2**53, 2**53 + 1, -(2**53) - 1, 2**64, True]),
    st.builds(lambda sign: sign * 10**5_000, st.sampled_from([1, -1])),
)
_offset = datetime.timedelta(hours=23)
zones = st.builds(datetime.timezone, st.timedeltas(-_offset, _offset))  # not those of a database, which Windows lacks
_dates = st.one_of(
    st.datetimes(timezones=st.none() | zones),
    st.dates(),
    st.times(),
    st.timedeltas(),
    st.sampled_from([datetime.datetime.max, datetime.datetime.min, datetime.timedelta.max]),
)
_numpy = st.sampled_from([
    numpy.float64(0.1), numpy.float32("nan"), numpy.float16(65504), numpy.int64(-5), numpy.uint64(2**64 - 1),
    numpy.bool_(True), numpy.str_("text"), numpy.bytes_(b"\xff"), numpy.datetime64("2025-01-02"),
    numpy.timedelta64(5, "s"), numpy.datetime64("NaT", "s"), numpy.complex128(1j), numpy.array([]), numpy.array([1, 2]),
    numpy.array([[1.5], [2.5]]), numpy.array(3), numpy.array([object(), "x"], dtype=object), numpy.longdouble("1e4000"),
])  # fmt: skip
_foreign = st.builds(
    lambda make: make(),
    st.sampled_from(
        [
            object,
            Mock,
            Broken,
            Hashless,
            Halfmade,
            lambda: Liar(str),
            lambda: Liar(dict),
            lambda: Liar(int),
            lambda: Liar(BaseException),
            lambda: (number for number in range(3)),
            lambda: iter([1, 2]),
            lambda: range(10**12),
            lambda: map(str, [1]),
            lambda: Customer(name="Ada", tags=[1, {"a": b"\xff"}]),
            lambda: Customer.model_construct(),
            lambda: Customer,
            lambda: Order(1, [{"a": 1}]),
            lambda: Point(1, [2]),
            lambda: types.SimpleNamespace(role="user", content="hi"),
            lambda: re.compile("a+"),
            lambda: pathlib.PurePosixPath("/a/b"),
            lambda: {}.keys(),
            lambda: {"a": 1}.items(),
            lambda: ValueError("no", 1),
            lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "why"),
            lambda: KeyError(),
            lambda: open,
            lambda: re,
            lambda: NotImplemented,
            lambda: ...,
            lambda: memoryview(b"abc"),
            lambda: bytearray(b"\xff"),
            lambda: collections.ChainMap({"a": 1}, {"b": 2}),
            lambda: collections.defaultdict(list, a=[1]),
            lambda: types.MappingProxyType({"a": 1}),
            lambda: _array_of_numbers(),
            lambda: b"\xff" * 3,
            lambda: datetime.timezone.utc,
            lambda: _cyclic_list(),
            lambda: _cyclic_dict(),
            lambda: _nested(100),
            lambda: _nested(5_000),
        ]
    ),
)


def _array_of_numbers() -> object:
    import array

    return array.array("d", [0.5, float("nan")])


def _cyclic_list() -> list[object]:
    cycle: list[object] = ["a"]
    cycle.append(cycle)
    return cycle


def _cyclic_dict() -> dict[str, object]:
    inner: dict[str, object] = {"role": "user"}
    inner["content"] = [{"type": "text", "text": inner}, inner]
    return inner


def _nested(depth: int) -> object:
    value: object = "deep"
    for _ in range(depth):
        value = [value]
    return value


leaves = st.one_of(
    st.none(), st.booleans(), _ints, st.floats(), any_text, st.binary(max_size=20), st.decimals(), st.fractions(),
    st.complex_numbers(), _dates, st.uuids(), st.sampled_from([*Color, *Level]), _numpy, _foreign, hostile,
)  # fmt: skip
keys = st.one_of(
    any_text,
    st.sampled_from(
        ["role", "content", "type", "text", "message", "tool_calls", "function", "name", "arguments", "parts"]
    ),
    st.none(),
    st.booleans(),
    _ints,
    st.floats(),
    st.binary(max_size=5),
    st.tuples(st.integers()),
    st.uuids(),
    st.sampled_from([*Color]),
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(keys, inner, max_size=4),
        st.lists(inner, max_size=3).map(tuple),
        st.lists(inner, max_size=3).map(collections.deque),
        st.frozensets(st.one_of(_ints, any_text, st.binary(max_size=3)), max_size=3),
        st.builds(Order, st.integers(), st.lists(inner, max_size=2)),
        st.builds(lambda value: Customer.model_construct(name=value, tags=[value]), inner),
        st.builds(lambda value: types.SimpleNamespace(role=value, content=[value], type="text"), inner),
    ),
    max_leaves=8,
)
