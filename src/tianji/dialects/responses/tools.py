"""Tools of a Responses request in the hub's form, and the names by which their calls go back to the client.

https://platform.openai.com/docs/api-reference/responses/create#responses-create-tools. A custom tool takes text instead
of JSON, and a namespace groups functions; both become plain functions, which every upstream knows, as do the tools that
OpenAI has defined and the client runs.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from tianji.dialects.decoding import typed
from tianji.dialects.responses.local_tools import LOCAL, LocalTool, function_of, is_local
from tianji.dialects.tool_names import ToolNames
from tianji.errors import InvalidRequest
from tianji.protocol.chat.request import Function, Request, Tool
from tianji.protocol.responses.request import CreateResponse

_SEARCHES: Final = ("web_search", "web_search_preview")
_BRINGING: Final = ("additional_tools", "tool_search_output")  # items with tools
_INPUT: Final = "input"  # the one argument of a function that stands for a custom tool
_HEAD: Final = re.compile(r'\s*\{\s*"input"\s*:\s*"')
_BODY: Final = re.compile(  # as much of a JSON string as is whole: no half of an escape, no half of a surrogate pair
    r'(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u(?![dD][89a-fA-F])[0-9a-fA-F]{4}'
    r"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})*"
)


class _Named(msgspec.Struct, kw_only=True):
    """A function or custom tool as the client wrote it."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    format: dict[str, Any] | None = None
    tools: list[dict[str, Any]] | None = None  # of a namespace
    cache_control: dict[str, Any] | None = None


class ToolBook:
    """The tools of one request: which upstream name stands for which tool of the client."""

    def __init__(self) -> None:
        self._names = ToolNames()
        self._custom: set[str] = set()
        self._local: dict[str, LocalTool] = {}
        self._spaces: dict[str, tuple[str, str]] = {}

    @property
    def plain(self) -> bool:
        """Whether all tools are functions that keep their names."""
        return self._names.kept and not (self._custom or self._local or self._spaces)

    def told(self, name: str, namespace: str | None = None) -> str:
        """Return the name that the upstream is told."""
        if not namespace:
            return self._names.short(name)
        short = self._names.short(f"{namespace}__{name}")
        self._spaces[short] = (name, namespace)
        return short

    def told_custom(self, name: str, namespace: str | None = None) -> str:
        """Return it for a custom tool."""
        short = self.told(name, namespace)
        self._custom.add(short)
        return short

    def is_custom(self, told: str) -> bool:
        """Whether a call by this name is one of a custom tool."""
        return told in self._custom

    def told_local(self, kind: str) -> str:
        """Return it for a tool of this type, which the client runs."""
        self._local[kind] = LOCAL[kind]
        return kind

    def local(self, told: str) -> LocalTool | None:
        """Return the tool that a call by this name is of, where that is one which OpenAI has defined."""
        return self._local.get(told)

    def original(self, told: str) -> tuple[str, str | None]:
        """Return the client's name and namespace."""
        return self._spaces.get(told) or (self._names.original(told), None)


def arguments_for(text: str) -> str:
    """Return the arguments that stand for the input of a custom tool."""
    return msgspec.json.encode({_INPUT: text}).decode()


def input_of(arguments: str) -> str:
    """Return the input of a custom tool from a call's arguments: as they are, where the model wrote something else."""
    try:
        value = msgspec.json.decode(arguments)
    except (msgspec.DecodeError, RecursionError):
        return arguments
    found = value.get(_INPUT) if isinstance(value, dict) else None
    return found if isinstance(found, str) else arguments


class InputText:
    """The input of a custom tool while the arguments in which it stands come in, cut anywhere."""

    def __init__(self) -> None:
        self._rest = ""
        self._inside = False

    def feed(self, arguments: str) -> str:
        """Take the next piece of the arguments; return what it adds to the text."""
        self._rest += arguments
        if not self._inside:
            head = _HEAD.match(self._rest)
            if head is None:
                return ""
            self._inside = True
            self._rest = self._rest[head.end() :]
        body = _BODY.match(self._rest)
        written = body[0] if body else ""
        self._rest = self._rest[len(written) :]
        text: str = msgspec.json.decode(f'"{written}"')
        return text


