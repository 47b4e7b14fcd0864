"""Calls of tools, and tools that are declared, in bodies of a form that is not known here, by how they look.

OpenAI's and Cohere's (`function`), Anthropic's (`tool_use`), Google's (`functionCall`), and Amazon's (`toolUse`,
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html).
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tianji.guardrails.slots.document import CallPlace, Tools
from tianji.guardrails.slots.sheet import NO_CALLS, Sheet, call_of, listed
from tianji.guardrails.slots.texts import Json, Path

_HELD: Final = {"function": "arguments", "functionCall": "args", "function_call": "args", "toolUse": "input"}
"""Members that hold a call, and theirs that holds what the tool is called with."""
_DECLARING: Final = (("tools",), ("toolConfig", "tools"))
"""Where tools are declared."""


def noticed(sheet: Sheet, body: object) -> list[Path]:
    """Take the calls of a body, whose texts others read, and the tools that it declares; return where calls stand."""
    calls: list[Path] = []
    for path, node in _objects(body):
        for member, arguments in _HELD.items():
            held = node.get(member)
            if isinstance(held, dict) and isinstance(held.get("name"), str) and arguments in held:
                calls.append(_call(sheet, held, arguments, path, (*path, member)))
        if node.get("type") == "tool_use" and isinstance(node.get("name"), str) and "input" in node:
            calls.append(_call(sheet, node, "input", path, path))
    for place in _DECLARING if isinstance(body, dict) else ():
        found: Any = body
        for name in place:
            found = found.get(name) if isinstance(found, dict) else None
        declared = tuple((_declared(tool), tool) for tool in listed(found) if isinstance(tool, dict))
        if declared:
            sheet.declared(Tools(place, declared, dict))
    return calls


def _call(sheet: Sheet, held: Json, arguments: str, path: Path, at: Path) -> Path:
    given = held[arguments]
    name_id = held.get("id") or held.get("toolUseId")
    call = call_of(held["name"], given, name_id, 0)
    string = not isinstance(given, dict | list)
    sheet.noticed(call, CallPlace(path, (*at, "name"), (*at, arguments), string, NO_CALLS))
    return path


def _declared(tool: Json) -> Mapping[str, Any]:
    """Return a declared tool in OpenAI's form, as far as it shows one."""
    spec = tool.get("toolSpec")
    held = spec if isinstance(spec, dict) else tool
    if isinstance(tool.get("function"), dict) or not isinstance(held.get("name"), str):
        return tool
    if held is tool and "input_schema" not in tool:
        return tool
    return {"type": "function", "function": {"name": held["name"], "description": held.get("description", "")}}


def _objects(body: object) -> Iterator[tuple[Path, Json]]:
    waiting: list[tuple[Path, object]] = [((), body)]
    while waiting:
        path, node = waiting.pop()
        if isinstance(node, dict):
            yield path, node
            waiting.extend(((*path, name), inner) for name, inner in reversed(node.items()))
        elif isinstance(node, list):
            waiting.extend(((*path, at), node[at]) for at in range(len(node) - 1, -1, -1))
