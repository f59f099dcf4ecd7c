"""`serve`, `tail`, `show` and `demo` as a user runs them, whatever stdout and the environment are."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from receiver_client import GOOD, PROPERTY, SESSION, USER, connect, get, payload, post, span

from helicone_logging.cli import demo
from helicone_logging.receiver import Receiver

COMMAND = [sys.executable, "-m", "helicone_logging"]
PATIENCE = 60
KEY = "sk-helicone-test-7f3a"
posix = pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGINT for another process")


def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, encoding="utf-8", timeout=PATIENCE, check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **env},
    )  # fmt: skip


class Served:
    """A receiver in a process of its own, to be asked like one in this."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process = process
        self.url = url


@contextmanager
def serving(*arguments: str, **env: str) -> Iterator[Served]:
    process = subprocess.Popen(
        [*COMMAND, "serve", "--port", "0", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        encoding="utf-8", env={**os.environ, **env},
    )  # fmt: skip
    assert process.stdout is not None
    url = process.stdout.readline().strip().rpartition("=")[2]
    try:
        yield Served(process, url)
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)


@posix
class TestServe:
    def test_files_of_payloads_are_there_to_be_looked_at(self, tmp_path: Path) -> None:
        lines, document = tmp_path / "lines.jsonl", tmp_path / "one.json"
        lines.write_text("\n".join([json.dumps(payload(span(name="a"))), "", json.dumps(payload(span(name="b")))]))
        document.write_text(json.dumps(payload(span(name="c")), indent=2))
        with serving(str(lines), str(document)) as served:
            found = get(served, "/api/requests").json  # type: ignore[arg-type]
            assert [one["name"] for one in found] == ["a", "b", "c"]

    def test_a_broken_line_costs_no_other(self, tmp_path: Path) -> None:
        path = tmp_path / "torn.jsonl"
        lines = [json.dumps(payload(span(name="a"))), "{}", json.dumps(payload(span(name="b"))), '{"resourceSp']
        path.write_text("\n".join(lines))
        with serving(str(path)) as served:
            assert [one["name"] for one in get(served, "/api/requests").json] == ["a", "b"]  # type: ignore[arg-type]
            assert served.process.stderr is not None
            told = served.process.stderr.readline()
        assert told.startswith(f"{path}: line 2: the server refuses ")
        assert told.endswith(", and 1 more; the rest is on the page\n")

    @pytest.mark.parametrize("text", [None, "{", "[1]", '{"resourceSpans": [{}]}'])
    def test_a_file_that_cannot_be_looked_at_is_named(self, text: str | None, tmp_path: Path) -> None:
        path = tmp_path / "odd.jsonl"
        if text is not None:
            path.write_text(text)
        ended = run("serve", "--port", "0", str(path))
        assert ended.returncode == 1
        assert "odd.jsonl" in ended.stderr
        assert "Traceback" not in ended.stderr

    def test_a_database_survives_the_process(self, tmp_path: Path) -> None:
        path = str(tmp_path / "spans.db")
        with serving("--db", path) as served:
            assert post(served, payload()).status == 200  # type: ignore[arg-type]
            served.process.send_signal(signal.SIGKILL)
            served.process.wait(PATIENCE)
        with serving("--db", path) as served:
            assert len(get(served, "/api/requests").json) == 1  # type: ignore[arg-type]

    def test_with_a_key_it_prints_a_link_and_never_the_key(self) -> None:
        with serving("--require-key", HELICONE_API_KEY=KEY) as served:
            assert served.process.stdout is not None
            line = served.process.stdout.readline()
            assert f"Look at {served.url}/?token=" in line
            assert KEY not in line
            path = line.split()[2].removeprefix(served.url)
            assert get(served, "/").status == 401  # type: ignore[arg-type]
            assert get(served, path).status == 303  # type: ignore[arg-type]

    @pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
    def test_what_stdout_cannot_encode_costs_no_span(self, encoding: str) -> None:
        with serving(PYTHONIOENCODING=encoding) as served:
            for _ in range(3):
                body = payload(span({**GOOD, "gen_ai.prompt.0.content": "👩‍👩‍👧 日本語 \ud800"}))
                assert post(served, body).status == 200  # type: ignore[arg-type]
            assert len(get(served, "/api/spans").json) == 3  # type: ignore[arg-type]

    def test_a_pipe_that_is_closed_or_full_costs_no_span(self) -> None:
        with serving() as closed:
            assert closed.process.stdout is not None
            closed.process.stdout.close()
            for _ in range(3):
                assert post(closed, payload()).status == 200  # type: ignore[arg-type]
            closed.process.stdout = None
        with serving() as full:
            body = payload(*(span() for _ in range(500)))
            for _ in range(6):  # 3,000 descriptions, of which nobody reads one
                assert post(full, body).status == 200  # type: ignore[arg-type]
            assert full.process.poll() is None

    def test_an_interrupt_ends_it_at_once_though_a_page_is_open(self) -> None:
        with serving() as served, contextlib.closing(connect(served)) as page:  # type: ignore[arg-type]
            page.request("GET", "/api/stream?after=0")
            stream = page.getresponse()  # begun, before the interrupt comes
            assert post(served, payload()).status == 200  # type: ignore[arg-type]
            served.process.send_signal(signal.SIGINT)
            assert served.process.wait(PATIENCE) == 0
            with contextlib.suppress(http.client.HTTPException, OSError):  # as it may end within a piece
                stream.read()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--port", "70000"), "'70000'"), (("--port", "-1"), "'-1'"), (("--port", "x"), "'x'"),
        (("--keep", "0"), "'0'"), (("--keep", "-5"), "'-5'"), (("--keep", "many"), "'many'"),
        (("--keep-bytes", "0"), "'0'"),
    ],
)  # fmt: skip
def test_an_option_that_cannot_work_is_an_error(arguments: tuple[str, str], named: str) -> None:
    ended = run("serve", *arguments)
    assert ended.returncode == 2
    assert arguments[0] in ended.stderr
    assert named in ended.stderr


