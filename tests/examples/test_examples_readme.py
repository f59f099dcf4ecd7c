"""README's code runs as it stands there, one block after the other."""

from __future__ import annotations

import importlib
import logging
import re
from pathlib import Path
from typing import Any

import pytest

from helicone_logging.receiver import Receiver
from helicone_logging.testing import capture_spans

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CODE = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def run(beginning: str) -> dict[str, Any]:
    """Runs the one block that has this line."""
    (code,) = [block for block in CODE if beginning in block]
    namespace: dict[str, Any] = {"__name__": "readme"}
    exec(compile(code, "README.md", "exec"), namespace)
    return namespace


@pytest.fixture(autouse=True)
def _local(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELICONE_TRACE_ENDPOINT", receiver.url)
    monkeypatch.setenv("HELICONE_API_KEY", "sk-helicone-test")


def test_the_first_lines_bring_a_row(receiver: Receiver) -> None:
    run("dictConfig(")
    assert receiver.store.wait_for(1, 30)
    (row,) = receiver.rows()
    assert (row.session_id, row.session_name, row.model) == ("order-1234", "shop", "gpt-4o")
    logging.getLogger("shop").handlers.clear()


def test_sdk_objects_go_into_a_span() -> None:
    response = {"model": "gpt-4o", "choices": [{"message": {"role": "assistant", "content": "On its way."}}]}

    class Client:
        class chat:  # noqa: N801 - as OpenAI's client has it
            class completions:  # noqa: N801
                create = staticmethod(lambda **request: response)

    answer = run("def answer(client")["answer"]
    with capture_spans() as spans:
        assert answer(Client, "Where is my order?") is response
    sent = spans.one("answer question")
    assert (sent.user_id, sent.completion, sent.model) == ("ada", "On its way.", "gpt-4o")


def test_spans_of_instrumentations_are_sent(receiver: Receiver) -> None:
    provider = run("HeliconeSpanProcessor(")["provider"]
    with provider.get_tracer("instrumentation").start_as_current_span("chat gpt-4o") as span:
        span.set_attribute("gen_ai.operation.name", "chat")
        span.set_attribute("gen_ai.request.model", "gpt-4o")
    provider.shutdown()
    assert [row.model for row in receiver.rows()] == ["gpt-4o"]


def test_djangos_middleware_is_there() -> None:
    (path,) = run("MIDDLEWARE = [")["MIDDLEWARE"]
    module, _, name = path.rpartition(".")
    assert callable(getattr(importlib.import_module(module), name))


def test_flask_binds_a_trace() -> None:
    app = run("HeliconeFlask(app)")["app"]

    @app.get("/trace")
    def trace() -> str:
        from helicone_logging import current_trace_id

        return str(current_trace_id())

    answer = app.test_client().get("/trace", headers={"X-Request-ID": "request-1"})
    assert answer.text == "request-1"


def test_every_block_is_run_here() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    beginnings = re.findall(r'run\("(.+?)"\)', source)
    assert [block for block in CODE if not any(one in block for one in beginnings)] == []
