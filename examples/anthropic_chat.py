"""Anthropic's client, whole and streamed: hand its request and its response to a span.

HELICONE_TRACE_ENDPOINT=http://localhost:8585 python examples/anthropic_chat.py   # after: helicone-logging serve
"""

import logging
import os

import stub_llm_server
from anthropic import Anthropic

from helicone_logging import HeliconeHandler, span

logger = logging.getLogger("anthropic_chat")


def ask(client: Anthropic, question: str) -> str:
    request = {
        "model": "claude-sonnet-5",
        "max_tokens": 200,
        "system": "Answer briefly.",
        "messages": [{"role": "user", "content": question}],
    }
    with span("ask", logger, llm_request=request) as call:
        response = client.messages.create(**request)
        call.set(llm_response=response)
    return response.content[0].text


def ask_streamed(client: Anthropic, question: str) -> str:
    request = {
        "model": "claude-sonnet-5",
        "max_tokens": 200,
        "messages": [{"role": "user", "content": question}],
    }
    with span("ask streamed", logger, llm_request=request) as call:
        with client.messages.stream(**request) as stream:
            for text in stream.text_stream:
                print(text, end="", flush=True)
            response = stream.get_final_message()
        call.set(llm_response=response)
    print()
    return response.content[0].text


def main() -> None:
    if not os.environ.get("ANTHROPIC_API_KEY"):
        stub_llm_server.start()
    with Anthropic() as client, span("conversation", logger, user_id="ada"):
        print(ask(client, "Why is the sky blue?"))
        ask_streamed(client, "And in the evening?")


if __name__ == "__main__":
    # Helicone's page shows no tokens for the provider "anthropic" of a log: docs/providers.md.
    handler = HeliconeHandler(service_name="anthropic-chat", provider_overrides={"anthropic": "custom"})
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.INFO)
    main()
    handler.close()
    print(handler.stats())
