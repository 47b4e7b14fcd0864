"""Anthropic's Messages (https://docs.anthropic.com/en/api/messages)."""

from collections.abc import Mapping
from typing import Any, Final

from tianji.guardrails.content import Kind
from tianji.guardrails.slots.chat import beside
from tianji.guardrails.slots.document import CallPlace, Calls, Tools
from tianji.guardrails.slots.sheet import NO_CALLS, Sheet, Voice, call_of, choice_of, listed, tools_of
from tianji.guardrails.slots.texts import Json, Path, encoded

_SYSTEM: Final = Voice("system", Kind.INSTRUCTIONS)
_CALLS: Final = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})


def request(sheet: Sheet, body: Json) -> None:
    """Read what a model is asked."""
    for name in ("tools", "output_config", "output_format"):
        sheet.described(body.get(name), (name,))
    sheet.said(body.get("system"), ("system",), _SYSTEM)
    messages = body.get("messages")
    if not isinstance(messages, list):
        sheet.said(messages, ("messages",), _SYSTEM)
    for number, message in enumerate(listed(messages)):
        path: Path = ("messages", number)
        if isinstance(message, dict):
            role = message.get("role")
            kind = Kind.INSTRUCTIONS if role == "system" else Kind.SAID
            voice = Voice(role if isinstance(role, str) else "user", kind, number)
            _content(sheet, message.get("content"), (*path, "content"), voice, NO_CALLS)
        else:
            sheet.said(message, path, Voice(message=number))
    beside(sheet, body, frozenset({"system"}))
    if "tools" in body:
        choice = choice_of(body, "tool_choice", b'{"type":"none"}')
        sheet.declared(Tools(("tools",), tools_of(body["tools"], _function), _tool, choice=choice))


def response(sheet: Sheet, body: Json) -> None:
    """Read what a model has answered."""
    calls = Calls(reason=("stop_reason",) if body.get("stop_reason") == "tool_use" else (), otherwise=b'"end_turn"')
    _content(sheet, body.get("content"), ("content",), Voice("assistant"), calls)


def advise(body: Json, instructions: str) -> tuple[str, bytes]:
    """Return the system's blocks with another one before them."""
    system = body.get("system")
    blocks = system if isinstance(system, list) else [_text(system)] if isinstance(system, str) and system else []
    return "system", encoded([_text(instructions), *blocks])


def _text(text: str) -> Json:
    return {"type": "text", "text": text}


def _content(sheet: Sheet, content: object, path: Path, voice: Voice, calls: Calls) -> None:
    if not isinstance(content, list):
        sheet.said(content, path, voice)
    for number, block in enumerate(listed(content)):
        at: Path = (*path, number)
        kind = block.get("type") if isinstance(block, dict) else None
        if kind in _CALLS:
            call = call_of(block.get("name"), block.get("input"), block.get("id"), voice.message)
            place = CallPlace(at, (*at, "name"), (*at, "input"), isinstance(block.get("input"), str), calls)
            sheet.call(call, place, block.get("input"))
        elif isinstance(kind, str) and kind.endswith("tool_result"):
            sheet.said(block, at, Voice("tool", Kind.TOOL_RESULT, voice.message))
        else:
            sheet.said(block, at, voice)


def _function(tool: Mapping[str, Any]) -> Json | None:
    """Return a tool of the client's in OpenAI's form; one that the vendor runs keeps its own."""
    if "input_schema" not in tool:
        return None
    function = {"name": tool.get("name"), "parameters": tool["input_schema"]}
    if "description" in tool:
        function["description"] = tool["description"]
    return {"type": "function", "function": function}


def _tool(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    function = tool.get("function")
    if not isinstance(function, dict):
        return tool
    found = {"name": function.get("name"), "input_schema": function.get("parameters") or {"type": "object"}}
    return found | {"description": function["description"]} if "description" in function else found
