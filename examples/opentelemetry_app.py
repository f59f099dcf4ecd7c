"""Calls that an instrumentation captures: the code that asks the model does not know of Helicone.

pip install 'helicone-logging[opentelemetry]' openinference-instrumentation-openai
HELICONE_TRACE_ENDPOINT=http://localhost:8585 python examples/opentelemetry_app.py   # after: helicone-logging serve
"""

import logging
import os

import stub_llm_server
from openai import OpenAI
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanLimits, TracerProvider

from helicone_logging.opentelemetry import HeliconeSpanProcessor

logger = logging.getLogger("opentelemetry_app")
tracer = trace.get_tracer("opentelemetry_app")


def answer(client: OpenAI, question: str) -> str:
    with tracer.start_as_current_span("answer", attributes={"session.id": "order-17", "user.id": "ada"}):
        draft = ask(client, question)
        logger.info("checked", extra={"operation": "tool", "tool_name": "spelling", "completion": "no mistakes"})
        return ask(client, f"Say it more politely: {draft}")


def ask(client: OpenAI, question: str) -> str:
    response = client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": question}])
    return response.choices[0].message.content or ""


def main() -> None:
    if not os.environ.get("OPENAI_API_KEY"):
        stub_llm_server.start()
    with OpenAI() as client:
        print(answer(client, "Where is my order?"))


if __name__ == "__main__":
    processor = HeliconeSpanProcessor(service_name="opentelemetry-app")
    provider = TracerProvider(span_limits=SpanLimits(max_span_attributes=5_000))
    provider.add_span_processor(processor)
    trace.set_tracer_provider(provider)
    OpenAIInstrumentor().instrument()

    logging.getLogger().addHandler(processor.handler)  # the same one, for what is logged inside
    logging.getLogger().setLevel(logging.INFO)
    main()
    provider.shutdown()
    print(processor.handler.stats())
