"""A program whose calls of models are instrumented by others, and sent by `HeliconeSpanProcessor`.

python instrumented.py NAME    # one of PROGRAMS; for a process of its own, as instrumentations patch for good
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable
from typing import Any

import llm_server
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from helicone_logging.opentelemetry import HeliconeSpanProcessor

MODELS = {"openai": "gpt-4o-mini", "anthropic": "claude-sonnet-4-5"}
QUESTION = {"role": "user", "content": "Weather in Paris?"}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


def openai_calls(url: str) -> None:
    import openai

    with openai.OpenAI(api_key="none", base_url=f"{url}/v1", max_retries=0) as client:
        create = client.chat.completions.create
        asked = {"model": MODELS["openai"], "messages": [{"role": "system", "content": "Be brief."}, QUESTION]}
        function = {"name": "get_weather", "description": "The weather now.", "parameters": SCHEMA}
        tools = {"tools": [{"type": "function", "function": function}]}
        streamed = {"stream": True, "stream_options": {"include_usage": True}}
        create(**asked, temperature=0.5)
        create(**asked, **tools)
        list(create(**asked, **streamed))
        list(create(**asked, **tools, **streamed))
        result = {"role": "tool", "tool_call_id": "call_1", "content": "21 °C"}
        create(
            **{**asked, "messages": [QUESTION, {"role": "assistant", "tool_calls": [llm_server.CALL]}, result]}, **tools
        )
        with contextlib.suppress(openai.NotFoundError):
            create(**{**asked, "model": "broken"})
        client.embeddings.create(model="text-embedding-3-small", input=["hello"])


def anthropic_calls(url: str) -> None:
    import anthropic

    with anthropic.Anthropic(api_key="none", base_url=url, max_retries=0) as client:
        create = client.messages.create
        asked = {
            "model": MODELS["anthropic"],
            "max_tokens": 50,
            "system": "Be brief.",
            "messages": [QUESTION],
        }
        tools = {"tools": [{"name": "get_weather", "description": "The weather now.", "input_schema": SCHEMA}]}
        create(**asked)
        create(**asked, **tools)
        list(create(**asked, stream=True))
        list(create(**asked, **tools, stream=True))
        call = {"type": "tool_use", "id": "tu_1", "name": "get_weather", "input": {"city": "Paris"}}
        result = {"type": "tool_result", "tool_use_id": "tu_1", "content": "21 °C"}
        turns = [QUESTION, {"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
        create(**{**asked, "messages": turns}, **tools)
        with contextlib.suppress(anthropic.NotFoundError):
            create(**{**asked, "model": "broken"})


def pydantic_agent(url: str) -> None:
    from pydantic_ai import Agent
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    Agent.instrument_all()
    model = OpenAIChatModel(MODELS["openai"], provider=OpenAIProvider(base_url=f"{url}/v1", api_key="none"))
    agent = Agent(model, name="weather", instructions="Be brief.")

    @agent.tool_plain
    def get_weather(city: str) -> str:
        return f"21 °C in {city}"

    assert agent.run_sync(QUESTION["content"]).output == "Sunny."


PROGRAMS: dict[str, tuple[str | None, Callable[[str], None]]] = {
    "openllmetry-openai": ("opentelemetry.instrumentation.openai:OpenAIInstrumentor", openai_calls),
    "openllmetry-anthropic": ("opentelemetry.instrumentation.anthropic:AnthropicInstrumentor", anthropic_calls),
    "opentelemetry-openai": ("opentelemetry.instrumentation.openai_v2:OpenAIInstrumentor", openai_calls),
    "openinference-openai": ("openinference.instrumentation.openai:OpenAIInstrumentor", openai_calls),
    "openinference-anthropic": ("openinference.instrumentation.anthropic:AnthropicInstrumentor", anthropic_calls),
    "anthropic-itself": (None, anthropic_calls),
    "pydantic-ai": (None, pydantic_agent),
}


def instrument(where: str) -> None:
    module, name = where.split(":")
    instrumentor: Any = getattr(importlib.import_module(module), name)
    instrumentor().instrument()


def main(program: str) -> None:
    provider = TracerProvider()
    processor = HeliconeSpanProcessor(service_name=program)
    provider.add_span_processor(processor)
    trace.set_tracer_provider(provider)
    instrumentor, run = PROGRAMS[program]
    if instrumentor is not None:
        instrument(instrumentor)
    with llm_server.answers() as url, trace.get_tracer(__name__).start_as_current_span("handle request"):
        run(url)
    assert provider.force_flush()
    provider.shutdown()
    stats = processor.handler.stats()
    assert stats.delivered == stats.emitted, stats


if __name__ == "__main__":
    main(sys.argv[1])
