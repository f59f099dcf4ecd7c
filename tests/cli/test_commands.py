"""The commands `demo`, `serve` and `lint` as a user runs them."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from receiver_client import GOOD, USER, payload, span

import helicone_logging
from helicone_logging import cli
from helicone_logging.cli import demo
from helicone_logging.receiver import Receiver

COMMAND = [sys.executable, "-m", "helicone_logging"]
PATIENCE = 60
LOSSY = {key: value for key, value in GOOD.items() if not key.startswith("gen_ai.prompt")}
NO_USER = {key: value for key, value in GOOD.items() if key != USER}


def run(*arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], input=stdin, capture_output=True, encoding="utf-8", timeout=PATIENCE, check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip


@pytest.mark.parametrize("batch_size", ["1", "3", "auto"])
def test_the_demo_shows_its_session_and_ends_well(batch_size: str) -> None:
    ended = run("demo", "--batch-size", batch_size)
    assert ended.returncode == 0
    assert ended.stderr == ""
    assert "5 of 5 records arrived." in ended.stdout
    for line in (
        "plan",
        "search handbook",
        "write answer",
        "rate answer",
        "FAILED TimeoutError",
        "vector_db",
        "31+6 tokens",
    ):
        assert line in ended.stdout


def test_the_demo_ends_badly_when_something_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "_PATIENCE", 0.5)
    monkeypatch.setattr(demo, "answer_question", lambda question: demo.logger.info("one", extra={"trace_id": "t"}))
    assert cli.main(["demo"]) == 1
    assert "1 of 5 records arrived: that is wrong." in capsys.readouterr().out


def test_a_demo_with_an_option_that_cannot_work_says_so() -> None:
    ended = run("demo", "--batch-size", "many")
    assert ended.returncode == 2
    assert "'many'" in ended.stderr
    assert "Traceback" not in ended.stderr


class TestLint:
    def write(self, tmp_path: Path, text: str) -> str:
        path = tmp_path / "payload.json"
        path.write_text(text, encoding="utf-8")
        return str(path)

    def test_a_payload_without_findings_ends_with_0(self, tmp_path: Path) -> None:
        ended = run("lint", self.write(tmp_path, json.dumps(payload(), indent=2)))
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "Helicone will show all of it.\n", "")

    def test_a_finding_ends_with_1_and_names_the_field(self, tmp_path: Path) -> None:
        ended = run("lint", self.write(tmp_path, json.dumps(payload(span(LOSSY)))))
        assert ended.returncode == 1
        assert ended.stdout == (
            "warning: line 1, span b7ad6b7169203331: the prompt is blank [blank-prompt; set messages]\n"
        )

    def test_advice_alone_ends_with_0(self, tmp_path: Path) -> None:
        ended = run("lint", self.write(tmp_path, json.dumps(payload(span(NO_USER)))))
        assert ended.returncode == 0
        assert ended.stdout.startswith("info: ")

    def test_one_payload_a_line_and_standard_input_are_read(self, tmp_path: Path) -> None:
        lines = "\n".join([json.dumps(payload()), "", json.dumps(payload(span(LOSSY))), "{"]) + "\n"
        ended = run("lint", "-", stdin=lines)
        assert ended.returncode == 1
        assert [line.split(":")[0] for line in ended.stdout.splitlines()] == ["error", "warning"]
        assert run("lint", self.write(tmp_path, lines)).stdout == ended.stdout

    def test_a_finding_names_the_line_of_the_file_and_the_span(self, tmp_path: Path) -> None:
        lossy = span(LOSSY, spanId="00000000000000aa")
        by_line = self.write(tmp_path, "\n".join([json.dumps(payload()), "", json.dumps(payload(lossy)), "{"]))
        assert [line.split(": ")[1] for line in run("lint", by_line).stdout.splitlines()] == [
            "line 4",
            "line 3, span 00000000000000aa",
        ]
        text = json.dumps([payload(), payload(lossy)], indent=1)
        (finding,) = run("lint", self.write(tmp_path, text)).stdout.splitlines()
        number = int(re.findall(r"line (\d+), span 00000000000000aa", finding)[0])
        assert "00000000000000aa" in text.splitlines()[number - 1]

    @pytest.mark.parametrize("text", ["", "\n \n", "[]", '{"resourceSpans": []}', '[{"resourceSpans": []}]'])
    def test_nothing_to_look_at_ends_with_2(self, text: str, tmp_path: Path) -> None:
        for ended in (run("lint", self.write(tmp_path, text)), run("lint", "-", stdin=text)):
            assert ended.returncode == 2
            assert ended.stdout == ""
            assert ended.stderr.startswith("There is nothing in ")

    def test_a_line_that_holds_other_line_separators_is_one_line(self, tmp_path: Path) -> None:
        text = json.dumps(payload(span({**GOOD, "gen_ai.prompt.0.content": "a\u2028b\x85c"})), ensure_ascii=False)
        assert run("lint", self.write(tmp_path, f"{text}\n{text}\n")).returncode == 0

    def test_a_list_of_payloads_in_one_document_is_linted(self, tmp_path: Path) -> None:
        assert run("lint", self.write(tmp_path, json.dumps([payload(), payload()]))).returncode == 0

    @pytest.mark.parametrize("text", ["{", "nonsense", "{}", "null", '{"resourceSpans": NaN}'])
    def test_what_the_server_refuses_ends_with_1(self, text: str, tmp_path: Path) -> None:
        ended = run("lint", self.write(tmp_path, text))
        assert ended.returncode == 1
        assert ended.stdout.startswith("error: ")
        assert "Traceback" not in ended.stderr

    @pytest.mark.parametrize("name", ["missing.json", "."])
    def test_a_file_that_cannot_be_read_ends_with_2(self, name: str, tmp_path: Path) -> None:
        ended = run("lint", str(tmp_path / name))
        assert ended.returncode == 2
        assert "cannot be read" in ended.stderr
        assert "Traceback" not in ended.stderr

    def test_a_file_that_is_no_text_ends_with_2(self, tmp_path: Path) -> None:
        (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
        assert run("lint", str(tmp_path / "binary")).returncode == 2


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGINT for another process")
class TestServe:
    def start(self, *arguments: str, **env: str) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            [*COMMAND, "serve", "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env={**os.environ, **env},
        )
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.match(r"Listening on (http://127\.0\.0\.1:\d+); set HELICONE_TRACE_ENDPOINT=\1$", line)
        assert found, line
        return process, found[1]

    def send(self, url: str, **headers: str) -> int:
        headers = {"Content-Type": "application/json", **headers}
        request = urllib.request.Request(f"{url}/v1/trace/log", json.dumps(payload()).encode(), headers)
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=PATIENCE) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    def end(self, process: subprocess.Popen[str], number: signal.Signals = signal.SIGINT) -> tuple[str, str]:
        process.send_signal(number)
        return process.communicate(timeout=PATIENCE)

    def test_it_prints_each_span_as_it_comes_and_ends_with_an_interrupt(self) -> None:
        process, url = self.start()
        assert self.send(url) == 200
        assert process.stdout is not None
        assert process.stdout.readline() == "[llm]  OPENAI gpt-4o  830 ms  14+4 tokens  user ada\n"
        _, noise = self.end(process)
        assert noise == ""
        assert process.returncode in (0, 130)

    def test_it_can_require_the_key(self) -> None:
        process, url = self.start("--require-key", HELICONE_API_KEY="sk-helicone-test")
        assert self.send(url) == 401
        assert self.send(url, Authorization="Bearer sk-helicone-test") == 200
        output, noise = self.end(process)
        assert "sk-helicone-test" not in output + noise

    def test_requiring_a_key_without_one_is_refused(self) -> None:
        ended = run("serve", "--require-key")
        assert ended.returncode == 2
        assert "HELICONE_API_KEY" in ended.stdout + ended.stderr

    def test_a_port_that_is_taken_is_named(self) -> None:
        with Receiver(port=0) as running:
            ended = run("serve", "--port", running.url.rpartition(":")[2])
        assert ended.returncode == 1
        assert "port=" in ended.stderr
        assert "Traceback" not in ended.stderr

    def test_another_machine_s_address_is_refused(self) -> None:
        ended = run("serve", "--host", "0.0.0.0", "--port", "0")
        assert ended.returncode == 1
        assert "--allow-remote" in ended.stderr


@pytest.mark.skipif(os.name != "posix", reason="needs a shell, and /dev/full")
class TestStdout:
    def test_a_reader_that_leaves_is_no_error(self, tmp_path: Path) -> None:
        path = tmp_path / "many.jsonl"
        path.write_text("\n".join(["{}"] * 3_000))
        lint = f"{shlex.join([*COMMAND, 'lint', str(path)])} | head -n 1"
        ended = subprocess.run(["sh", "-c", lint], capture_output=True, text=True, timeout=60, check=False)
        assert ended.stdout.startswith("error: line 1")
        assert ended.stderr == ""

    @pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux has it")  # noqa: PTH110 - no path of ours
    def test_a_disk_that_is_full_is_said(self, tmp_path: Path) -> None:
        path = tmp_path / "one.json"
        path.write_text("{}")
        with open("/dev/full", "w") as full:  # noqa: PTH123
            ended = subprocess.run(
                [*COMMAND, "lint", str(path)], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False
            )
        assert ended.returncode == 1
        assert "the output cannot be written" in ended.stderr
        assert "Traceback" not in ended.stderr

    def test_a_closed_stdin_holds_nothing(self) -> None:
        ended = subprocess.run(
            ["sh", "-c", f"{shlex.join([*COMMAND, 'lint', '-'])} <&-"],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert (ended.returncode, ended.stderr) == (2, "There is nothing in standard input.\n")


def test_the_version_is_that_of_the_package() -> None:
    assert run("--version").stdout == helicone_logging.__version__ + "\n"


@pytest.mark.parametrize("arguments", [(), ("nonsense",), ("lint",), ("serve", "--port", "x")])
def test_a_command_that_cannot_be_understood_ends_with_2(arguments: tuple[str, ...]) -> None:
    ended = run(*arguments)
    assert ended.returncode == 2
    assert "usage: helicone-logging" in ended.stderr


def test_the_command_is_installed_under_its_name() -> None:
    from importlib.metadata import entry_points

    (found,) = [one for one in entry_points(group="console_scripts") if one.name == "helicone-logging"]
    assert found.value == "helicone_logging.cli:main"
