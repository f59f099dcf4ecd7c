"""A stand-in for the APIs of OpenAI and Anthropic on this machine, so that the examples run without a key.

It repeats the last message, word by word when a stream is asked for.
"""

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Events = Iterator[tuple[str, dict[str, Any]]]


def start() -> str:
    """Serves from a thread, points the SDKs of this process there, and returns the URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    os.environ.update(
        OPENAI_API_KEY="none", OPENAI_BASE_URL=f"{url}/v1", ANTHROPIC_API_KEY="none", ANTHROPIC_BASE_URL=url
    )
    return url


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        whole, events = APIS[self.path]
        words = f"You said: {request['messages'][-1]['content']}".split()
        self.send_response(200)
        if request.get("stream"):
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            for name, event in events(request, words):
                head = f"event: {name}\n" if name else ""
                self.wfile.write(f"{head}data: {json.dumps(event)}\n\n".encode())
            if not head:
                self.wfile.write(b"data: [DONE]\n\n")
        else:
            body = json.dumps(whole(request, words)).encode()
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def openai_whole(request: dict[str, Any], words: list[str]) -> dict[str, Any]:
    message = {"role": "assistant", "content": " ".join(words)}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    return {**openai_head(request, "chat.completion"), "choices": [choice], "usage": openai_usage(words)}


def openai_events(request: dict[str, Any], words: list[str]) -> Events:
    head = openai_head(request, "chat.completion.chunk")
    for number, word in enumerate(words):
        delta = {"role": "assistant", "content": word} if number == 0 else {"content": f" {word}"}
        yield "", {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    yield "", {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    if request.get("stream_options", {}).get("include_usage"):
        yield "", {**head, "choices": [], "usage": openai_usage(words)}


def openai_head(request: dict[str, Any], kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1_750_000_000, "model": request["model"]}


def openai_usage(words: list[str]) -> dict[str, int]:
    return {"prompt_tokens": 12, "completion_tokens": len(words), "total_tokens": 12 + len(words)}


def anthropic_whole(request: dict[str, Any], words: list[str]) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": request["model"],
        "content": [{"type": "text", "text": " ".join(words)}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 12, "output_tokens": len(words)},
    }


def anthropic_events(request: dict[str, Any], words: list[str]) -> Events:
    start = {**anthropic_whole(request, words[:1]), "content": [], "stop_reason": None}
    yield "message_start", {"type": "message_start", "message": start}
    block = {"type": "text", "text": ""}
    yield "content_block_start", {"type": "content_block_start", "index": 0, "content_block": block}
    for number, word in enumerate(words):
        delta = {"type": "text_delta", "text": f" {word}" if number else word}
        yield "content_block_delta", {"type": "content_block_delta", "index": 0, "delta": delta}
    yield "content_block_stop", {"type": "content_block_stop", "index": 0}
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    usage = {"output_tokens": len(words)}
    yield "message_delta", {"type": "message_delta", "delta": end, "usage": usage}
    yield "message_stop", {"type": "message_stop"}


APIS = {
    "/v1/chat/completions": (openai_whole, openai_events),
    "/v1/messages": (anthropic_whole, anthropic_events),
}
