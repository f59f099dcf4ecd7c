"""Who is measured, and in which environment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bench.environments import OURS, Environment

_QUEUE = {"queue_size": 32_768, "queue_bytes": 268_435_456}  # room for the whole loop, as the peers have

_REMEMBERS = 2
"""How many times more records are sent before the memory of queued ones is measured, so that the paths of sessions
that are remembered, which have a bound of their own, have taken their room."""

STDLIB = Environment("stdlib", ())
ORJSON = Environment("ours-orjson", (OURS, "orjson"), imports="helicone_logging")
PLAIN = Environment("ours", (OURS,), imports="helicone_logging")
OPENTELEMETRY = Environment(
    "opentelemetry",
    ("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http"),
    imports="bench.peers.opentelemetry_spans",
)
HELPERS = Environment("helicone-helpers", ("helicone-helpers",), imports="helicone_helpers")
LOGSTASH = Environment("logstash", ("python-logstash-async",), imports="bench.peers.logstash")
LOGZIO = Environment("logzio", ("logzio-python-handler",), imports="logzio.handler")
POSTHOG = Environment("posthog", ("posthog",), imports="posthog")
SENTRY = Environment("sentry", ("sentry-sdk",), imports="sentry_sdk")
SDKS = Environment(
    "sdks",
    (
        OURS,
        "orjson",
        "openai",
        "httpx",  # openai's own is another one since version 3
        "opentelemetry-sdk",
        "openinference-instrumentation-openai",
        "opentelemetry-instrumentation-openai",
        "opentelemetry-instrumentation-openai-v2",
        "opentelemetry-util-genai>=1.0b0,<1.2",  # what the one before was released with
    ),
)
"""Where several are compared in one process."""


@dataclass(frozen=True)
class Peer:
    """One row of the table.

    Args:
        key: its name on the command line.
        label: its name in the table.
        environment: where it runs.
        module: of `bench.peers`.
        options: given to the adapter.
        near: records of the tight loop at the most.
        far: records with the endpoint 100 ms away; 0 for leaving that out.
        arrives: whether its records come to the sink.
        queues: whether records wait in memory, so that their size can be measured.
    """

    key: str
    label: str
    environment: Environment
    module: str
    options: dict[str, Any] = field(default_factory=dict)
    near: int = 20_000
    far: int = 2_000
    arrives: bool = True
    queues: bool = True

    @property
    def is_ours(self) -> bool:
        return self.module == "ours"


def _ours(
    key: str, label: str, *, handler: dict[str, Any], near: int = 20_000, far: int = 2_000, **options: Any
) -> Peer:
    environment = options.pop("environment", ORJSON)
    options["handler"] = {**_QUEUE, **handler}
    options["remembers"] = _REMEMBERS
    queues = key in {"ours-one", "ours-512"}
    return Peer(key, f"**helicone_logging**, {label}", environment, "ours", options, near=near, far=far, queues=queues)


def _floor(key: str, label: str) -> Peer:
    return Peer(f"floor-{key}", label, STDLIB, "floors", {"handler": key}, far=0, arrives=False, queues=False)


PEERS = (
    _ours("ours-one", "one span a request", handler={}, near=10_000, far=300),
    _ours("ours-512", "batches of 512", handler={"batch_size": 512}),
    _ours("ours-auto", '`batch_size="auto"`', handler={"batch_size": "auto"}),
    _ours("ours-512-plain", "batches of 512, without orjson", handler={"batch_size": 512}, environment=PLAIN),
    _ours("ours-512-bound", "batches of 512, context from `bind()`", handler={"batch_size": 512}, bound=True, far=0),
    _ours("ours-spool", "batches of 512, spool", handler={"batch_size": 512}, spool=""),
    Peer(
        "otel-spans-2k",
        "OpenTelemetry spans, batch 512, queue 2,048",
        OPENTELEMETRY,
        "opentelemetry_spans",
        {"queue_size": 2_048},
        queues=False,
    ),
    Peer(
        "otel-spans",
        "OpenTelemetry spans, batch 512, queue 32k",
        OPENTELEMETRY,
        "opentelemetry_spans",
        {"queue_size": 32_768},
    ),
    Peer("otel-logs", "OpenTelemetry logs, queue 32k", OPENTELEMETRY, "opentelemetry_logs", {"queue_size": 32_768}),
    Peer("helpers", "helicone-helpers (synchronous)", HELPERS, "helicone_helpers", near=1_000, far=50, queues=False),
    Peer("logstash", "python-logstash-async, memory", LOGSTASH, "logstash", {"database": False}),
    Peer(
        "logstash-sqlite",
        "python-logstash-async, SQLite",
        LOGSTASH,
        "logstash",
        {"database": True},
        near=4_000,
        far=1_000,
        queues=False,
    ),
    Peer("logzio", "logzio (JSON lines, 1 MB bulks)", LOGZIO, "logzio_bulk"),
    Peer("posthog", "posthog", POSTHOG, "posthog_events"),
    Peer("sentry", "sentry structured logs", SENTRY, "sentry_logs", queues=False),
    _floor("queue", "`QueueHandler` to a thread that encodes, nothing sent"),
    _floor("payload", "floor: `logging`, payload dict and `json.dumps`, nothing sent"),
    _floor("null", "floor: `NullHandler`"),
)
