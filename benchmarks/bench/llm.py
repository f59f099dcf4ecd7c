"""A call of OpenAI's chat completions as plain JSON: twelve messages, and an answer of 1 KB."""

from __future__ import annotations

from typing import Any

from bench.records import COMPLETION

_MODEL = "gpt-4o-mini"
_TURNS = (
    ("system", "You answer questions of visitors of the museum, in one or two sentences, and never make anything up."),
    ("user", "When is the museum open?"),
    ("assistant", "From Tuesday to Sunday, from 10 to 18 hours; it is closed on Mondays."),
    ("user", "And what does a ticket cost for two adults and a child of six years?"),
    ("assistant", "Adults pay 14 euros each, and children below seven years nothing, which makes 28 euros."),
    ("user", "Is there an exhibition about the impressionists at the moment?"),
    ("assistant", "Yes, on the second floor, until the end of March. It is included in the ticket."),
    ("user", "Can we bring a pram?"),
    ("assistant", "You can. There are lifts to all floors, and you can leave it at the cloakroom as well."),
    ("user", "Where do we eat?"),
    ("assistant", "The café on the ground floor serves lunch until 15 hours; there is a restaurant across the street."),
)


def messages(number: int) -> list[dict[str, Any]]:
    """Returns the twelve messages of one call."""
    found = [{"role": role, "content": text} for role, text in _TURNS]
    return [*found, {"role": "user", "content": f"Thank you! How do we get there from the station, by bus {number}?"}]


def tool_calls(number: int) -> list[dict[str, Any]]:
    """Returns two calls of tools."""
    return [
        _tool_call(f"call_{number}a", "opening_hours", '{"museum": "louvre", "day": "monday"}'),
        _tool_call(f"call_{number}b", "ticket_price", '{"museum": "louvre", "adults": 2, "children": 1}'),
    ]


def _tool_call(id_: str, name: str, arguments: str) -> dict[str, Any]:
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


def request(number: int) -> dict[str, Any]:
    """Returns the arguments of a call."""
    return {"model": _MODEL, "messages": messages(number), "temperature": 0.2, "max_tokens": 500}


def response(number: int) -> dict[str, Any]:
    """Returns what the server answers."""
    message = {"role": "assistant", "content": COMPLETION, "refusal": None}
    return {
        "id": f"chatcmpl-{number:08d}",
        "object": "chat.completion",
        "created": 1_750_000_000,
        "model": f"{_MODEL}-2024-07-18",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 211, "completion_tokens": 198, "total_tokens": 409},
        "system_fingerprint": "fp_0ba0d124f1",
    }


def fields(number: int) -> dict[str, Any]:
    """Returns the fields of a record of such a call, as they are passed with `extra=`."""
    return {"trace_id": f"{number + 1:032x}", "llm_request": request(number), "llm_response": response(number)}


def attributes(request: dict[str, Any], response: dict[str, Any]) -> dict[str, Any]:
    """Returns the span attributes that stand for them, as instrumentations of LLM clients write them."""
    choice, usage = response["choices"][0], response["usage"]
    found = {
        "gen_ai.system": "openai",
        "gen_ai.request.model": request["model"],
        "gen_ai.request.temperature": request["temperature"],
        "gen_ai.request.max_tokens": request["max_tokens"],
        "gen_ai.response.id": response["id"],
        "gen_ai.response.model": response["model"],
        "gen_ai.completion.0.role": choice["message"]["role"],
        "gen_ai.completion.0.content": choice["message"]["content"],
        "gen_ai.completion.0.finish_reason": choice["finish_reason"],
        "gen_ai.usage.prompt_tokens": usage["prompt_tokens"],
        "gen_ai.usage.completion_tokens": usage["completion_tokens"],
        "llm.usage.total_tokens": usage["total_tokens"],
    }
    for index, message in enumerate(request["messages"]):
        found[f"gen_ai.prompt.{index}.role"] = message["role"]
        found[f"gen_ai.prompt.{index}.content"] = message["content"]
    return found
