"""Calls and lists of tools of MCP servers, as callbacks are told of them."""

from typing import Any, Final

from tianji.callbacks.said import Said, value
from tianji.ledger.entry import Entry

METHODS: Final = {"call_mcp_tool": "tools/call", "list_mcp_tools": "tools/list"}
"""Types of calls, and what the protocol calls them."""
CALL_TYPE: Final = "call_mcp_tool"
NOTED: Final = "mcp_tool_call_metadata"
LISTED: Final = "mcp_lists"
_NAME: Final = "MCP: "  # stands before the tool where an entry names the model


def lists_of(entry: Entry, said: Said) -> Any:
    """Return which servers listed their tools, for the end of a request that asked for that; None for any other."""
    return said.beside[LISTED].get("asked") if LISTED in said.beside and not entry.paid else None


def call_of(entry: Entry, said: Said) -> dict[str, Any] | None:
    """Return what a tool was called with, by the names of LiteLLM's proxy; None for what is no call of a tool."""
    if entry.call_type != CALL_TYPE or not entry.paid:
        return None
    tool = entry.model.removeprefix(_NAME)
    call = {
        "name": tool,
        "arguments": value(said.messages),
        "result": value(said.response),
        "mcp_server_name": entry.model_group.removesuffix(f"/{tool}"),
        "namespaced_tool_name": entry.model_group,
    }
    return call | said.beside.get(NOTED, {})


def unsaid(call: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the same without what was said."""
    return None if call is None else {**call, "arguments": None, "result": None}
