"""One measurement in a process of its own: `python -m bench.worker JSON`, the figures as the last line of its output.

It runs in the environment of the peer, so that it imports nothing but the standard library and the adapter.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bench import records
from bench.sink import Sink

RESULT = "RESULT "
_PERCENTILES = {"p50_us": 0.5, "p99_us": 0.99, "p999_us": 0.999}
_WARM_UP_RUN = "0000"
_WARM_UP = 50
_FEW_SAMPLES = 1_000
_SLICE = 100
_ON_THEIR_WAY = 2_600  # records that keep all connections busy, each with a batch
_SETTLING = 0.5  # seconds until they have been taken from the queue


class Peer(Protocol):
    """What an adapter makes."""

    def log(self, fields: dict[str, Any]) -> None:
        """Logs a record of these fields; this is what is timed."""

    def finish(self) -> None:
        """Waits until everything was sent, or given up."""

    def figures(self) -> dict[str, Any]:
        """Returns what the peer knows of itself."""


@dataclass(frozen=True)
class Task:
    """What to measure.

    Args:
        measure: the name of a function below.
        module: the adapter of the peer.
        options: what it is made with.
        port: of the sink.
        run: by which the sink knows the records.
        count: how many.
        arrives: whether they are sent.
    """

    measure: str
    module: str
    options: dict[str, Any]
    port: int
    run: str
    count: int
    arrives: bool


def main() -> None:
    task = Task(**json.loads(sys.argv[1]))
    result = _MEASURES[task.measure](task)
    print(RESULT + json.dumps(result), flush=True)
    os._exit(0)  # what peers do at exit is not measured, and some of them wait for seconds


def _make(task: Task) -> Peer:
    module = importlib.import_module(f"bench.peers.{task.module}")
    peer: Peer = module.make(f"http://127.0.0.1:{task.port}", task.options)
    return peer


def _warm_up(peer: Peer, task: Task) -> None:
    """Starts threads, opens connections and fills caches."""
    for number in range(_WARM_UP):
        peer.log(records.fields(_WARM_UP_RUN, number))
    if task.arrives:
        flush = getattr(peer, "warm_up", peer.finish)
        flush()


def throughput(task: Task) -> dict[str, Any]:
    """A tight loop: the caller's time for each record, and CPU and time until all have arrived."""
    peer = _make(task)
    _warm_up(peer, task)
    gc.collect()
    samples = [0] * task.count
    clock, log, fields = time.perf_counter_ns, peer.log, records.fields
    started_at, cpu = time.monotonic(), time.process_time()
    for number in range(task.count):
        extra = fields(task.run, number)
        begin = clock()
        log(extra)
        samples[number] = clock() - begin
    looped_at = time.monotonic()
    peer.finish()
    cpu, finished_at = time.process_time() - cpu, time.monotonic()
    count = task.count
    if task.arrives:
        tally = Sink(task.port).wait_for(task.run, count)
        count, finished_at = tally["count"], tally["last_at"]
    return {
        **_percentiles(samples),
        "cpu_us": cpu / task.count * 1e6,
        "loop_s": looped_at - started_at,
        "per_second": count / max(finished_at - started_at, 1e-9),
        "lost": task.count - count,
        **peer.figures(),
    }


def _percentiles(samples: list[int]) -> dict[str, float]:
    samples = sorted(samples)
    return {
        name: samples[min(len(samples) - 1, int(len(samples) * share))] / 1e3
        for name, share in _PERCENTILES.items()
        if name != "p999_us" or len(samples) >= _FEW_SAMPLES
    }


def memory(task: Task) -> dict[str, Any]:
    """What a record takes while it waits in the queue, as nobody answers."""
    peer, sink = _make(task), Sink(task.port)
    _warm_up(peer, task)
    for _ in range(task.options.get("remembers", 0) * task.count // _SLICE):
        _log(peer, _WARM_UP_RUN, _SLICE)
        peer.finish()  # in slices, so that no room is left over from a long queue
    sink.set(hold=True)
    try:
        _log(peer, _WARM_UP_RUN, _ON_THEIR_WAY)
        time.sleep(_SETTLING)
        _give_back()
        before, known = resident(), peer.figures().get("queued_bytes", 0)
        _log(peer, task.run, task.count)
        _give_back()
        taken, queued = resident() - before, peer.figures().get("queued_bytes", 0) - known
    finally:
        sink.set(hold=False)
    return {"bytes": taken / task.count, "queued_bytes": queued / task.count}


def _log(peer: Peer, run: str, count: int) -> None:
    for number in range(count):
        peer.log(records.fields(run, number))


def _give_back() -> None:
    """Has freed memory returned to the system, as far as it can be."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # glibc only
        ctypes.CDLL(None).malloc_trim(0)


def resident() -> int:
    """Returns the memory of this process in bytes."""
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * resource.getpagesize()
    except OSError:  # elsewhere than on Linux: the peak, which is in bytes on macOS
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def trickle(task: Task) -> dict[str, Any]:
    """Ten records a second: how many go into one body."""
    peer = _make(task)
    for number in range(task.count):
        peer.log(records.fields(task.run, number))
        time.sleep(0.1)
    peer.finish()
    tally = Sink(task.port).wait_for(task.run, task.count)
    return {"bodies": tally["bodies"], "largest": tally["largest"], "lost": task.count - tally["count"]}


def quiet(task: Task) -> dict[str, Any]:
    """What is there before the first record with a trace: threads and open files or sockets that were not before."""
    threads, files = threading.active_count(), _open_files()
    started = time.perf_counter()
    peer = _make(task)
    made = time.perf_counter() - started
    getattr(peer, "log_untraced", lambda: None)()
    return {"threads": threading.active_count() - threads, "files": _open_files() - files, "made_ms": made * 1e3}


def _open_files() -> int:
    with contextlib.suppress(OSError):
        return sum(1 for _ in Path("/proc/self/fd").iterdir())
    return 0


def abandon(task: Task) -> dict[str, Any]:
    """Logs, and dies of SIGKILL right after the last call has returned."""
    peer = _make(task)
    _log(peer, task.run, task.count)
    print(RESULT + json.dumps({"returned": task.count}), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def recover(task: Task) -> dict[str, Any]:
    """Is the process after that one."""
    peer = _make(task)
    peer.finish()
    tally = Sink(task.port).wait_for(task.run, task.count, quiet=5)
    return {"lost": task.count - tally["count"], "duplicates": tally["duplicates"], **peer.figures()}


_MEASURES: dict[str, Callable[[Task], dict[str, Any]]] = {
    "throughput": throughput,
    "memory": memory,
    "trickle": trickle,
    "quiet": quiet,
    "abandon": abandon,
    "recover": recover,
}

if __name__ == "__main__":
    main()
