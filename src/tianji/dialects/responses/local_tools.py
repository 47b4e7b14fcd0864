"""Tools that OpenAI has defined and the client runs: for every other upstream each is a function.

https://platform.openai.com/docs/guides/tools-tool-search, .../tools-shell, .../tools-local-shell and
.../tools-apply-patch. A call comes back as an item of its own type, whose arguments are an object, and so does what
came of it.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji.errors import InvalidRequest
from tianji.protocol.chat.request import Function

Json = dict[str, Any]
_TEXT: Final = {"type": "string"}
_COUNT: Final = {"type": "integer"}


class LocalTool(Struct, frozen=True):
    """One of them.

    call, prefix, member: the type of its calls, how their ids begin, and where their arguments stand. beside, fixed:
    what else a call holds, and its arguments; empty: arguments of a call of which no more is known, so that it has the
    form of one. result: the type of what came of it, of which `told` is the text for a model.
    """

    description: str
    parameters: Json
    call: str
    prefix: str
    member: str
    result: str
    told: Callable[[Mapping[str, Any]], str]
    beside: Json = {}
    fixed: Json = {}
    empty: Json = {}

    def called(self, arguments: str) -> Json:
        """Return the members of a call for arguments as a model wrote them, also for what is no object."""
        try:
            given = msgspec.json.decode(arguments, type=Json)
        except (msgspec.DecodeError, RecursionError):
            given = {}
        return {**self.beside, self.member: {**self.fixed, **(given or self.empty)}}


def _schema(required: list[str], **properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _output(item: Mapping[str, Any]) -> str:
    """Return what a command printed, or what became of a patch: a text, or all that is said of it as JSON."""
    said = item.get("output")
    if isinstance(said, str) and said:
        return said
    return msgspec.json.encode(said or {"status": item.get("status") or "completed"}).decode()


def _found(item: Mapping[str, Any]) -> str:
    """Return the names of tools that were found; they themselves are among the tools of the request."""
    tools = item.get("tools")
    names = [tool.get("name") for tool in tools if isinstance(tool, Mapping)] if isinstance(tools, list) else []
    return msgspec.json.encode({"tools_now_available": names}).decode()


LOCAL: Final[Mapping[str, LocalTool]] = {
    "tool_search": LocalTool(
        description="Finds tools by what they do and makes them available.",
        parameters=_schema(["query"], query=_TEXT),
        call="tool_search_call",
        prefix="tsc",
        member="arguments",
        beside={"execution": "client"},
        result="tool_search_output",
        told=_found,
    ),
    "local_shell": LocalTool(
        description="Runs a command on the user's machine.",
        parameters=_schema(
            ["command"],
            command={"type": "array", "items": _TEXT, "description": "The program and its arguments."},
            working_directory=_TEXT,
            timeout_ms=_COUNT,
            env={"type": "object", "additionalProperties": _TEXT},
        ),
        call="local_shell_call",
        prefix="lsh",
        member="action",
        fixed={"type": "exec", "env": {}},
        empty={"command": []},
        result="local_shell_call_output",
        told=_output,
    ),
    "shell": LocalTool(
        description="Runs commands in a shell, one after another.",
        parameters=_schema(
            ["commands"], commands={"type": "array", "items": _TEXT}, timeout_ms=_COUNT, max_output_length=_COUNT
        ),
        call="shell_call",
        prefix="sh",
        member="action",
        empty={"commands": []},
        result="shell_call_output",
        told=_output,
    ),
    "apply_patch": LocalTool(
        description="Creates, changes or deletes a file. A change is a diff in the V4A format, without its head.",
        parameters=_schema(
            ["type", "path"],
            type={"type": "string", "enum": ["create_file", "update_file", "delete_file"]},
            path=_TEXT,
            diff={"type": "string", "description": "For create_file every line begins with +."},
        ),
        call="apply_patch_call",
        prefix="apc",
        member="operation",
        empty={"type": "update_file", "path": "", "diff": ""},
        result="apply_patch_call_output",
        told=_output,
    ),
}
CALLS: Final[Mapping[str, str]] = {tool.call: name for name, tool in LOCAL.items()}
"""The tools by the types of their calls."""
RESULTS: Final[Mapping[str, str]] = {tool.result: name for name, tool in LOCAL.items()}
"""The tools by the types of what came of them."""


def is_local(sent: Mapping[str, Any]) -> bool:
    """Tell whether the client runs a tool, a call or a result as it is written; OpenAI's servers run the others."""
    kind = sent.get("type")
    if kind in ("tool_search", "tool_search_call", "tool_search_output"):
        return sent.get("execution") == "client"
    if kind == "shell":
        place = sent.get("environment")
        return not isinstance(place, Mapping) or place.get("type") == "local"
    return kind in LOCAL or kind in CALLS or kind in RESULTS


def function_of(sent: Mapping[str, Any], name: str) -> Function:
    """Return the function that stands for a tool; a search for tools may say itself what it takes."""
    tool = LOCAL[str(sent["type"])]
    description, parameters = sent.get("description"), sent.get("parameters")
    return Function(
        name,
        description if isinstance(description, str) else tool.description,
        parameters if isinstance(parameters, dict) and parameters else tool.parameters,
    )


def arguments_of(item: Mapping[str, Any], tool: LocalTool) -> str:
    """Return the arguments of a call as a model wrote them."""
    given = item.get(tool.member)
    members = given if isinstance(given, Mapping) else {}
    return msgspec.json.encode({k: v for k, v in members.items() if tool.fixed.get(k) != v}).decode()


def call_id_of(item: Mapping[str, Any], place: str) -> str:
    """Return which call an item is of; outputs of the local shell say it as their id. Raises InvalidRequest."""
    for name in ("call_id", "id"):
        if isinstance(found := item.get(name), str) and found:
            return found
    raise InvalidRequest(
        f"{place}.call_id: expected a string", param=f"{place}.call_id", code="missing_required_parameter"
    )
