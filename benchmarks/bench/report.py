"""The results as Markdown and as a plot: benchmarks/README.md, results.svg, and what a record costs in the docs."""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import plot, registry
from bench.campaign import Results
from bench.environments import BENCHMARKS, ROOT
from bench.registry import Peer
from bench.tables import markdown, met
from bench.targets import Target

Figures = Mapping[str, Any]

_NOTES = BENCHMARKS / "NOTES.md"
_NOTHING = "–"
_BEGIN, _END = "<!-- costs -->", "<!-- /costs -->"
_COSTS = {
    "line": "a line that is not sent",
    "trace": "a line with a trace id only",
    "flat": "a call in eleven plain fields, 1 KB of prompt, 1 KB of answer",
    "messages": "the same with a list of 12 messages",
    "sdk-json": "an SDK's request and response as JSON, 12 messages",
    "sdk-objects": "the same with the answer as OpenAI's own object",
    "exception": "the plain fields and an exception with its traceback",
    "span": "the plain fields inside a `span()`: two records",
    "redacted": 'the plain fields with `redact="secrets"`',
}


class _Column:
    """A figure of the table.

    Args:
        title: above it.
        measure: it comes from.
        figure: its key.
        is_sent: only for those that send.
    """

    def __init__(self, title: str, measure: str, figure: str, *, is_sent: bool = False) -> None:
        self.title = title
        self._measure = measure
        self._figure = figure
        self._is_sent = is_sent

    def values(self, results: Results, peer: Peer) -> list[float]:
        if self._is_sent and not peer.arrives:
            return []
        return results.values(peer.key, self._measure, self._figure)


_P50 = _Column("p50", "near", "p50_us")
_P99 = _Column("p99", "near", "p99_us")
_P999 = _Column("p99.9", "near", "p999_us")
_RATE = _Column("records/s", "near", "per_second", is_sent=True)
_LOST = _Column("lost", "near", "lost", is_sent=True)
_CPU = _Column("CPU µs/record", "near", "cpu_us")
_FAR = _Column("100 ms away: records/s", "far", "per_second")
_MEMORY = _Column("bytes of a queued record", "memory", "bytes")
_COLUMNS = (_P50, _P99, _P999, _RATE, _LOST, _CPU, _FAR, _MEMORY)


def measured(results: Results) -> list[Peer]:
    """Returns the rows that have figures."""
    return [peer for peer in registry.PEERS if peer.key in results.rows]


def table(results: Results) -> str:
    """Returns the table: medians, and the least and the most where several runs differ."""
    rows = [
        [peer.label, *(_cell(column.values(results, peer)) for column in _COLUMNS), _import(results, peer)]
        for peer in measured(results)
    ]
    heads = ["", "p50 µs", "p99 µs", "p99.9 µs", *(column.title for column in _COLUMNS[3:]), "import ms"]
    return markdown(heads, rows)


def targets_table(targets: Sequence[Target]) -> str:
    """Returns each target, what was reached, and whether that is enough."""
    rows = [[str(target.number), target.what, target.limit, target.reached, met(target.is_met)] for target in targets]
    return markdown(["", "", "target", "reached", "met"], rows)


def write(machine: Mapping[str, str], results: Results, targets: Sequence[Target]) -> None:
    """Writes the page and the plot of the benchmarks, and what a record costs into the docs and into README.

    Args:
        machine: what was measured on.
        results: what was measured.
        targets: what was to be reached.
    """
    (BENCHMARKS / "results.svg").write_text(_drawing(results), encoding="utf-8")
    reached = sum(target.is_met for target in targets)
    parts = [
        _INTRODUCTION,
        f"## Results\n\n{table(results)}\n\n{_LEGEND}\n\n![The table as bars](results.svg)",
        f"## Targets\n\nRatios within this run; {reached} of {len(targets)} are met.\n\n{targets_table(targets)}",
        comparisons(results),
        f"## Where and how\n\n{_circumstances(machine, results)}",
        _METHOD,
        _SOAK,
    ]
    if _NOTES.exists():
        parts.append(_NOTES.read_text(encoding="utf-8").strip())
    (BENCHMARKS / "README.md").write_text("\n\n".join(part for part in parts if part) + "\n", encoding="utf-8")
    figures = {name: comparison["figures"] for name, comparison in results.comparisons.items()}
    if {"shapes", "paced", "sdk_calls"} <= figures.keys():
        _replace_costs(ROOT / "docs" / "benchmarks.md", all_costs(**figures))
        _replace_costs(ROOT / "README.md", three_costs(**figures))