def tools_of(asked: CreateResponse, items: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the tools of a request, each after its place. Agents bring theirs in the conversation, as items.

    Raises InvalidRequest for an item whose tools are none.
    """
    for number, tool in enumerate(asked.tools or ()):
        yield f"tools.{number}", tool
    for index, item in enumerate(items):
        if item.get("type") in _BRINGING:
            place = f"input.{index}.tools"
            tools = item.get("tools") or []
            if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
                raise InvalidRequest(f"{place}: expected an array of tools", param=place)
            yield from ((f"{place}.{number}", tool) for number, tool in enumerate(tools))


def read_tools(request: Request, tools: Iterable[tuple[str, dict[str, Any]]], book: ToolBook) -> None:
    """Set the tools of `request`, each given after its place. Raises InvalidRequest for one that is not well-formed."""
    found: list[Tool] = []
    for place, sent in tools:
        kind = sent.get("type")
        if kind == "namespace":
            space = typed(sent, _Named, place)
            found += [_tool(inner, book, f"{place}.tools", space.name) for inner in space.tools or ()]
        elif isinstance(kind, str) and kind.startswith(_SEARCHES):
            request.web_search_options = _search_options(sent)
        elif kind != "tool_search" or is_local(sent):  # where a server would search, all there is to find is shown
            found.append(_tool(sent, book, place, None))
    request.tools = found or None


def _tool(sent: dict[str, Any], book: ToolBook, place: str, namespace: str | None) -> Tool:
    kind = sent.get("type")
    if kind == "function":
        tool = typed(sent, _Named, place)
        parameters = tool.parameters or {"type": "object", "properties": {}}
        function = Function(book.told(tool.name, namespace), tool.description, parameters, tool.strict)
        return Tool(type="function", function=function, cache_control=tool.cache_control)
    if kind == "custom":
        tool = typed(sent, _Named, place)
        return Tool(type="function", function=_stand_in(tool, book.told_custom(tool.name, namespace)))
    if not isinstance(kind, str):
        raise InvalidRequest(f"{place}.type: expected a string", param=f"{place}.type")
    if kind in LOCAL and is_local(sent):
        return Tool(type="function", function=function_of(sent, book.told_local(kind)))
    return Tool(type=kind, provided=sent)


def _stand_in(tool: _Named, name: str) -> Function:
    """Return the function that stands for a custom tool; a grammar is told in words, since nobody else enforces it."""
    said = [tool.description] if tool.description else []
    if tool.format and tool.format.get("type") == "grammar":
        said.append(f"The input must follow this {tool.format.get('syntax')} grammar:\n{tool.format.get('definition')}")
    text = {"type": "string", "description": "The input of the tool, as plain text."}
    schema = {"type": "object", "properties": {_INPUT: text}, "required": [_INPUT], "additionalProperties": False}
    return Function(name, "\n\n".join(said) or None, schema)


def _search_options(tool: dict[str, Any]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if isinstance(size := tool.get("search_context_size"), str):
        options["search_context_size"] = size
    if isinstance(location := tool.get("user_location"), dict):
        place = {name: value for name, value in location.items() if name != "type" and value is not None}
        options["user_location"] = {"type": "approximate", "approximate": place}
    if isinstance(filters := tool.get("filters"), dict) and any(filters.values()):
        options["filters"] = filters
    return options


def read_choice(request: Request, choice: str | dict[str, Any], book: ToolBook) -> None:
    """Set which tool is to be called. A choice among several leaves only those; one of a hosted tool says nothing."""
    if request.tools is None:
        return
    if isinstance(choice, str):
        request.tool_choice = choice
        return
    kind, name = choice.get("type"), choice.get("name")
    if kind in ("function", "custom") and isinstance(name, str):
        namespace = choice.get("namespace")
        told = book.told(name, namespace if isinstance(namespace, str) else None)
        request.tool_choice = {"type": "function", "function": {"name": told}}
    elif isinstance(kind, str) and book.local(kind) is not None:
        request.tool_choice = {"type": "function", "function": {"name": kind}}
    elif kind == "allowed_tools":
        allowed = choice.get("tools")
        names = {book.told(str(one.get("name") or one.get("type"))) for one in allowed or () if isinstance(one, dict)}
        request.tools = [tool for tool in request.tools if tool.function is None or tool.function.name in names] or None
        mode = choice.get("mode")
        request.tool_choice = mode if isinstance(mode, str) and request.tools else None
