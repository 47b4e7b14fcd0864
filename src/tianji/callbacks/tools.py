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


def of_tools(entry: Entry, said: Said) -> dict[str, Any]:
    """Return the members of an event's `metadata` that say what a tool was called with, or which servers listed some.

    The first is there always, by the names of LiteLLM's proxy, and None for what is no call of a tool.
    """
    if not entry.paid and LISTED in said.beside:
        return {NOTED: None, LISTED: said.beside[LISTED].get("asked")}
    if entry.call_type != CALL_TYPE or not entry.paid:
        return {NOTED: None}
    tool = entry.model.removeprefix(_NAME)
    call = {
        "name": tool,
        "arguments": value(said.messages),
        "result": value(said.response),
        "mcp_server_name": entry.model_group.removesuffix(f"/{tool}"),
        "namespaced_tool_name": entry.model_group,
    }
    return {NOTED: call | said.beside.get(NOTED, {})}


def unsaid(call: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the same without what was said."""
    return None if call is None else {**call, "arguments": None, "result": None}