def three_costs(shapes: Figures, paced: Figures, sdk_calls: Figures) -> str:
    """Returns what README says: the best case, the usual one, and the dearest of the usual ones."""
    tight, flat, ours, cheapest = shapes["flat"], paced["flat"], *_added(sdk_calls)
    return (
        f"- **{tight['ours_us']:.0f} µs** for a plain record in a tight loop, {tight['times']:.1f} times a handler "
        "that does nothing.\n"
        f"- **{flat['ours']:.0f} µs** for the same record where one is logged every 20 ms and caches are cold; "
        f"OpenTelemetry's span takes {flat['otel']:.0f} there.\n"
        f"- **{ours:.0f} µs** more for a real call of OpenAI's client whose request and response are logged; "
        f"the cheapest instrumentation adds {cheapest:.0f}."
    )


def _added(sdk_calls: Figures) -> tuple[float, float]:
    """What logging adds to a call of a client, and what the cheapest instrumentation adds."""
    others = {name: added for name, added in sdk_calls.items() if name not in ("bare", "ours")}
    return sdk_calls["ours"], min(others.values(), default=0)


def all_costs(shapes: Figures, paced: Figures, sdk_calls: Figures) -> str:
    """Returns what the docs say: each shape of a record."""
    rows = [
        [label, f"{shapes[key]['ours_us']:.0f}", f"{shapes[key]['times']:.1f}"]
        for key, label in _COSTS.items()
        if key in shapes
    ]
    ours, cheapest = _added(sdk_calls)
    flat, sdk = paced["flat"], paced["sdk-json"]
    return (
        f"{markdown(['what is logged', 'caller, µs', 'of a `NullHandler`'], rows)}\n\n"
        "In a tight loop, that is. In a service that logs now and then caches are cold: there, one record every 20 ms, "
        f"the flat record takes {flat['ours']:.0f} µs, a `NullHandler` {flat['null']:.0f} and OpenTelemetry's span "
        f"{flat['otel']:.0f}; an SDK's call as JSON {sdk['ours']:.0f}. A real call of OpenAI's client becomes "
        f"{ours:.0f} µs longer by logging its request and response; the cheapest of three instrumentations adds "
        f"{cheapest:.0f}."
    )


def _replace_costs(path: Path, text: str) -> None:
    before, _, rest = path.read_text(encoding="utf-8").partition(_BEGIN)
    _, _, after = rest.partition(_END)
    path.write_text(f"{before}{_BEGIN}\n{text}\n{_END}{after}", encoding="utf-8")


def comparisons(results: Results) -> str:
    """Returns the tables of those that were compared in one process."""
    return "\n\n".join(
        f"{_COMPARISONS[name]}\n\n{comparison['table']}" for name, comparison in results.comparisons.items()
    )


def _circumstances(machine: Mapping[str, str], results: Results) -> str:
    lines = [f"- {name}: {value}" for name, value in machine.items()]
    lines.append(f"- {results.repetitions} repetitions in {results.seconds:.0f} s")
    packages = {name: version for found in results.versions.values() for name, version in found.items()}
    lines.append("- " + ", ".join(f"{name} {version}" for name, version in sorted(packages.items())))
    lines += [f"- left out: {key}: {reason}" for key, reason in results.left_out.items()]
    return "\n".join(lines)


def _cell(values: Sequence[float]) -> str:
    if not values:
        return _NOTHING
    middle, low, high = _number(statistics.median(values)), _number(min(values)), _number(max(values))
    return middle if low == high else f"{middle} ({low}–{high})"


def _number(value: float) -> str:
    return "0" if value == 0 else plot.short(value)


def _import(results: Results, peer: Peer) -> str:
    values = results.imports.get(peer.environment.name)
    return plot.short(statistics.median(values)) if values else _NOTHING


