"""OpenAI's Responses API (https://platform.openai.com/docs/api-reference/responses)."""

from collections.abc import Mapping
from typing import Any, Final

from tianji.guardrails.content import Kind
from tianji.guardrails.slots.called import called
from tianji.guardrails.slots.chat import beside
from tianji.guardrails.slots.document import CallPlace, Tools
from tianji.guardrails.slots.sheet import NO_CALLS, OPAQUE, Sheet, Voice, call_of, choice_of, listed, tools_of
from tianji.guardrails.slots.texts import Json, Path, encoded

_SYSTEM: Final = Voice("system", Kind.INSTRUCTIONS)
_NAMED: Final = OPAQUE | {"name", "namespace", "server_label"}


def request(sheet: Sheet, body: Json) -> None:
    """Read what a model is asked."""
    for name in ("tools", "text"):
        sheet.described(body.get(name), (name,))
    sheet.said(body.get("instructions"), ("instructions",), _SYSTEM)
    asked = body.get("input")
    if isinstance(asked, list):
        for number, one in enumerate(asked):
            item(sheet, one, ("input", number), Voice(message=number))
    else:
        sheet.said(asked, ("input",), Voice())
    beside(sheet, body, frozenset({"instructions", "input"}))
    if "tools" in body:
        choice = choice_of(body, "tool_choice", b'"none"', "parallel_tool_calls")
        sheet.declared(Tools(("tools",), tools_of(body["tools"], _function), _tool, choice=choice))


def response(sheet: Sheet, body: Json) -> None:
    """Read what a model has answered."""
    if not isinstance(body.get("output"), list):
        sheet.said(body.get("output"), ("output",), Voice("assistant"))
    for number, one in enumerate(listed(body.get("output"))):
        item(sheet, one, ("output", number), Voice("assistant", message=number))
    for name in ("output_text", "error"):
        sheet.said(body.get(name), (name,), Voice("assistant"))


def advise(body: Json, instructions: str) -> tuple[str, bytes]:
    """Return the instructions with others before them."""
    own = body.get("instructions")
    if isinstance(own, list):
        return "instructions", encoded([{"role": "system", "content": instructions}, *own])
    return "instructions", encoded(f"{instructions}\n\n{own}" if isinstance(own, str) and own else instructions)


def item(sheet: Sheet, found: object, path: Path, voice: Voice) -> None:
    """Read one item of a conversation, that stands at `path`."""
    if not isinstance(found, dict):
        sheet.said(found, path, voice)
        return
    kind = found.get("type")
    role = found.get("role")
    if isinstance(role, str):
        instructs = Kind.INSTRUCTIONS if role in ("system", "developer") else Kind.SAID
        voice = Voice(role, instructs, voice.message)
    call = called(found)
    if call is not None:
        member = call.member(found)
        given = found.get(member)
        made = call_of(call.name(found), given, found.get("call_id") or found.get("id"), voice.message, call.kinds)
        at: Path = (*path, "name") if call.named else ()
        string = not isinstance(given, dict | list)
        sheet.call(made, CallPlace(path, at, (*path, member), string=string, calls=NO_CALLS), given)
        result = {name: value for name, value in found.items() if name != member}
        sheet.said(result, path, Voice("tool", Kind.TOOL_RESULT, voice.message), _NAMED)
    elif isinstance(kind, str) and kind.endswith("_output"):
        sheet.said(found, path, Voice("tool", Kind.TOOL_RESULT, voice.message), _NAMED)
    elif role is None and kind not in ("message", None):
        own = Voice("assistant", Kind.SAID, voice.message)
        sheet.said(found, path, own, _NAMED)
    else:
        sheet.said({"name": found.get("name")}, path, voice)
        _message(sheet, found, path, voice)


def _message(sheet: Sheet, item: Json, path: Path, voice: Voice) -> None:
    for number, part in enumerate(listed(item.get("content"))):
        if isinstance(part, dict) and part.get("logprobs"):
            at: Path = (*path, "content", number)
            echo: Path = (*at, "logprobs")
            shown = {name: value for name, value in part.items() if name != "logprobs"}
            sheet.said(shown, at, Voice(voice.role, voice.kind, voice.message, echo), _NAMED)
        else:
            sheet.said(part, (*path, "content", number), voice, _NAMED)
    rest = {name: value for name, value in item.items() if name != "content" or not isinstance(value, list)}
    sheet.said(rest, path, voice, _NAMED)


def _function(tool: Mapping[str, Any]) -> Json | None:
    if tool.get("type") != "function":
        return None
    return {"type": "function", "function": {name: value for name, value in tool.items() if name != "type"}}


def _tool(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    function = tool.get("function")
    return {"type": "function", **function} if isinstance(function, dict) else tool
