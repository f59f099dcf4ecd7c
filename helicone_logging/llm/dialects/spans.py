"""Spans of OpenTelemetry, in whatever dialect: what they are, and the events that nobody has read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

Attributes = dict[str, Any]
"""Those of a span, by name."""

Kind = Literal["model", "embedding", "tool", "retrieval", "agent"]

OPERATIONS: Mapping[Kind, str] = {
    "model": "chat",
    "embedding": "embeddings",
    "tool": "execute_tool",
    "retrieval": "retrieval",
    "agent": "invoke_agent",
}
"""What OpenTelemetry calls the operation of a span that does not name its own."""

# Values of `gen_ai.operation.name`, `llm.request.type`, `openinference.span.kind` and `traceloop.span.kind` in lower
# case. None stands for what is a step of the path only, and holds the calls.
_KINDS: Mapping[str, Kind | None] = {
    **dict.fromkeys(("llm", "llm_request", "chat", "completion", "text_completion", "generate_content"), "model"),
    "decision": "model",
    **dict.fromkeys(("embedding", "embeddings"), "embedding"),
    **dict.fromkeys(("rerank", "reranker", "retriever", "retrieval", "vector_db_retrieve"), "retrieval"),
    **dict.fromkeys(("tool", "execute_tool"), "tool"),
    **dict.fromkeys(("agent", "create_agent", "invoke_agent"), "agent"),
    **dict.fromkeys(("chain", "guardrail", "evaluator", "prompt"), None),
    **dict.fromkeys(("workflow", "invoke_workflow", "task", "execute_task"), None),
}
_TELLS_KIND = ("openinference.span.kind", "gen_ai.operation.name", "llm.request.type", "traceloop.span.kind")
_ASKS_MODEL = (
    "gen_ai.request.model", "gen_ai.response.model", "llm.model_name", "llm.request.model_name",
    "llm.invocation_parameters", "llm.system", "llm.provider",
)  # fmt: skip
# OpenLLMetry writes `invoke_agent` on every chain of LangChain and every task of CrewAI; a graph of LangGraph is one.
_STEPS_OF_PATHS = ("workflow", "task")
_GRAPH = "langgraph"
_VECTOR_DATABASES = frozenset(
    ("pinecone", "chroma", "chromadb", "qdrant", "weaviate", "milvus", "marqo", "lancedb", "pgvector")
)
_MARKS = frozenset((*_TELLS_KIND, *_ASKS_MODEL, "db.system", "db.system.name"))
_CONTENT = (
    "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.prompt", "gen_ai.completion", "traceloop.entity.input",
    "llm.input_messages.", "llm.output_messages.", "llm.prompts.", "llm.choices.", "input.value", "output.value",
    "events", "gen_ai.tool.call.arguments", "gen_ai.tool.call.result", "embedding.embeddings.",
    "traceloop.entity.output",
)  # fmt: skip
_USUAL_CONTENT = frozenset((*_CONTENT, "gen_ai.prompt.0.content", "llm.input_messages.0.message.role"))
# What a tool or an agent is called.
_NAMED: Mapping[str, tuple[str, ...]] = {
    "tool": ("gen_ai.tool.name", "tool.name", "traceloop.entity.name"),
    "agent": ("gen_ai.agent.name", "agent.name"),
}
_SEARCHES = ("query", "search", "get", "fetch", "retrieve", "near", "peek", "hybrid", "recommend")


def kind_of(attributes: Attributes) -> Kind | None:
    """Returns what a span is; None for one that calls nothing that Helicone shows.

    Args:
        attributes: of the span, whether it has ended or not.
    """
    if _MARKS.isdisjoint(attributes):
        return None
    named: str | None = None
    for name in _TELLS_KIND:
        value = attributes.get(name)
        if isinstance(value, str) and value:
            named = value.lower()
            if named in _KINDS:
                kind = _KINDS[named]
                return None if kind == "agent" and _is_step_of_path(attributes) else kind
    if any(name in attributes for name in _ASKS_MODEL):
        return "model"
    database = attributes.get("db.system") or attributes.get("db.system.name")
    return "retrieval" if database in _VECTOR_DATABASES and _is_search(attributes) else None


def call_of(kind: Kind | None, attributes: Attributes) -> tuple[Kind, object] | None:
    """Returns what tells a call from others when one stands directly in another; None for what is never told twice.

    Args:
        kind: what the span is.
        attributes: of the span, whether it has ended or not.
    """
    if kind == "model" or kind == "embedding":
        return kind, None
    name = next((attributes[name] for name in _NAMED.get(kind or "", ()) if attributes.get(name)), None)
    return None if kind is None or name is None else (kind, name)


def is_helper(scope: str, name: str) -> bool:
    """Returns whether a span is a step within a call that another span tells of, though it says that it is a call.

    Args:
        scope: the instrumentation that wrote it; that of LlamaIndex writes spans of private methods, too.
        name: of the span.
    """
    method = name.rpartition(".")[2]
    return method.startswith("_") and not method.startswith("__") and scope.endswith(".llama_index")


def holds_content(attributes: Mapping[str, object], events: Iterable[str]) -> bool:
    """Returns whether a span says what was asked or answered.

    Args:
        attributes: of the span.
        events: the names of its events.
    """
    if not _USUAL_CONTENT.isdisjoint(attributes) or any(name.startswith(_CONTENT) for name in attributes):
        return True
    return any(name.startswith("gen_ai.") and not name.endswith(".chunk") for name in events)


def _is_step_of_path(attributes: Attributes) -> bool:
    return attributes.get("traceloop.span.kind") in _STEPS_OF_PATHS and attributes.get("gen_ai.provider.name") != _GRAPH


def _is_search(attributes: Attributes) -> bool:
    operation = str(attributes.get("db.operation") or attributes.get("db.operation.name") or "").lower()
    return any(word in operation for word in _SEARCHES)


class SpanEvent(NamedTuple):
    """An event of a span.

    Args:
        name: what it is called.
        attributes: what it says.
        seconds: when it happened, since the span began.
    """

    name: str
    attributes: Attributes
    seconds: float


class Events:
    """The events of a span that nobody has read.

    Args:
        events: all of them.
    """

    def __init__(self, events: Iterable[SpanEvent]) -> None:
        self.left = list(events)

    def take(self, *names: str) -> list[SpanEvent]:
        """Takes the events of these names out, in their order."""
        taken = [event for event in self.left if event.name in names]
        if taken:
            self.left = [event for event in self.left if event.name not in names]
        return taken
