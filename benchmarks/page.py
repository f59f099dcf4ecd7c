"""The receiver's page under load, against its budgets: `python benchmarks/page.py`.

Needs the extra `[local]`; with Chromium on the path and `playwright`, what a browser sees is measured too. The receiver
runs in a process of its own, as `helicone-logging serve` does. Budgets hold on an idle machine with two processors; the
exit status is 1 where one is missed by more than half.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from page_spans import many, step
from receiver_client import payload, span

TOLERANCE = 1.5


class Figure(NamedTuple):
    what: str
    measured: float
    budget: float
    unit: str
    is_least: bool = False

    @property
    def is_missed(self) -> bool:
        if self.is_least:
            return self.measured * TOLERANCE < self.budget
        return self.measured > self.budget * TOLERANCE


@contextlib.contextmanager
def serving() -> Iterator[int]:
    """A receiver in a process of its own; gives its port."""
    command = [sys.executable, "-m", "helicone_logging", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline().rpartition(":")[2])
        threading.Thread(target=lambda: [None for _ in process.stdout or ()], daemon=True).start()
        try:
            yield port
        finally:
            process.terminate()


class Client:
    """A connection that is kept."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def post(self, body: bytes) -> None:
        self._connection.request("POST", "/v1/trace/log", body, {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"refused: {answer.status}")

    def get(self, path: str) -> bytes:
        self._connection.request("GET", path)
        return self._connection.getresponse().read()


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def list_of_sessions() -> Iterator[Figure]:
    with serving() as port:
        client = Client(port)
        for body in many(200, 50):
            client.post(json.dumps(body).encode())
        first = seconds(lambda: client.get("/"))
        again = statistics.median(seconds(lambda: client.get("/")) for _ in range(15))
        yield Figure("/ with 10,000 spans in 200 sessions, the first time", first * 1e3, 300, "ms")
        yield Figure("/ with 10,000 spans in 200 sessions", again * 1e3, 100, "ms")
        yield Figure("its size", len(client.get("/")) / 1024, 100, "KiB")
        yield Figure("/?q= through all that was said", seconds(lambda: client.get("/?q=nobody+said")) * 1e3, 300, "ms")


def intake() -> Iterator[Figure]:
    single = json.dumps(payload()).encode()
    bodies = [json.dumps(payload(*(span() for _ in range(300)))).encode() for _ in range(10)]
    with serving() as port, streams(port, 1):
        client = Client(port)
        took = seconds(lambda: [client.post(body) for body in bodies])
        yield Figure("intake with a page open, bodies of 300", 3_000 / took, 1_500, "spans/s", is_least=True)
        took = seconds(lambda: [client.post(single) for _ in range(500)])
        yield Figure("intake one a request", 500 / took, 204, "spans/s", is_least=True)
    with serving() as port, streams(port, 12):
        client = Client(port)
        times = sorted(seconds(lambda: client.post(single)) for _ in range(300))
        yield Figure("POST with 12 streams open, p99", times[297 - 1] * 1e3, 100, "ms")


@contextlib.contextmanager
def streams(port: int, count: int) -> Iterator[None]:
    """Readers of live streams, as tabs have them."""
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
            stack.callback(connection.close)
            connection.request("GET", "/api/stream?after=0")
            answer = connection.getresponse()
            threading.Thread(target=drain, args=(answer,), daemon=True).start()
        yield


def drain(answer: http.client.HTTPResponse) -> None:
    with contextlib.suppress(OSError, ValueError, AttributeError, http.client.HTTPException):
        while answer.readline():
            pass


def browser() -> Iterator[Figure]:
    path = next(
        (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
    )
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        path = None
    if path is None:
        print("Neither Chromium nor playwright is here: what a browser sees is not measured.", file=sys.stderr)
        return
    with serving() as port, sync_playwright() as started:
        client = Client(port)
        client.post(json.dumps(payload(*(step(f"/answer/step {n // 9}/call {n}", n, 50) for n in range(500)))).encode())
        chromium = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = chromium.new_page()
        page.goto(f"http://127.0.0.1:{port}/")
        loaded = []
        for _ in range(7):
            page.goto(f"http://127.0.0.1:{port}/session/order-1234")
            loaded.append(
                page.evaluate("performance.timing.domContentLoadedEventEnd - performance.timing.navigationStart")
            )
        yield Figure("a session of 500 spans, DOMContentLoaded", statistics.median(loaded), 400, "ms")
        page.goto(f"http://127.0.0.1:{port}/")
        page.locator(".live:not(.is-off)").wait_for()
        told = []
        for number in range(1, 8):
            begun = time.perf_counter()
            client.post(json.dumps(payload()).encode())
            page.wait_for_function(f"document.querySelector('[data-news]').textContent === '{number} new'", polling=10)
            told.append((time.perf_counter() - begun) * 1e3)
            time.sleep(0.3)
        yield Figure("from POST to DOM", statistics.median(told), 300, "ms")
        chromium.close()


def main() -> int:
    missed = False
    for measure in (list_of_sessions, intake, browser):
        for figure in measure():
            missed |= figure.is_missed
            sign = "≥" if figure.is_least else "≤"
            verdict = "  MISSED" if figure.is_missed else ""
            budget = f"{sign} {figure.budget:,.0f}"
            print(f"{figure.what:55} {figure.measured:>9,.1f} {figure.unit:8} {budget}{verdict}", flush=True)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
