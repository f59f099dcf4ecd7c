"""What is to be reached: ratios of figures of one run."""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Callable
from typing import NamedTuple

from bench.campaign import Results

_CONNECTIONS = 4


class Target(NamedTuple):
    """One ratio.

    Args:
        number: of the goal.
        what: is compared.
        limit: as text.
        reached: as text.
        is_met: whether it is.
    """

    number: int
    what: str
    limit: str
    reached: str
    is_met: bool


class _MissingError(LookupError):
    """A figure was not measured."""


class Figures:
    """Medians over the repetitions.

    Args:
        results: of a run.
    """

    def __init__(self, results: Results) -> None:
        self._results = results

    def get(self, peer: str, measure: str, figure: str) -> float:
        """Returns a median.

        Raises:
            LookupError: it was not measured.
        """
        values = self._results.values(peer, measure, figure)
        if not values:
            raise _MissingError(f"{peer} {measure} {figure}")
        return float(statistics.median(values))

    def ratio(self, figure: str, ours: str, theirs: str, measure: str = "near") -> float:
        """Returns the median of ours / theirs, of the repetitions in which both were measured, one after the other.

        Raises:
            LookupError: they were not measured.
        """
        pairs = zip(
            self._results.turns(ours, measure),
            self._results.turns(theirs, measure),
            strict=False,
        )
        ratios = [ours_then[figure] / theirs_then[figure] for ours_then, theirs_then in pairs]
        if not ratios:
            raise _MissingError(f"{ours} and {theirs} {measure}")
        return statistics.median(ratios)

    def imports(self, environment: str) -> float:
        """Returns the milliseconds of an import."""
        values = self._results.imports.get(environment)
        if not values:
            raise _MissingError(environment)
        return statistics.median(values)

    def peers(self, measure: str) -> list[str]:
        """Returns who else was measured."""
        return [key for key, row in self._results.rows.items() if measure in row and not key.startswith("ours")]


def judge(results: Results) -> list[Target]:
    """Returns the targets whose figures were measured."""
    figures, found = Figures(results), []
    for goal in (_emit, _batches, _single, _far, _spool, _imports, _memory):
        for part in goal():
            with contextlib.suppress(_MissingError):
                found.append(part(figures))
    for comparison in results.comparisons.values():
        found += [Target(**target) for target in comparison["targets"]]
    return found


_Part = Callable[[Figures], Target]


def _at_most(number: int, what: str, limit: float, value: Callable[[Figures], float], unit: str = "×") -> _Part:
    def judged(figures: Figures) -> Target:
        reached = value(figures)
        return Target(number, what, f"at most {limit:.3g} {unit}", f"{reached:.2f} {unit}", reached <= limit)

    return judged


def _at_least(number: int, what: str, limit: float, value: Callable[[Figures], float], unit: str = "×") -> _Part:
    def judged(figures: Figures) -> Target:
        reached = value(figures)
        text = f"{reached:.0f}" if reached >= 100 else f"{reached:.2f}"
        return Target(number, what, f"at least {limit:.3g} {unit}", f"{text} {unit}", reached >= limit)

    return judged


def _emit() -> list[_Part]:
    return [
        _at_most(
            1, "`emit` p50 of OpenTelemetry spans, orjson", 0.8, lambda f: f.ratio("p50_us", "ours-512", "otel-spans")
        ),
        _at_most(
            1,
            "`emit` p50 of OpenTelemetry spans, without orjson",
            0.8,
            lambda f: f.ratio("p50_us", "ours-512-plain", "otel-spans"),
        ),
        _at_most(
            1,
            "`emit` p99.9 of OpenTelemetry spans, orjson",
            0.1,
            lambda f: f.ratio("p999_us", "ours-512", "otel-spans"),
        ),
        _at_most(
            1,
            "`emit` p99.9 of OpenTelemetry spans, without orjson",
            0.1,
            lambda f: f.ratio("p999_us", "ours-512-plain", "otel-spans"),
        ),
    ]


def _batches() -> list[_Part]:
    return [
        _at_least(
            2,
            "batches of 512: records/s of OpenTelemetry spans",
            2,
            lambda f: f.ratio("per_second", "ours-512", "otel-spans"),
        ),
        _at_most(
            2, "batches of 512: CPU of OpenTelemetry spans", 0.5, lambda f: f.ratio("cpu_us", "ours-512", "otel-spans")
        ),
        _at_most(2, "batches of 512: lost", 0, lambda f: f.get("ours-512", "near", "lost"), "records"),
        _at_least(2, "batches of 512: records/s of logzio", 1, lambda f: f.ratio("per_second", "ours-512", "logzio")),
    ]


def _single() -> list[_Part]:
    return [
        _at_least(
            3,
            "one span a request: records/s of helicone-helpers",
            2,
            lambda f: f.ratio("per_second", "ours-one", "helpers"),
        ),
        _at_least(
            3,
            "one span a request, 100 ms away: records/s",
            _CONNECTIONS * 9,
            lambda f: f.get("ours-one", "far", "per_second"),
            "records/s",
        ),
        _at_most(
            3, "one span a request: CPU of helicone-helpers", 0.5, lambda f: f.ratio("cpu_us", "ours-one", "helpers")
        ),
    ]


def _far() -> list[_Part]:
    def of_best(figures: Figures) -> float:
        others = figures.peers("far")
        if not others:
            raise _MissingError("far")
        return figures.get("ours-512", "far", "per_second") / max(
            figures.get(other, "far", "per_second") for other in others
        )

    return [
        _at_least(4, "100 ms away, batches of 512: records/s of the best other", 1, of_best),
        _at_least(
            4,
            '100 ms away, `batch_size="auto"`: records/s of batches of 512',
            0.8,
            lambda f: f.ratio("per_second", "ours-auto", "ours-512", "far"),
        ),
        _at_most(
            4,
            '100 ms away, `batch_size="auto"`, ten records a second: the fullest body',
            1,
            lambda f: f.get("ours-auto", "trickle", "largest"),
            "records",
        ),
    ]


def _spool() -> list[_Part]:
    return [
        _at_most(
            5,
            "spool: `emit` p50 of python-logstash-async's SQLite",
            1,
            lambda f: f.ratio("p50_us", "ours-spool", "logstash-sqlite"),
        ),
        _at_least(
            5,
            "spool: records/s of python-logstash-async's SQLite",
            15,
            lambda f: f.ratio("per_second", "ours-spool", "logstash-sqlite"),
        ),
        _at_most(5, "spool: lost by kill -9", 0, lambda f: f.get("ours-spool", "killed", "lost"), "records"),
    ]


def _imports() -> list[_Part]:
    return [
        _at_most(6, "import of OpenTelemetry's", 0.6, lambda f: f.imports("ours-orjson") / f.imports("opentelemetry")),
        _at_most(
            6,
            "threads and open files before the first traced record",
            0,
            lambda f: f.get("ours-one", "quiet", "threads") + f.get("ours-one", "quiet", "files"),
            "of them",
        ),
    ]


def _memory() -> list[_Part]:
    return [
        _at_most(
            7,
            "memory of a queued record beyond its bytes",
            200,
            lambda f: f.get("ours-512", "memory", "bytes") - f.get("ours-512", "memory", "queued_bytes"),
            "bytes",
        )
    ]