def test_a_port_that_is_taken_is_named_as_the_command_names_it(receiver: Receiver) -> None:
    port = receiver.url.rpartition(":")[2]
    ended = run("serve", "--port", port)
    assert ended.returncode == 1
    assert f"--port={port}" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_other_machines_are_let_in_with_a_key_only() -> None:
    ended = run("serve", "--host", "0.0.0.0", "--port", "0")
    assert ended.returncode == 1
    assert "--allow-remote" in ended.stderr
    assert "allow_remote" not in ended.stderr
    ended = run("serve", "--host", "0.0.0.0", "--port", "0", "--allow-remote")
    assert ended.returncode == 2
    assert "HELICONE_API_KEY" in ended.stderr


class TestShow:
    @pytest.fixture(autouse=True)
    def _filled(self, receiver: Receiver) -> None:
        failed = {**GOOD, PROPERTY + "error": "true", SESSION + "Path": "/answer/rate", "gen_ai.response.model": "o3"}
        post(receiver, payload(span(), span(failed, name="rate")))

    def test_for_people(self, receiver: Receiver) -> None:
        ended = run("show", "order-1234", "--url", receiver.url)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert ended.stdout.startswith("session order-1234 (shop)\n  answer  [llm]  OPENAI gpt-4o")
        assert "      rate" in ended.stdout
        assert '! rate: o3 costs 0 under this name: set model="o3-2025-04-16"' in ended.stdout
        assert "advice" not in ended.stdout

    def test_advice_is_given_once_for_all_spans(self, receiver: Receiver) -> None:
        nobodys = {key: value for key, value in GOOD.items() if key != USER}
        post(receiver, payload(span(nobodys), span(nobodys, name="rate")))
        told = run("show", "order-1234", "--url", receiver.url).stdout
        assert told.endswith("  advice: the call belongs to no user: set user_id (2 times)\n")

    def test_what_many_spans_show_wrongly_is_told_once(self, receiver: Receiver) -> None:
        unpriced = {**GOOD, "gen_ai.response.model": "o3", SESSION + "Id": "long"}
        post(receiver, payload(*(span(unpriced, name=f"step {number}") for number in range(5))))
        told = run("show", "long", "--url", receiver.url).stdout
        assert told.count("  ! ") == 1
        assert "  ! step 0, step 1, step 2 and 2 more: o3 costs 0 under this name" in told

    def test_for_scripts(self, receiver: Receiver) -> None:
        shown = json.loads(run("show", "order-1234", "--url", receiver.url, "--format", "json").stdout)
        assert (shown["id"], shown["name"]) == ("order-1234", "shop")
        assert [one["name"] for one in shown["spans"]] == ["answer", "rate"]
        assert shown["spans"][1]["findings"][0]["code"] == "no-cost"

    def test_for_coding_agents(self, receiver: Receiver) -> None:
        shown = run("show", "order-1234", "--url", receiver.url, "--format", "md").stdout
        assert shown.startswith("# Session order-1234 (shop)\n")
        assert "```text\nWhere is my order?\n```" in shown

    def test_a_session_that_is_not_there_is_said_with_those_that_are(self, receiver: Receiver) -> None:
        ended = run("show", "nobody", "--url", receiver.url)
        assert ended.returncode == 1
        assert "order-1234" in ended.stderr

    def test_the_receiver_is_found_by_the_environment(self, receiver: Receiver) -> None:
        assert run("show", "order-1234", HELICONE_TRACE_ENDPOINT=receiver.endpoint).returncode == 0

    def test_behind_a_proxy_too(self, receiver: Receiver) -> None:
        assert run("show", "order-1234", "--url", receiver.url, HTTP_PROXY="http://127.0.0.1:9").returncode == 0

    def test_with_the_key_of_the_environment(self) -> None:
        with Receiver(port=0, api_key=KEY) as guarded:
            post(guarded, payload(), Authorization=f"Bearer {KEY}")
            ended = run("show", "order-1234", "--url", guarded.url)
            assert ended.returncode == 1
            assert "HELICONE_API_KEY" in ended.stderr
            assert run("show", "order-1234", "--url", guarded.url, HELICONE_API_KEY=KEY).returncode == 0

    @pytest.mark.parametrize("command", [("show", "x"), ("tail",)])
    def test_where_none_answers_it_is_said(self, command: tuple[str, ...], dead_endpoint: str) -> None:
        for url in (dead_endpoint, "nonsense", "http://[::1", "http://127.0.0.1:port"):
            ended = run(*command, "--url", url)
            assert ended.returncode == 1
            assert "Traceback" not in ended.stderr
            assert url in ended.stderr


