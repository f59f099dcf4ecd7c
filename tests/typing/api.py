"""Typed uses of the public interface, which `mypy --strict` checks; nobody runs them."""

from __future__ import annotations

import logging
import logging.config
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path

from typing_extensions import assert_type

import helicone_logging
from helicone_logging import (
    ConfigurationError,
    Fields,
    Finding,
    HandlerStats,
    HeliconeHandler,
    HeliconeLoggingError,
    OTELTraceFormatter,
    TraceContextFilter,
    bind,
    carry,
    current_context,
    current_trace_id,
    current_traceparent,
    flush,
    flush_on_sigterm,
    flushed,
    lint,
    span,
)
from helicone_logging.payload.wires.helicone import OTELTrace

logger = logging.getLogger(__name__)


def construct_from_plain_values() -> logging.Handler:
    logging.config.dictConfig({"version": 1, "handlers": {"h": {"()": HeliconeHandler, "queue_size": "100"}}})
    HeliconeHandler(on_reject=_on_reject_of_dict, sample_rate=0.1)
    handler = HeliconeHandler(
        "INFO",
        api_key="sk-helicone-x",
        endpoint="https://api.helicone.ai",
        enabled="true",
        queue_size="100",
        overflow="block",
        block_timeout=0.5,
        spool_path=Path("queue.db"),
        batch_size="auto",
        max_connections=2,
        timeout="2.5",
        on_reject=_on_reject,
        on_request="package.module.function",
        compression="gzip",
        headers={"X-Team": "shop"},
        verify="/etc/ca.pem",
        cert=("cert.pem", "key.pem"),
        service_name="shop",
        properties={"tenant": "acme"},
        redact=_redact,
    )
    handler.setFormatter(
        OTELTraceFormatter("%(message)s", service_name="shop", capture_content=False, redact="secrets")
    )
    handler.addFilter(TraceContextFilter(fields=["trace_id"], defaults={"trace_id": "-"}))
    logger.addHandler(handler)
    return handler


def _on_reject_of_dict(payload: dict[str, object], reason: str) -> None:
    logger.info("%s: %s", reason, payload.get("resourceSpans"))


def _on_reject(payload: OTELTrace, reason: str) -> None:
    logger.info("%s: %s", reason, payload["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["name"])


def _redact(key: str, value: object) -> object:
    return None if key == "secret" else value


def read_what_became_of_records(handler: HeliconeHandler) -> int:
    assert_type(handler.flush(), bool)
    assert_type(handler.flush(timeout=1.5), bool)
    stats = handler.stats()
    assert_type(stats, HandlerStats)
    handler.close()
    return stats.emitted + stats.delivered + stats.rejected + stats.dropped + stats.queued + stats.skipped


def format_a_record(record: logging.LogRecord) -> str:
    formatter = OTELTraceFormatter(rename_fields={"request_id": "trace_id"}, static_fields={"env": "prod"})
    assert_type(formatter.format(record), str)
    assert_type(TraceContextFilter().filter(record), bool)
    return formatter.format(record)


@bind(user_id="ada", properties={"tenant": "acme"})
def bound(question: str, *, times: int = 1) -> list[str]:
    return [question] * times


@span("answer")
def spanned(question: str, *, times: int = 1) -> list[str]:
    return [question] * times


@bind(trace_id="t")
async def bound_coroutine(question: str) -> str:
    return question


@span("answer", logger, user_id="ada")
async def spanned_coroutine(question: str) -> str:
    return question


@bind(trace_id="t")
def bound_generator(count: int) -> Iterator[int]:
    yield count


@span("count")
async def spanned_async_generator(count: int) -> AsyncIterator[int]:
    yield count


class Agent:
    @bind(user_id="ada")
    def ask(self, question: str) -> str:
        return question

    @span("answer")
    async def answer(self, question: str) -> str:
        return question


async def decorators_keep_the_signature(agent: Agent) -> None:
    assert_type(bound("q", times=2), list[str])
    assert_type(spanned("q", times=2), list[str])
    assert_type(await bound_coroutine("q"), str)
    assert_type(await spanned_coroutine("q"), str)
    assert_type(bound_generator(1), Iterator[int])
    assert_type(spanned_async_generator(1), AsyncIterator[int])
    assert_type(agent.ask("q"), str)
    assert_type(await agent.answer("q"), str)
    bound(1)  # type: ignore[arg-type]
    spanned("q", often=2)  # type: ignore[call-arg]
    await agent.answer()  # type: ignore[call-arg]
    function: Callable[[str], Awaitable[str]] = spanned_coroutine
    assert_type(await function("q"), str)


async def context_managers() -> None:
    with bind(trace_id="t") as binding, binding:
        assert_type(current_trace_id(), str | None)
    with span("answer", logger, model="gpt-4o") as work:
        work.set(completion="text", prompt_tokens=3)
        assert_type(current_traceparent(), str | None)
    async with span("answer") as later:
        later.set(completion="text")
    with bind(**current_context()), flushed(2):
        assert_type(current_context(), dict[str, object])
    async with flushed():
        assert_type(flush(timeout=1.5), bool)
    flush_on_sigterm(5)


async def streams(chunks: Iterator[str], later: AsyncIterator[bytes]) -> None:
    with span("answer") as work:
        for chunk in work.collect(chunks):
            assert_type(chunk, str)
        async for part in work.collect(later):
            assert_type(part, bytes)


@flushed(5)
def delivered(question: str) -> list[str]:
    return [question]


@flushed
async def delivered_coroutine(question: str) -> str:
    return question


async def flushed_keeps_the_signature() -> None:
    assert_type(delivered("q"), list[str])
    assert_type(await delivered_coroutine("q"), str)
    delivered(1)  # type: ignore[arg-type]


def carried() -> None:
    assert_type(carry(_redact)("key", 1), object)


def linted(payload: Mapping[str, object]) -> list[str]:
    found = lint(payload)
    assert_type(found, list[Finding])
    assert_type(lint("{}"), list[Finding])
    return [f"{one.severity} {one.code} {one.where}: {one.message}; set {one.field}" for one in found]


class ShopFields(Fields, total=False):
    order: int


def log_typed_fields() -> None:
    extra: Fields = {
        "trace_id": "t",
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": "hi"}],
        "duration": 0.5,
    }
    logger.info("draft", extra=extra)
    own: ShopFields = {"model": "gpt-4o", "order": 1234, "helicone": extra}
    logger.info("draft", extra=own)
    logger.info("draft", extra={**extra, "order": 1234})
    with bind(**extra), span("answer", **own):
        pass
    Fields(modle="gpt-4o")  # type: ignore[typeddict-unknown-key]
    Fields(prompt_tokens="many")  # type: ignore[typeddict-item]


def errors() -> str:
    try:
        HeliconeHandler(overflow="explode")
    except ConfigurationError as error:
        base: HeliconeLoggingError = error
        return str(base)
    return helicone_logging.__version__
