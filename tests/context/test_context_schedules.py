"""Two coroutines, interleaved at every await in every order, never share a field."""

from __future__ import annotations

import contextlib
import contextvars
import logging
import types
from collections.abc import Coroutine, Generator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from helicone_logging.context.binding import begin, bind, current, extend
from helicone_logging.context.tracing import span

KEYS = st.sampled_from(["user_id", "session_id", "tenant", "properties"])
PROGRAMS = st.recursive(
    st.one_of(st.just(("look",)), st.tuples(st.just("extend"), KEYS)),
    lambda inner: st.one_of(
        st.tuples(st.just("bind"), KEYS, st.lists(inner, max_size=3)),
        st.tuples(st.just("decorated"), KEYS, st.lists(inner, max_size=3)),
        st.tuples(st.just("generator"), KEYS, st.lists(inner, max_size=3)),
        st.tuples(st.just("fails"), KEYS, st.lists(inner, max_size=3)),
        st.tuples(st.just("span"), KEYS, st.lists(inner, max_size=3)),
    ),
    max_leaves=8,
)


@types.coroutine
def give_way() -> Generator[None, None, None]:
    yield


class Worker:
    """Runs a program, and compares what is bound with what it has bound itself."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.looks = 0

    def value(self, key: str, depth: int) -> object:
        return {f"{self.name}{depth}": self.name} if key == "properties" else f"{self.name}-{depth}"

    def look(self, expected: dict[str, Any]) -> None:
        self.looks += 1
        bound = {key: value for key, value in current().items() if key not in ("parent_span_id", "parent_path")}
        assert bound == expected
        path = current().get("parent_path", "/" + self.name)
        assert path.startswith("/" + self.name)

    async def run(self, program: list[Any], expected: dict[str, Any], depth: int = 0) -> None:
        for step in program:
            await give_way()
            self.look(expected)
            await self.take(step, expected, depth + 1)
            await give_way()
            self.look(expected)

    async def take(self, step: Any, expected: dict[str, Any], depth: int) -> None:
        kind, *rest = step
        if kind == "look":
            return
        key, *body = rest
        given = {key: self.value(key, depth)}
        if kind == "extend":
            extend(**given)
            expected.update(self.over(expected, given))
        else:
            await getattr(self, kind)(*body, given, expected, depth)

    @staticmethod
    def over(expected: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
        if "properties" in given:
            return {**expected, "properties": {**expected.get("properties", {}), **given["properties"]}}
        return {**expected, **given}

    async def bind(self, body: list[Any], given: dict[str, Any], expected: dict[str, Any], depth: int) -> None:
        with bind(**given):
            await self.run(body, self.over(expected, given), depth)

    async def decorated(self, body: list[Any], given: dict[str, Any], expected: dict[str, Any], depth: int) -> None:
        await bind(**given)(self.run)(body, self.over(expected, given), depth)

    async def generator(self, body: list[Any], given: dict[str, Any], expected: dict[str, Any], depth: int) -> None:
        async for _ in bind(**given)(self.generate)(body, self.over(expected, given), depth):
            await give_way()
            self.look(expected)

    async def fails(self, body: list[Any], given: dict[str, Any], expected: dict[str, Any], depth: int) -> None:
        with contextlib.suppress(KeyError), bind(**given):
            await self.run(body, self.over(expected, given), depth)
            raise KeyError

    async def span(self, body: list[Any], given: dict[str, Any], expected: dict[str, Any], depth: int) -> None:
        inner = {**expected, **{key: value for key, value in given.items() if key in ("user_id", "session_id")}}
        async with span(f"{self.name}-{depth}", **given):
            await self.run(body, inner, depth)

    async def generate(self, body: list[Any], inner: dict[str, Any], depth: int) -> Any:
        for step in body:
            await self.run([step], inner, depth)
            yield
            await give_way()
            self.look(inner)

    async def request(self, program: list[Any]) -> None:
        with begin(trace_id=self.name):
            await self.run(program, {"trace_id": self.name})


def interleave(workers: list[Coroutine[Any, Any, None]], schedule: list[bool]) -> None:
    """Runs each worker in a context of its own up to its next await, in the order of the schedule."""
    running = [(worker, contextvars.copy_context()) for worker in workers]
    turns = iter(schedule)
    while running:
        turn = running[next(turns, False) % len(running)]
        worker, context = turn
        try:
            context.run(worker.send, None)
        except StopIteration:
            running.remove(turn)


@given(
    st.lists(PROGRAMS, min_size=1, max_size=3),
    st.lists(PROGRAMS, min_size=1, max_size=3),
    st.lists(st.booleans(), max_size=200),
)
def test_two_requests_interleaved_at_every_await_never_share_a_field(first, second, schedule):
    logging.getLogger(__name__).setLevel(logging.CRITICAL + 1)
    a, b = Worker("a"), Worker("b")
    interleave([a.request(first), b.request(second)], schedule)
    assert a.looks > 0
    assert b.looks > 0
    assert current() == {}
