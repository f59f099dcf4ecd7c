"""OpenAI's client, whole and streamed: hand its request and its response to a span.

HELICONE_TRACE_ENDPOINT=http://localhost:8585 python examples/openai_chat.py   # after: helicone-logging serve
"""

import logging
import os

import stub_llm_server
from openai import OpenAI

from helicone_logging import HeliconeHandler, span

logger = logging.getLogger("openai_chat")


def ask(client: OpenAI, question: str) -> str:
    request = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": question}]}
    with span("ask", logger, llm_request=request) as call:
        response = client.chat.completions.create(**request)
        call.set(llm_response=response)
    return response.choices[0].message.content


def ask_streamed(client: OpenAI, question: str) -> str:
    request = {
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": question}],
        "stream_options": {"include_usage": True},  # else OpenAI counts no tokens of a stream
    }
    chunks = []
    with span("ask streamed", logger, llm_request=request, llm_response=chunks):
        for chunk in client.chat.completions.create(**request, stream=True):
            chunks.append(chunk)
            if chunk.choices:
                print(chunk.choices[0].delta.content or "", end="", flush=True)
    print()
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def main() -> None:
    if not os.environ.get("OPENAI_API_KEY"):
        stub_llm_server.start()
    with OpenAI() as client, span("conversation", logger, user_id="ada"):
        print(ask(client, "Why is the sky blue?"))
        ask_streamed(client, "And in the evening?")


if __name__ == "__main__":
    handler = HeliconeHandler(service_name="openai-chat")
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.INFO)
    main()
    handler.close()
    print(handler.stats())
