"""README's code runs as it stands there, one block after the other."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import re
from pathlib import Path
from typing import Any

import llm_server
import pytest
import scripts

from helicone_logging.receiver import Receiver
from helicone_logging.testing import capture_spans

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CODE = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def code_with(line: str) -> str:
    """The one block that has this line."""
    (code,) = [block for block in CODE if line in block]
    return code


def run(line: str) -> dict[str, Any]:
    """Runs the one block that has this line."""
    namespace: dict[str, Any] = {"__name__": "readme"}
    exec(compile(code_with(line), "README.md", "exec"), namespace)
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


@pytest.mark.skipif(importlib.util.find_spec("openinference") is None, reason="it comes with the extra `sdks`")
def test_a_call_of_openais_client_is_sent_without_a_line_by_hand(receiver: Receiver, tmp_path: Path) -> None:
    """In a process of its own, as a provider and an instrumentation are set for good."""
    call = """
import openai

openai.OpenAI().chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "Is it sunny?"}])
"""
    script = scripts.write(tmp_path / "shop.py", code_with("OpenAIInstrumentor().instrument()") + call)
    with llm_server.answers() as url:
        ran = scripts.run(script, receiver.url, OPENAI_BASE_URL=f"{url}/v1", OPENAI_API_KEY="none")
    assert ran.returncode == 0, ran.stderr
    (row,) = receiver.rows()
    assert (row.session_name, row.messages[0].content, row.choices[0].content) == ("shop", "Is it sunny?", "Sunny.")


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
    lines = re.findall(r'(?:run|code_with)\("(.+?)"\)', source)
    assert [block for block in CODE if not any(line in block for line in lines)] == []
