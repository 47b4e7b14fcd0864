"""A choice among several tools (https://platform.openai.com/docs/api-reference/chat/create, `allowed_tools`)."""

from collections.abc import Iterator
from typing import Any

import msgspec

from tianji.protocol.chat.request import Request, Tool
from tianji.protocol.loose import list_of


def narrowed(request: Request) -> Request:
    """Return a request that has the tools alone among which is to be chosen, for upstreams that cannot be told so.

    Itself where all may be chosen.
    """
    allowed = allowed_in(request.tool_choice)
    if allowed is None:
        return request
    names = set(names_of(allowed))
    tools = [tool for tool in request.tools or () if _name_of(tool) in names]
    mode = allowed.get("mode")
    return msgspec.structs.replace(
        request, tools=tools or None, tool_choice=mode if tools and isinstance(mode, str) else None
    )


def allowed_in(choice: object) -> dict[str, Any] | None:
    """Return the members of a choice among several: `mode` and `tools`; None for any other choice."""
    if not isinstance(choice, dict) or choice.get("type") != "allowed_tools":
        return None
    allowed = choice.get("allowed_tools")
    return allowed if isinstance(allowed, dict) else None


def names_of(allowed: dict[str, Any]) -> Iterator[str]:
    """Yield the names of the tools, or the types of those that have none."""
    for tool in list_of(allowed.get("tools")):
        kind = tool.get("type") if isinstance(tool, dict) else None
        inner = tool.get(kind) if isinstance(kind, str) else None
        name = inner.get("name") if isinstance(inner, dict) else kind
        if isinstance(name, str):
            yield name


def _name_of(tool: Tool) -> str:
    if tool.function is not None:
        return tool.function.name
    return str(tool.custom.get("name")) if tool.custom is not None else tool.type
