"""A call of a tool that the gateway makes, and what came of it.

A call is `{tool, name, arguments}`, where `tool` is what the server says of it; a result is the protocol's own.
https://modelcontextprotocol.io/specification/2025-11-25/server/tools
"""

from typing import Final

from tianji.guardrails.content import Kind
from tianji.guardrails.slots.document import CallPlace
from tianji.guardrails.slots.sheet import NO_CALLS, Sheet, Voice, call_of
from tianji.guardrails.slots.texts import Json, leaves

_RESULT: Final = Voice("tool", Kind.TOOL_RESULT)


def request(sheet: Sheet, body: Json) -> None:
    """Read what a tool is called with, and what it says of itself."""
    sheet.described(body.get("tool"), ("tool",))
    arguments = body.get("arguments")
    call = call_of(body.get("name"), arguments, None, 0)
    sheet.call(call, CallPlace((), ("name",), ("arguments",), string=False, calls=NO_CALLS), arguments)


def response(sheet: Sheet, body: Json) -> None:
    """Read what a tool says: its content, and every text of what it has as an object."""
    sheet.said(body.get("content"), ("content",), _RESULT)
    for path, text in leaves(body.get("structuredContent"), ("structuredContent",)):
        sheet.text(text, path, _RESULT)
