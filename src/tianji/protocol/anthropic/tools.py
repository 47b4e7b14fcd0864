"""Tools in Anthropic's form: functions, those that Anthropic runs itself, and which of them must be used.

https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/overview
"""

from collections.abc import Mapping
from typing import Any, Final

from tianji.protocol.anthropic.names import ToolNames
from tianji.protocol.chat.request import Request, Tool
from tianji.protocol.chat.seam import Target
from tianji.protocol.chat.support import may_be_forced, refuse

_WEB_SEARCH: Final = {"type": "web_search_20250305", "name": "web_search"}
_SEARCHES: Final = {"low": 1, "medium": 5, "high": 10}  # by search_context_size, as LiteLLM has it
_TEXT_INPUT: Final = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
# What stands for tools of a conversation that are not defined any more: Anthropic refuses calls of tools otherwise.
_STAND_IN: Final = {
    "name": "unavailable_tool",
    "description": "Stands for the tools that were used before; it does nothing.",
    "input_schema": {"type": "object", "properties": {}},
}
# Tools that Anthropic runs, by the beginning of their type, with the beta flag that each needs.
BETAS: Final[Mapping[str, str | None]] = {
    "web_search_": None,
    "web_fetch_": "web-fetch-2025-09-10",
    "code_execution_20250522": "code-execution-2025-05-22",
    "code_execution_": "code-execution-2025-08-25",
    "computer_20241022": "computer-use-2024-10-22",
    "computer_20250124": "computer-use-2025-01-24",
    "computer_": "computer-use-2025-11-24",
    "bash_": None,
    "text_editor_": None,
    "memory_": "context-management-2025-06-27",
    "tool_search_tool_": "advanced-tool-use-2025-11-20",
    "advisor_": "advisor-tool-2026-03-01",
    "mcp_toolset": "mcp-client-2025-11-20",
}
MCP_BETA: Final = "mcp-client-2025-04-04"


class Tools:
    """The tools of one request: `defined`, `choice` (None: up to the model), `servers` of MCP, and the `betas`."""

    def __init__(self, request: Request, names: ToolNames, target: Target) -> None:
        self.defined: list[dict[str, Any]] = []
        self.servers: list[dict[str, Any]] = []
        self.betas: set[str] = set()
        self._names = names
        self._target = target
        for tool in request.tools or ():
            self._define(tool)
        if request.web_search_options is not None:
            self.defined.append(_web_search(request.web_search_options))
        self.choice = self._choice(request)

    def stand_in(self) -> None:
        """Define something where tools were used before and none is defined now."""
        if not self.defined:
            self.defined.append(dict(_STAND_IN))

    def _define(self, tool: Tool) -> None:
        if tool.type == "function" and tool.function is not None:
            self.defined.append(self._function(tool))
        elif tool.type == "custom" and tool.custom is not None:
            self.defined.append(self._custom(tool.custom))
        elif tool.provided is not None:
            self._provide(tool.provided)
        else:
            refuse(self._target, "tools", f"a tool of type {tool.type!r} needs a member of that name")

    def _function(self, tool: Tool) -> dict[str, Any]:
        function = tool.function
        assert function is not None  # noqa: S101 - who calls has looked
        schema = dict(function.parameters or {})
        schema.setdefault("type", "object")
        if schema["type"] == "object":
            schema.setdefault("properties", {})
        found: dict[str, Any] = {"name": self._names.sent(function.name), "input_schema": schema}
        if function.description:
            found["description"] = function.description
        if function.strict and self._target.facts.get("supports_native_structured_output") is True:
            found["strict"] = True
        if tool.cache_control is not None:
            found["cache_control"] = tool.cache_control
        return found

    def _custom(self, custom: Mapping[str, Any]) -> dict[str, Any]:
        name = self._names.sent(str(custom.get("name", "")))
        self._names.customs.add(name)
        found = {"name": name, "input_schema": dict(_TEXT_INPUT)}
        if custom.get("description"):
            found["description"] = custom["description"]
        return found

    def _provide(self, given: dict[str, Any]) -> None:
        kind = str(given.get("type", ""))
        if kind.startswith("web_search") and not kind.startswith("web_search_20"):
            self.defined.append(_web_search(given))
        elif kind == "mcp":
            self._serve(given)
        elif (prefix := next((prefix for prefix in BETAS if kind.startswith(prefix)), None)) is not None:
            beta = BETAS[prefix]
            if beta is not None:
                self.betas.add(beta)
            self.defined.append(given)
        else:
            refuse(self._target, "tools", f"it has no tool of type {kind!r}")

    def _serve(self, given: Mapping[str, Any]) -> None:
        """Name an MCP server (https://docs.anthropic.com/en/docs/agents-and-tools/mcp-connector)."""
        server = {"type": "url", "url": given.get("server_url"), "name": given.get("server_label") or "mcp"}
        headers = given.get("headers")
        token = given.get("authorization") or (headers.get("Authorization") if isinstance(headers, Mapping) else None)
        if isinstance(token, str):
            server["authorization_token"] = token.removeprefix("Bearer ")
        if given.get("allowed_tools"):
            server["tool_configuration"] = {"enabled": True, "allowed_tools": given["allowed_tools"]}
        self.servers.append(server)
        self.betas.add(MCP_BETA)

    def _choice(self, request: Request) -> dict[str, Any] | None:
        if not self.defined and not self.servers:
            return None
        found = self._chosen(request.tool_choice)
        if found is not None and found["type"] in ("any", "tool") and not may_be_forced(self._target):
            refuse(self._target, "tool_choice", "it cannot be forced to call a tool")
            found = None
        if request.parallel_tool_calls is False and self.defined:
            found = found or {"type": "auto"}
            if found["type"] != "none":
                found["disable_parallel_tool_use"] = True
        return found

    def _chosen(self, choice: str | Mapping[str, Any] | None) -> dict[str, Any] | None:
        if choice is None:
            return None
        if isinstance(choice, str):
            kind = {"auto": "auto", "required": "any", "any": "any", "none": "none"}.get(choice)
            if kind is not None:
                return {"type": kind}
            refuse(self._target, "tool_choice", f"it has no choice {choice!r}")
            return None
        kind = choice.get("type")
        named = choice.get(str(kind))
        name = named.get("name") if isinstance(named, Mapping) else choice.get("name")
        if isinstance(kind, str) and kind in {"function", "custom", "tool"} and isinstance(name, str):
            return {"type": "tool", "name": self._names.sent(name)}
        if isinstance(kind, str) and name is None:
            return self._chosen(kind)
        refuse(self._target, "tool_choice", f"it has no choice of type {kind!r}")
        return None


def _web_search(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return Anthropic's tool for OpenAI's `web_search_options` or `web_search` tool."""
    found: dict[str, Any] = dict(_WEB_SEARCH)
    size = options.get("search_context_size")
    if isinstance(size, str) and size in _SEARCHES:
        found["max_uses"] = _SEARCHES[size]
    where = options.get("user_location")
    if isinstance(where, Mapping):
        inner = where.get("approximate")
        place = inner if isinstance(inner, Mapping) else where
        known = {name: place[name] for name in ("city", "region", "country", "timezone") if place.get(name)}
        found["user_location"] = {"type": "approximate", **known}
    filters = options.get("filters")
    for name in ("allowed_domains", "blocked_domains"):
        if isinstance(filters, Mapping) and filters.get(name):
            found[name] = filters[name]
    return found