@posix
class TestTail:
    @contextmanager
    def tailing(self, receiver: Receiver, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        process = subprocess.Popen(
            [*COMMAND, "tail", "--url", receiver.url, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            encoding="utf-8", env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        )  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
            process.communicate(timeout=PATIENCE)

    def test_it_prints_the_last_ones_and_what_comes(self, receiver: Receiver) -> None:
        post(receiver, payload(span(), span(name="last")))
        with self.tailing(receiver, "-n", "1", "--format", "json") as process:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["name"] == "last"
            post(receiver, payload(span(name="new")))
            assert json.loads(process.stdout.readline())["name"] == "new"
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == 130

    def test_it_waits_for_a_receiver_that_has_gone(self) -> None:
        with Receiver(port=0) as first:
            post(first, payload(span(name="1"), span(name="2")))
            port = int(first.url.rpartition(":")[2])
            with self.tailing(first, "--format", "json") as process:
                assert process.stdout is not None
                assert process.stderr is not None
                assert [json.loads(process.stdout.readline())["name"] for _ in range(2)] == ["1", "2"]
                first.stop()
                assert process.stderr.readline().startswith("waiting: no receiver answers on ")
                second = Receiver(port=port)
                second.store.add(payload(span(name="3"), span(name="4"), span(name="5")))
                with second:
                    assert [json.loads(process.stdout.readline())["name"] for _ in range(3)] == ["3", "4", "5"]

    def test_it_prints_failures_only_where_they_are_asked_for(self, receiver: Receiver) -> None:
        with self.tailing(receiver, "--failed", "--format", "json", "-n", "5") as process:
            assert process.stdout is not None
            failed = span({**GOOD, PROPERTY + "error": "true"}, name="failed")
            post(receiver, payload(span(), failed, span()))
            assert json.loads(process.stdout.readline())["name"] == "failed"

    @pytest.mark.parametrize(("form", "begin"), [("human", "[llm]  OPENAI gpt-4o"), ("md", "## answer")])
    def test_it_has_forms_to_read(self, form: str, begin: str, receiver: Receiver) -> None:
        post(receiver, payload())
        with self.tailing(receiver, "--format", form) as process:
            assert process.stdout is not None
            assert process.stdout.readline().startswith(begin)


class TestDemo:
    def test_it_works_behind_a_proxy(self) -> None:
        ended = run(
            "demo", HTTP_PROXY="http://127.0.0.1:9", http_proxy="http://127.0.0.1:9", ALL_PROXY="http://127.0.0.1:9"
        )
        assert ended.returncode == 0
        assert "5 of 5 records arrived." in ended.stdout

    def test_it_speaks_to_any_stdout(self) -> None:
        ended = subprocess.run(
            [*COMMAND, "demo"], capture_output=True, timeout=PATIENCE, check=False,
            env={**os.environ, "PYTHONIOENCODING": "ascii"},
        )  # fmt: skip
        assert ended.returncode == 0
        assert b"5 of 5 records arrived." in ended.stdout

    def test_open_keeps_the_receiver_and_opens_its_page(self, monkeypatch: pytest.MonkeyPatch) -> None:
        opened: list[str] = []

        def wait(self: Receiver) -> None:
            assert b"Which of our plans" in get(self, "/").body
            raise KeyboardInterrupt

        monkeypatch.setattr("webbrowser.open", opened.append)
        monkeypatch.setattr(Receiver, "wait", wait)
        assert demo.run(demo.argparse.Namespace(batch_size="1", open=True)) == 0
        assert opened
        assert opened[0].startswith("http://127.0.0.1:")
