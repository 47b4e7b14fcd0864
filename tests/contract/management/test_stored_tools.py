"""MCP servers of the database: kept, used at once, changed, and never shown with what is secret."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.contract.harness import NO_BOOKS, Gateway
from tests.fakes.tool_server import ToolServer

SECRET = "tok-stored-canary-5Gh8"


@pytest.fixture(scope="module")
def server() -> Iterator[ToolServer]:
    with ToolServer("kept") as running:
        yield running


@pytest.fixture(scope="module")
def gateway(edge: str, server: ToolServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    config = {
        "model_list": [],
        "mcp_servers": {"filed": {"url": f"{server.url}/mcp", "server_id": "of-the-file", "access_groups": ["g"]}},
        "general_settings": {
            "store_model_in_db": True,
            "provider_url_destination_allowed_hosts": ["127.0.0.1"],
        },
    }
    with Gateway(config, tmp_path_factory.mktemp("stored"), edge=edge, env=NO_BOOKS) as running:
        yield running


def send(gateway: Gateway, method: str, path: str, status: int = 200, **fields: Any) -> Any:
    answer = gateway.client.request(method, path, **({"json": fields} if method != "GET" else {}))
    assert answer.status_code == status, answer.text
    return answer.json()


def tools(gateway: Gateway, name: str) -> set[str]:
    found = send(gateway, "GET", "/v1/mcp/tools")["tools"]
    return {tool["name"] for tool in found if tool["name"].startswith(f"{name}-")}


def brought(server: ToolServer) -> set[tuple[str | None, str | None]]:
    """What requests came with."""
    return {(headers.get("authorization"), headers.get("x-own")) for headers in server.headers}


def test_a_server_is_kept_used_changed_and_taken_away(gateway: Gateway, server: ToolServer) -> None:
    said = {
        "server_name": "kept", "url": f"{server.url}/mcp", "transport": "http", "auth_type": "bearer_token",
        "credentials": {"auth_value": SECRET}, "mcp_access_groups": ["h"], "static_headers": {"X-Own": "canary-header"},
        "mcp_info": {"mcp_server_cost_info": {"default_cost_per_query": 0.5}},
    }  # fmt: skip
    made = send(gateway, "POST", "/v1/mcp/server", **said)
    assert (made["server_name"], made["mcp_access_groups"], made["is_config"]) == ("kept", ["h"], False)
    assert made["mcp_info"]["mcp_server_cost_info"] == {"default_cost_per_query": 0.5}
    assert made["created_at"]
    assert tools(gateway, "kept") == {"kept-echo", "kept-fail", "kept-refuse"}
    assert (f"Bearer {SECRET}", "canary-header") in brought(server)
    shown = gateway.client.get("/v1/mcp/server").text + gateway.client.get(f"/v1/mcp/server/{made['server_id']}").text
    assert SECRET not in shown
    assert "canary-header" not in shown
    assert send(gateway, "GET", "/v1/mcp/access_groups") == {"access_groups": ["g", "h"]}
    health = {row["server_id"]: row["status"] for row in send(gateway, "GET", "/v1/mcp/server/health")}
    assert health == {"of-the-file": "healthy", made["server_id"]: "healthy"}
    server.reset()
    send(gateway, "PUT", "/v1/mcp/server", server_id=made["server_id"], alias="other", allowed_tools=["echo"])
    assert tools(gateway, "other") == {"other-echo"}
    assert (f"Bearer {SECRET}", "canary-header") in brought(server)  # what is not sent stays
    send(gateway, "PUT", "/v1/mcp/server", server_id=made["server_id"], allowed_tools=None)
    assert len(tools(gateway, "other")) == 3
    send(gateway, "DELETE", f"/v1/mcp/server/{made['server_id']}")
    assert tools(gateway, "other") == set()
    assert [row["server_id"] for row in send(gateway, "GET", "/v1/mcp/server")] == ["of-the-file"]


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"server_name": "a-b", "url": "https://example.com"}, 400, "must not hold -"),
        ({"server_name": "a"}, 400, "has no url"),
        ({"server_name": "a", "url": "http://10.0.0.1/mcp"}, 400, "is not public"),
        ({"server_name": "a", "url": "https://example.com", "auth_type": "nothing"}, 400, "must be one of"),
        ({"server_name": "a", "transport": "stdio", "command": "npx"}, 400, "those are off"),
        ({"server_name": "filed", "url": "https://example.com"}, 409, "already"),
        ({"server_name": "a", "url": "https://example.com", "server_id": "of-the-file"}, 409, "already"),
    ],
)
def test_what_cannot_be_kept(gateway: Gateway, fields: dict[str, Any], status: int, said: str) -> None:
    assert said in str(send(gateway, "POST", "/v1/mcp/server", status, **fields))


def test_servers_of_the_file_are_changed_there(gateway: Gateway) -> None:
    assert send(gateway, "GET", "/v1/mcp/server/of-the-file")["is_config"] is True
    for method, path, fields in (
        ("PUT", "/v1/mcp/server", {"server_id": "of-the-file"}),
        ("DELETE", "/v1/mcp/server/of-the-file", {}),
    ):
        assert "configuration file" in str(send(gateway, method, path, 400, **fields))
    send(gateway, "GET", "/v1/mcp/server/nobodys", 404)
    send(gateway, "DELETE", "/v1/mcp/server/nobodys", 404)