def _drawing(results: Results) -> str:
    peers = measured(results)

    def panel(title: str, column: _Column) -> plot.Panel:
        values = [column.values(results, peer) for peer in peers]
        return plot.Panel(title, [statistics.median(found) if found else None for found in values])

    panels = [
        panel("caller, p50 µs", _P50),
        panel("caller, p99.9 µs", _P999),
        panel("records/s", _RATE),
        panel("CPU µs a record", _CPU),
        panel("records/s, 100 ms away", _FAR),
    ]
    labels = [re.sub(r"[*`]|floor: |, nothing sent", "", peer.label) for peer in peers]
    return plot.bars(labels, [peer.is_ours for peer in peers], panels)


_INTRODUCTION = """# Benchmarks

Written by `python benchmarks/run.py`; do not edit (the last section comes from `NOTES.md`). Some ten minutes:

    python benchmarks/run.py                    # makes an environment for each peer, measures, writes this
    python benchmarks/run.py --only ours otel   # some of the rows, printed only
    python benchmarks/run.py --quick            # seconds: proves that it runs, measures nothing
    python benchmarks/shapes.py                 # half a minute: what each shape of a record costs
    python benchmarks/paced.py                  # half a minute: one record every 20 ms
    python benchmarks/spans.py                  # half a minute: what `HeliconeSpanProcessor` costs, beside a record
    python benchmarks/sdk_calls.py              # SDK objects, beside what instrumentations of the client take
    python benchmarks/profile_emit.py           # where `emit` spends its time
    python benchmarks/soak.py                   # a minute of overload with an outage; see below"""

_LEGEND = """\
Medians over the repetitions, in brackets the least and the most. *p50, p99, p99.9*: microseconds for the caller of one
record, in a tight loop of 20,000 (one span a request 10,000, helicone-helpers 1,000, python-logstash-async's SQLite
4,000), while the background is sending. *records/s*: until the last one was stored. *lost*: of those of the loop.
*CPU*: of the whole process, both threads of it, for each logged record. *100 ms away*: 2,000 records (one span a
request 300, SQLite 1,000, helicone-helpers 50), each answer 100 ms late. *bytes of a queued record*: growth of the
resident memory while nobody answers."""

_COMPARISONS = {
    "shapes": """\
## What each shape of a record costs

Medians of the caller in microseconds, in turns with a `NullHandler` that gets the same call, while nobody answers and
the sender threads wait.""",
    "paced": """\
## One record every 20 ms

That is how services log, and why their caches are cold. OpenTelemetry's span has the same content.""",
    "sdk_calls": """\
## SDK objects

The real client of OpenAI on a stubbed transport; content is captured by all, spans go nowhere.""",
}

_METHOD = """\
## Method

- **The record**: 1 KB of prompt, 1 KB of completion, 11 fields, [`records.py`](bench/records.py); about 3 KB as OTLP
  JSON, and 4 KB as this package sends it, with session, logger, level and code location. Handlers get the fields with
  `extra=`, the others as their users pass them: the adapters are in [`bench/peers`](bench/peers).
- **The endpoint** is a process of its own, [`sink.py`](bench/sink.py). It parses nothing: it looks for the mark of each
  record by its bytes, so that what is lost or doubled shows for every format. It counts when it answers.
- **Each measurement** is a process of its own in the virtual environment of its peer, after 50 records of warming up.
  Repetitions go through all rows, every other time backwards, so that a busy minute of the machine hits all of them.
  Ratios are the medians of those of the repetitions. Shapes, the paced record and SDK calls compare in one process, in
  turns of a few milliseconds, as the speed of a virtual machine changes from one half of a second to the next.
- **Queues** have room for the whole loop where a peer can be told so; otherwise what overflows is lost, and shown.
- python-logstash-async sends over HTTP here: over TCP and UDP it never learns whether a record has arrived. Its worker
  looks at its queue every two seconds; the loop ends with `close()`, which does not wait for that.
- OpenTelemetry's spans are ended where they are started; making them current would cost their callers more."""

_SOAK = """\
## Soak

`soak.py` logs 1,000 records a second for a minute to an endpoint that takes 200, and that hangs up on every request for
a fifth of the time. `soak.py --records 1000000` logs as fast as it can, blocking when the queue is full. Both end with
an error unless the account of `stats()` is exact to the record against what the endpoint stored, the queue kept its
bounds, and the memory stayed flat.

![Memory and queue in a minute of overload, the outage shaded](soak.svg)

![Memory and queue over a million records](soak-million.svg)"""
