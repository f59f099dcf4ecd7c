"""Tools within messages: calls with their arguments, and results, whoever ran the tool."""

from __future__ import annotations

from collections.abc import Callable

from helicone_logging.core.coerce import text_of
from helicone_logging.core.safe_vars import Vars, safe_vars
from helicone_logging.llm import media, safe_get
from helicone_logging.llm.placeholders import arguments_text, joined, joined_some, json_text

Render = Callable[[object], str]
"""Renders content within content."""

_ARGUMENTS = (
    "input", "args", "tool_kwargs", "parameters", "action", "actions", "queries", "code", "operation",
    "server_tool_call", "arguments",
)  # fmt: skip
_RESULTS = ("content", "output", "response", "result", "json", "server_tool_call_response")
_CALL_IDS = ("tool_use_id", "toolUseId", "call_id", "tool_call_id", "id", "name")
_MAX_TOOLS = 100
_MAX_ERRORS = 20
_MAX_DEPTH = 4


def tool_call_text(call: object) -> str:
    """Returns a tool call as text, with its name and arguments.

    Args:
        call: as OpenAI, Anthropic, Google, Mistral, Cohere, Bedrock or LangChain have it.
    """
    fields = safe_vars(call)
    if fields is None:
        return f"[tool call] {text_of(call)}"
    name, arguments = _name_and_arguments(fields)
    if name:
        return f"[tool call] {name}({arguments_text(arguments)})"
    kind = safe_get.text(fields.get("type")) or ""  # the provider's own tools have no name
    return f"[tool call] {kind.removesuffix('_call').removesuffix('_use') or 'tool'}({json_text(arguments)})"


def is_call(call: object) -> bool:
    """Returns whether a tool call names or says anything: some SDKs have an empty one where there is none."""
    fields = safe_vars(call)
    if fields is None:
        return call is not None
    name, arguments = _name_and_arguments(fields)
    return bool(name) or not (arguments is None or (type(arguments) in (str, dict) and not arguments))


def _name_and_arguments(call: Vars) -> tuple[str | None, object]:
    for key in ("function", "custom"):
        within = safe_vars(call[key]) if call.get(key) is not None else None
        if within:
            call = within
            break
    arguments = call.get("arguments")
    arguments = safe_get.first(call, *_ARGUMENTS) if arguments is None else arguments
    return safe_get.text(safe_get.first(call, "name", "tool_name")), arguments


def tool_call(part: Vars, render: Render) -> str:
    """A call, and what came of it where the provider ran the tool itself, as OpenAI does in its Responses."""
    results = (
        _built_in_result(value, render) for name in ("outputs", "results", "output") if (value := part.get(name))
    )
    error = part.get("error")
    failed = f"[tool result] (error) {error_text(error)}" if error else ""
    return joined((tool_call_text(part), *(f"[tool result] {found}" for found in results if found), failed))


def _built_in_result(value: object, render: Render) -> str:
    entries = safe_get.items(value)
    return render(value) if entries is None else joined_some(entries, lambda entry: built_in_entry(entry, render))


def built_in_entry(entry: object, render: Render) -> str:
    """Returns the logs of a code interpreter, a hit of a search of files, or what a shell printed, as text.

    Args:
        entry: one of these, or anything else.
        render: renders what is none of these.
    """
    fields = safe_vars(entry)
    if fields is None or not fields.keys() & {"logs", "filename", "stdout", "stderr"}:
        return render([entry])
    if safe_get.text(fields.get("filename")):
        return f"{fields['filename']}: {render(fields.get('text'))}"
    printed = joined(safe_get.text(fields.get(name)) or "" for name in ("logs", "stdout", "stderr")).rstrip("\n")
    outcome = safe_vars(fields.get("outcome"))
    code = safe_get.number(outcome.get("exit_code") if outcome else fields.get("return_code"))
    return joined((printed, f"(exit code {code})" if code else ""))


def tool_result(part: Vars, render: Render) -> str:
    """What a tool gave back, with the id of its call."""
    call = safe_get.text(safe_get.first(part, *_CALL_IDS)) or ""
    failed = part.get("is_error") is True or part.get("status") in ("error", "failed")
    value = safe_get.first(part, *_RESULTS)
    fields = safe_vars(value)
    is_part = fields is None or "type" in fields  # else it may hold anything
    body = _built_in_result(value, render) if is_part else json_text(value)
    return f"[tool result{call and ' '}{call}] {'(error) ' if failed else ''}{body}"


def error_text(error: object, depth: int = 0) -> str:
    """Returns what an error says: text, an object with a message, an object around one, or a list of these.

    Args:
        error: of any form; it never raises.
        depth: within how many others it stands.
    """
    if type(error) is str:
        return error
    fields = safe_vars(error)
    several = safe_get.items(error) if fields is None else None
    if depth >= _MAX_DEPTH or (fields is None and several is None):
        return text_of(error)
    if fields is None:
        return joined(error_text(found, depth + 1) for found in (several or ())[:_MAX_ERRORS])
    message = safe_get.first(fields, "message", "error", "detail", "content", "text")
    return json_text(fields) if message is None else error_text(message, depth + 1)


def tool_list(part: Vars, _: Render) -> str:
    """The tools of a server, or those that a search for tools found, by name only: their schemas are long."""
    tools = safe_get.items(part.get("tools")) or []
    names = [found for tool in tools[:_MAX_TOOLS] if (found := _tool_name(tool))]
    server = safe_get.text(safe_get.first(part, "server_label", "mcp_server_name")) or ""
    error = part.get("error")
    body = f"(error) {error_text(error)}" if error else ", ".join(names) + (", …" if len(tools) > _MAX_TOOLS else "")
    return f"[tools{server and ' '}{server}] {body}".rstrip()


def _tool_name(tool: object) -> str:
    called = safe_get.text(safe_get.first(tool, "name")) or safe_get.text(safe_get.first(tool, "type")) or ""
    within = safe_get.items(safe_get.first(tool, "tools")) or []  # of a namespace
    names = filter(None, (safe_get.text(safe_get.first(one, "name")) for one in within[:_MAX_TOOLS]))
    return f"{called} ({', '.join(names)})" if within else called


def approval(part: Vars, _: Render) -> str:
    """Whether a person let a call happen."""
    if part.get("approve") is None:
        return tool_call_text({**part, "type": ""}).replace("[tool call]", "[approval request]", 1)
    reason = safe_get.text(part.get("reason")) or ""
    return f"[approval] {'approved' if part.get('approve') is True else 'denied'}{reason and ': '}{reason}"


def generated_image(part: Vars, _: Render) -> str:
    """A picture that was made, with the prompt that the model made of what was asked."""
    revised = safe_get.text(part.get("revised_prompt")) or ""
    return f"{media.placeholder({'type': 'image', 'data': part.get('result')})} {revised}".rstrip()
