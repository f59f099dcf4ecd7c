"""The record that every peer logs: about 3 KB as OTLP JSON, 1 KB of prompt, 1 KB of completion, 11 fields."""

from __future__ import annotations

from typing import Any

_WORDS = (
    "The quick brown fox looks up the opening hours of the museum, and tells the visitor that it is closed on Mondays. "
)
_PROMPT = (_WORDS * 10)[: 1024 - 17]
COMPLETION = (_WORDS * 10)[:1024]
MESSAGE = "answer question"


def mark(run: str, number: int) -> str:
    """Returns the text that names one record of a run (four hexadecimal digits)."""
    return f"hlb{run}-{number:08d}"


def fields(run: str, number: int) -> dict[str, Any]:
    """Returns the fields of one record, as they are passed with `extra=`."""
    return {
        "trace_id": f"{number + 1:032x}",
        "span_id": f"{number + 1:016x}",
        "model": "gpt-4o-mini",
        "provider": "openai",
        "prompt": f"{mark(run, number)} {_PROMPT}",
        "completion": COMPLETION,
        "prompt_tokens": 211,
        "completion_tokens": 198,
        "temperature": 0.2,
        "duration_ms": 812.5,
        "user_id": "ada",
    }


def attributes(fields: dict[str, Any]) -> dict[str, Any]:
    """Returns the span attributes that stand for them, as instrumentations of LLM clients write them."""
    return {
        "gen_ai.system": fields["provider"],
        "gen_ai.request.model": fields["model"],
        "gen_ai.response.model": fields["model"],
        "gen_ai.prompt.0.role": "user",
        "gen_ai.prompt.0.content": fields["prompt"],
        "gen_ai.completion.0.role": "assistant",
        "gen_ai.completion.0.content": fields["completion"],
        "gen_ai.usage.prompt_tokens": fields["prompt_tokens"],
        "gen_ai.usage.completion_tokens": fields["completion_tokens"],
        "llm.usage.total_tokens": fields["prompt_tokens"] + fields["completion_tokens"],
        "gen_ai.request.temperature": fields["temperature"],
        "traceloop.association.properties.Helicone-User-Id": fields["user_id"],
    }
