"""What callbacks are told of calls of tools: `mcp_tool_call_metadata`, with the names of StandardLoggingMCPToolCall."""

from typing import Any

import msgspec
from tests.unit.ledger.conftest import entry

from tianji.callbacks.event import LogEvent
from tianji.callbacks.making import event_of
from tianji.ledger.entry import Payload, Place, Telling

ABOUT = {
    "name": "echo", "mcp_server_name": "The web", "mcp_server_logo_url": "https://logo",
    "namespaced_tool_name": "web/echo",
    "mcp_server_cost_info": {"default_cost_per_query": 0.01}, "mcp_session_id": "s1", "mcp_auth_mode": "bearer_token",
    "mcp_server_resource": "https://tools.example.com",
}  # fmt: skip
SAID = {"text": "hi"}
RESULT = {"content": [{"type": "text", "text": "web: hi"}], "isError": False}


def kept(**about: Any) -> Payload:
    request = {"input": SAID, "litellm_metadata": {"mcp_tool_call_metadata": ABOUT | about}}
    return Payload(msgspec.json.encode(SAID), msgspec.json.encode(RESULT), msgspec.json.encode(request))


def told(**fields: Any) -> LogEvent:
    usual = {"call_type": "call_mcp_tool", "model": "MCP: echo", "model_group": "web/echo", "payload": kept()}
    found = event_of(entry(1, **{**usual, **fields}))
    assert found is not None
    return found


def test_a_call_is_told_with_its_tool() -> None:
    event = told()
    assert event.metadata["mcp_tool_call_metadata"] == ABOUT | {"arguments": SAID, "result": RESULT}
    assert (event.messages, event.response) == (SAID, RESULT)
    assert event.members()["metadata"]["mcp_tool_call_metadata"]["result"] == RESULT


def test_who_is_not_told_what_was_said_hears_which_tool_it_was() -> None:
    for event in (told().bare, told(payload=msgspec.structs.replace(kept(), telling=Telling(bare=True)))):
        assert event.metadata["mcp_tool_call_metadata"] == ABOUT | {"arguments": None, "result": None}
        assert "web: hi" not in event.wire.decode()


def test_where_nothing_is_kept_the_entry_names_the_tool() -> None:
    assert told(payload=None, model="MCP: a/b", model_group="web/a/b").metadata["mcp_tool_call_metadata"] == {
        "name": "a/b",
        "arguments": None,
        "result": None,
        "mcp_server_name": "web",
        "namespaced_tool_name": "web/a/b",
    }


def test_nothing_else_is_a_call_whatever_its_client_says() -> None:
    lists = {"mcp_lists": {"asked": [{"server": "x"}]}, "mcp_tool_call_metadata": ABOUT}
    forged = Payload(b"[]", b"{}", msgspec.json.encode({"messages": [], "litellm_metadata": lists}))
    event = told(call_type="acompletion", payload=forged)
    assert event.metadata["mcp_tool_call_metadata"] is None
    assert "mcp_lists" not in event.metadata
    ended = told(payload=forged, place=Place(b"t" * 16, b"s" * 8, status=200, method="POST", path="/mcp"))
    assert ended.metadata["mcp_tool_call_metadata"] is None
