"""A stand-in for the APIs of OpenAI and Anthropic, with tools, streams and failures: `answers()` serves it.

It asks for the tool `get_weather` where a request offers tools and has no result of one yet, and says "Sunny." else;
the model `broken` does not exist.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ARGUMENTS = '{"city": "Paris"}'
CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": ARGUMENTS}}
VERSION = "-2024-07-18"  # what OpenAI adds to the model that was asked for


@contextlib.contextmanager
def answers() -> Iterator[str]:
    """Serves from a thread, and gives the URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if request.get("model") == "broken":
            self._send({"error": {"message": "no such model", "type": "invalid_request_error"}}, 404)
        elif self.path.endswith("/embeddings"):
            vector = {"object": "embedding", "index": 0, "embedding": [0.1, 0.2]}
            usage = {"prompt_tokens": 3, "total_tokens": 3}
            self._send({"object": "list", "model": request["model"], "data": [vector], "usage": usage})
        else:
            whole, events = (_message, _events) if self.path.endswith("/messages") else (_completion, _chunks)
            if request.get("stream"):
                self._send("".join(events(request)).encode())
            else:
                self._send(whole(request))

    def _send(self, body: bytes | dict[str, Any], status: int = 200) -> None:
        is_stream = isinstance(body, bytes)
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/event-stream" if is_stream else "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def _wants_tool(request: dict[str, Any]) -> bool:
    said = json.dumps(request["messages"])
    return bool(request.get("tools")) and '"tool"' not in said and '"tool_result"' not in said


def _completion(request: dict[str, Any]) -> dict[str, Any]:
    wants = _wants_tool(request)
    message = {"role": "assistant", "content": None, "tool_calls": [CALL]} if wants else _said()
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if wants else "stop"}
    return {**_head(request, "chat.completion"), "choices": [choice], "usage": _usage()}


def _said() -> dict[str, Any]:
    return {"role": "assistant", "content": "Sunny."}


def _head(request: dict[str, Any], kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1_750_000_000, "model": request["model"] + VERSION}


def _usage() -> dict[str, Any]:
    details = {"cached_tokens": 4}
    return {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17, "prompt_tokens_details": details}


def _chunks(request: dict[str, Any]) -> Iterator[str]:
    wants = _wants_tool(request)
    if wants:
        begun = {**CALL, "index": 0, "function": {"name": "get_weather", "arguments": ""}}
        rest = {"index": 0, "function": {"arguments": ARGUMENTS}}
        deltas = [{"role": "assistant", "tool_calls": [begun]}, {"tool_calls": [rest]}]
    else:
        deltas = [{"role": "assistant", "content": "Sun"}, {"content": "ny."}]
    head = _head(request, "chat.completion.chunk")
    for delta in deltas:
        yield _event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    reason = "tool_calls" if wants else "stop"
    yield _event({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
    if request.get("stream_options", {}).get("include_usage"):
        yield _event({**head, "choices": [], "usage": _usage()})
    yield "data: [DONE]\n\n"


def _message(request: dict[str, Any]) -> dict[str, Any]:
    wants = _wants_tool(request)
    call = {"type": "tool_use", "id": "tu_1", "name": "get_weather", "input": json.loads(ARGUMENTS)}
    content = [{"type": "text", "text": "Let me look."}, call] if wants else [{"type": "text", "text": "Sunny."}]
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": request["model"],
        "content": content,
        "stop_reason": "tool_use" if wants else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 12, "output_tokens": 5},
    }


def _events(request: dict[str, Any]) -> Iterator[str]:
    message = _message(request)
    yield _event({"type": "message_start", "message": {**message, "content": [], "stop_reason": None}})
    for index, block in enumerate(message["content"]):
        is_text = block["type"] == "text"
        empty = {"type": "text", "text": ""} if is_text else {**block, "input": {}}
        delta = {"type": "text_delta", "text": block["text"]} if is_text else None
        delta = delta or {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        yield _event({"type": "content_block_start", "index": index, "content_block": empty})
        yield _event({"type": "content_block_delta", "index": index, "delta": delta})
        yield _event({"type": "content_block_stop", "index": index})
    end = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield _event({"type": "message_delta", "delta": end, "usage": {"output_tokens": 5}})
    yield _event({"type": "message_stop"})


def _event(data: dict[str, Any]) -> str:
    name = f"event: {data['type']}\n" if "type" in data else ""
    return f"{name}data: {json.dumps(data)}\n\n"
