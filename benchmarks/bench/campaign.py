"""Runs the measurements: every peer in turn, again and again, while the time allows."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench import registry
from bench.environments import BENCHMARKS, Environment, UnavailableError, variables, versions
from bench.registry import SDKS, Peer
from bench.sink import Sink
from bench.worker import RESULT, Task

FAR = 0.1  # seconds that the endpoint is away
_TASK_SECONDS = 120
_MEMORY_RECORDS = 6_000
_TRICKLE_RECORDS = 20
_ABANDONED_RECORDS = 1_000
_TEMPORARY = ("TMPDIR", "TEMP", "TMP")
_IMPORTS = 3
_IMPORT = "import time; t = time.perf_counter(); import {module}; print((time.perf_counter() - t) * 1e3)"


@dataclass
class Results:
    """What was measured: by peer and measure the figures of each repetition.

    Args:
        rows: peer → measure → figures of each repetition.
        imports: environment → milliseconds of each import.
        versions: environment → package → version.
        comparisons: name of a script → what it has found.
        left_out: peer → why.
        repetitions: how many were completed.
        seconds: how long all of it took.
    """

    rows: dict[str, dict[str, list[dict[str, Any]]]] = field(default_factory=dict)
    imports: dict[str, list[float]] = field(default_factory=dict)
    versions: dict[str, dict[str, str]] = field(default_factory=dict)
    comparisons: dict[str, dict[str, Any]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    repetitions: int = 0
    seconds: float = 0.0

    def turns(self, peer: str, measure: str) -> list[dict[str, Any]]:
        """Returns what was measured, each time."""
        return self.rows.get(peer, {}).get(measure, [])

    def values(self, peer: str, measure: str, figure: str) -> list[float]:
        """Returns the figures of all repetitions."""
        return [turn[figure] for turn in self.turns(peer, measure) if figure in turn]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Campaign:
    """One run of the benchmark.

    Args:
        sink: the endpoint.
        records: of the tight loop at the most.
        python: the interpreter of all peers, where nothing is measured; None for an environment for each.
    """

    def __init__(self, sink: Sink, records: int, python: Path | None = None) -> None:
        self.results = Results()
        self._sink = sink
        self._records = records
        self._python = python
        self._runs = 0

    def prepare(self, peers: list[Peer]) -> list[Peer]:
        """Makes the environments.

        Args:
            peers: who is to be measured.

        Returns:
            Those that can be.
        """
        found = []
        for peer in peers:
            try:
                self._prepare(peer.environment)
            except UnavailableError as error:  # noqa: PERF203 - one peer must not end the others
                self._leave_out(peer, str(error))
            else:
                found.append(peer)
        return found

    def _prepare(self, environment: Environment) -> None:
        if environment.name in self.results.versions or self._python:
            return
        say(f"environment {environment.name}")
        environment.prepare()
        self.results.versions[environment.name] = versions(environment.python, environment.requirements)

    def _leave_out(self, peer: Peer, reason: str) -> None:
        self.results.left_out[peer.key] = reason
        say(f"{peer.key} is left out: {reason}")

    def repeat(self, peers: list[Peer], times: int, until: float) -> None:
        """Measures all peers several times, every other time in the opposite order.

        Args:
            peers: those that can be measured.
            times: how often.
            until: the monotonic time at which to be done; what is begun is finished.
        """
        longest = 0.0
        for turn in range(times):
            begin = time.monotonic()
            if turn and begin + longest > until:
                say(f"stopped after {turn} repetitions, as the time is up")
                break
            say(f"repetition {turn + 1} of {times}")
            for peer in peers if turn % 2 == 0 else reversed(peers):
                if peer.key not in self.results.left_out:
                    self._measure(peer)
            self._time_imports({peer.environment for peer in peers})
            longest = max(longest, time.monotonic() - begin)
            self.results.repetitions += 1

    def _measure(self, peer: Peer) -> None:
        near = self._note(peer, "near", "throughput", min(peer.near, self._records))
        if near is not None and peer.far:
            self._note(peer, "far", "throughput", min(peer.far, self._records), delay=FAR)
        if near is not None and peer.queues and not self.results.turns(peer.key, "memory"):
            self._note(peer, "memory", "memory", min(_MEMORY_RECORDS, self._records))

    def extras(self, peers: list[Peer]) -> None:
        """Measures what only our own rows have.

        Args:
            peers: those that can be measured.
        """
        keys = {peer.key: peer for peer in peers if peer.key not in self.results.left_out}
        if "ours-one" in keys:
            self._note(keys["ours-one"], "quiet", "quiet", 0)
        if "ours-auto" in keys:
            self._note(keys["ours-auto"], "trickle", "trickle", min(_TRICKLE_RECORDS, self._records), delay=FAR)
        if "ours-spool" in keys:
            self._kill(keys["ours-spool"])

    def compare(self, scripts: dict[str, int | None]) -> None:
        """Runs the scripts that compare several in one process.

        Args:
            scripts: their names, and how many repetitions; None for as many as they find right.
        """
        try:
            self._prepare(SDKS)
        except UnavailableError as error:
            self.results.left_out.update(dict.fromkeys(scripts, str(error)))
            return
        for name, repetitions in scripts.items():
            say(f"  {name}")
            command = [str(self._python or SDKS.python), str(BENCHMARKS / f"{name}.py"), "--json"]
            command += [] if repetitions is None else ["--repeat", str(repetitions)]
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=_TASK_SECONDS, env=variables(), check=False
            )
            if done.returncode:
                self.results.left_out[name] = done.stderr.strip()[-500:] or "records were lost"
            else:
                self.results.comparisons[name] = json.loads(done.stdout)

    def _kill(self, peer: Peer) -> None:
        """Kills a process whose records nobody has taken, and lets the next one send them."""
        with tempfile.TemporaryDirectory(prefix="bench-spool-") as folder:
            options = {**peer.options, "spool": str(Path(folder) / "spool")}
            count, run = min(_ABANDONED_RECORDS, self._records), self._new_run()
            self._sink.set(status=503)
            try:
                returned = self._run(peer, "abandon", count, run, options)
            finally:
                self._sink.set(status=200)
            self._add(peer, "killed", self._run(peer, "recover", returned["returned"], run, options))

    def _note(self, peer: Peer, name: str, measure: str, count: int, delay: float = 0.0) -> dict[str, Any] | None:
        run = self._new_run()
        self._sink.set(delay=delay)
        try:
            figures = self._run(peer, measure, count, run, peer.options)
        except UnavailableError as error:
            self._leave_out(peer, f"{name}: {error}")
            return None
        finally:
            self._sink.set(delay=0.0, hold=False)
            self._sink.forget(run)
        self._add(peer, name, figures)
        return figures

    def _add(self, peer: Peer, name: str, figures: dict[str, Any]) -> None:
        self.results.rows.setdefault(peer.key, {}).setdefault(name, []).append(figures)
        say(f"  {peer.key:16} {name:8} " + "  ".join(f"{key}={_short(value)}" for key, value in figures.items()))

    def _new_run(self) -> str:
        self._runs += 1
        return f"{self._runs:04x}"

    def _run(self, peer: Peer, measure: str, count: int, run: str, options: dict[str, Any]) -> dict[str, Any]:
        task = Task(measure, peer.module, options, self._sink.port, run, count, peer.arrives)
        command = [str(self._python or peer.environment.python), "-m", "bench.worker", json.dumps(asdict(task))]
        # A folder that goes with it: what queues on disk leave fills the page cache, and slows down those that follow.
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            try:
                done = subprocess.run(
                    command,
                    capture_output=True,
                    text=True,
                    timeout=_TASK_SECONDS,
                    env={**variables(), **dict.fromkeys(_TEMPORARY, folder)},
                    cwd=folder,
                    check=False,
                )
            except subprocess.TimeoutExpired as error:
                raise UnavailableError(f"not done in {_TASK_SECONDS} s") from error
        for line in reversed(done.stdout.splitlines()):
            if line.startswith(RESULT):
                figures: dict[str, Any] = json.loads(line.removeprefix(RESULT))
                return figures
        raise UnavailableError(f"ended with {done.returncode}: {done.stderr.strip()[-500:]}")

    def _time_imports(self, environments: set[Environment]) -> None:
        for environment in sorted(environments, key=lambda found: found.name):
            if not environment.imports:
                continue
            command = [str(self._python or environment.python), "-c", _IMPORT.format(module=environment.imports)]
            for _ in range(_IMPORTS):
                done = subprocess.run(
                    command, capture_output=True, text=True, timeout=60, env=variables(), cwd=BENCHMARKS, check=True
                )
                self.results.imports.setdefault(environment.name, []).append(float(done.stdout))


def chosen(keys: list[str] | None) -> list[Peer]:
    """Returns the peers of these names, or all; a name may be the beginning of several."""
    if not keys:
        return list(registry.PEERS)
    return [peer for peer in registry.PEERS if any(peer.key.startswith(key) for key in keys)]


def say(text: str) -> None:
    """Tells the progress on stderr."""
    print(text, file=sys.stderr, flush=True)


def _short(value: Any) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)
