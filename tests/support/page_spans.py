"""Spans for the page: an agent's session, many sessions, and texts that would be obeyed if they could."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from receiver_client import GOOD, PROPERTY, SESSION, START, USER, payload, span

PWN = "window.pwned = 1"
HOSTILE: dict[str, str] = {
    "script": f"<script>{PWN}</script>",
    "image": f"</textarea></pre><img src=x onerror='{PWN}'>",
    "svg": f"<svg/onload={PWN}>",
    "template": "{{7*7}} {% for x in y %} ${7*7} #{7*7}",
    "link": f"javascript:{PWN} [click](javascript:{PWN}) https://evil.example/x.png",
    "attribute": f'" onmouseover="{PWN}" x="',
    "bidi": "a\u202egnp.exe\u2066b\u200bc\ufeff",
    "nul": "before\x00after\x1b[2J\x1b[31mred\x07\x9b",
    "entities": "&lt;b&gt; &#x3c;script&#x3e; <!-- --> ]]>",
    "curl": "it's $(touch pwned) `id` \\' \" ; END PAYLOAD_ $HELICONE_API_KEY\nEOF\n",
    "emoji": "👩‍👩‍👧 日本語 العربية फ़ارسی",
    "surrogate": "half \ud83d of a pair",
    "proto": "__proto__ constructor toString",
}


FAILED = {PROPERTY + "error": "true", PROPERTY + "exception": "TimeoutError"}


def step(path: str, start_ms: float, length_ms: float, **attributes: Any) -> dict[str, Any]:
    """A span of a session, at a place in its tree."""
    start = START + int(start_ms * 1e6)
    named = {key.replace("__", "."): value for key, value in attributes.items()}
    return span(
        {**GOOD, SESSION + "Path": path, **named},
        name=path.rpartition("/")[2],
        startTimeUnixNano=str(start),
        endTimeUnixNano=str(start + int(length_ms * 1e6) + 500),
    )


def many(sessions: int, spans: int) -> Iterator[dict[str, Any]]:
    """Payloads of many sessions with as many spans each."""
    chance = random.Random(7)
    for number in range(sessions):
        made = []
        for position in range(spans):
            path = "/answer" if position == 0 else f"/answer/step {position // 8}/call {position}"
            one = step(path, number * 60_000 + position * 40, 4_000 if position == 0 else chance.randrange(20, 900))
            one["attributes"] = [
                {"key": key, "value": {("intValue" if isinstance(value, int) else "stringValue"): value}}
                for key, value in {
                    **GOOD,
                    SESSION + "Id": f"session-{number:04}",
                    SESSION + "Path": path,
                    "gen_ai.response.model": chance.choice(["gpt-4o", "gpt-4o-mini", "o3", "gpt-4.1"]),
                    "gen_ai.prompt.0.content": f"Question {number}: how is step {position} to be done? "
                    + "Context. " * 60,
                    "gen_ai.completion.0.content": "In this way. " * 20,
                    USER: f"user-{number % 9}",
                    **(
                        {PROPERTY + "error": "true", PROPERTY + "exception": "TimeoutError"}
                        if chance.random() < 0.01
                        else {}
                    ),
                }.items()
            ]
            made.append(one)
        yield payload(*made)


def hostile() -> dict[str, Any]:
    """A session in which every text is hostile."""
    spans = []
    for number, (name, text) in enumerate(HOSTILE.items()):
        attributes = {
            **GOOD,
            "gen_ai.response.model": text, "gen_ai.prompt.0.role": text, "gen_ai.prompt.0.content": f"{name}: {text}",
            "gen_ai.completion.0.content": text, "gen_ai.completion.0.finish_reason": text, USER: text,
            SESSION + "Id": f"hostile/{HOSTILE['script']}", SESSION + "Name": HOSTILE["image"],
            SESSION + "Path": f"/{text}", PROPERTY + text: text, "__proto__": text, "exception.type": text,
            "exception.message": text, "exception.stacktrace": text, PROPERTY + "error": "true", text: text,
        }  # fmt: skip
        spans.append(span(attributes, name=text, spanId=f"{number:016x}", status={"code": 2}))
    long = {**GOOD, SESSION + "Id": f"hostile/{HOSTILE['script']}", SESSION + "Name": HOSTILE["image"]}
    spans.append(span({**long, "gen_ai.prompt.0.content": "x" * 1_000_000}, name="a megabyte"))
    said = {f"gen_ai.prompt.{n}.{part}": f"{part} {n}" for n in range(500) for part in ("role", "content")}
    spans.append(span({**long, **said}, name="500 messages"))
    everything = {PROPERTY + name: text for name, text in HOSTILE.items()} | HOSTILE | {
        f"gen_ai.prompt.{n}.{part}": text
        for n, text in enumerate(HOSTILE.values())
        for part in ("role", "content")
    }  # fmt: skip
    stack = {f"exception.{part}": "\n".join(HOSTILE.values()) for part in ("type", "message", "stacktrace")}
    spans.append(span({**long, **everything, **stack, **FAILED}, name="everything", status={"code": 2}))
    return payload(*spans)
