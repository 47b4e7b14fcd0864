"""A server out of its entry."""

import pytest

from tianji.config.schema.mcp import McpCosts, McpInfo, McpServer
from tianji.errors import ConfigurationError
from tianji.mcp.server import Server, authentication, build


def made(name: str = "s", environ: dict[str, str] | None = None, **fields: object) -> Server:
    return build(name, McpServer(**{"url": "http://h/mcp"} | fields), {"nick": "s"}, environ or {})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("scheme", "value", "header"),
    [
        ("api_key", "k", ("X-API-Key", "k")),
        ("bearer_token", "t", ("Authorization", "Bearer t")),
        ("bearer_token", "Bearer t", ("Authorization", "Bearer t")),
        ("basic", "u:p", ("Authorization", "Basic dTpw")),
        ("basic", "dTpw", ("Authorization", "Basic dTpw")),
        ("authorization", "X y", ("Authorization", "X y")),
        ("token", "t", ("Authorization", "token t")),
        ("none", "X y", ("Authorization", "X y")),
    ],
)
def test_how_a_value_is_sent(scheme: str, value: str, header: tuple[str, str]) -> None:
    assert authentication(scheme, value) == dict([header])
    if scheme != "none":
        assert made(auth_type=scheme, auth_value=value).headers == dict([header])


def test_names() -> None:
    server = made(alias=None)
    assert (server.alias, server.prefix) == ("nick", "nick")
    assert server.names == ("nick", "s", server.id)
    assert made(name="a b").prefix == "a_b"
    assert made(server_id="i").id == "i"
    assert made().id == made(description="x").id  # it outlives what is said of it
    assert made().revision != made(description="x").revision
    assert made().id != made(url="http://i/mcp").id


def test_prices_are_exact() -> None:
    costs = McpCosts(default_cost_per_query=0.1, tool_name_to_cost_per_query={"a": 0.000000001})
    server = made(mcp_info=McpInfo(mcp_server_cost_info=costs))
    assert (server.price("a"), server.price("b")) == (1, 100_000_000)
    with pytest.raises(ConfigurationError, match="negative"):
        made(mcp_info=McpInfo(mcp_server_cost_info=McpCosts(default_cost_per_query=-1)))


def test_which_tools_are_shown() -> None:
    assert made().offers("any")
    some = made(allowed_tools=("a", "nick-b", "s-c"), disallowed_tools=("c",), allowed_params={"nick-a": ("x",)})
    assert [tool for tool in "abcd" if some.offers(tool)] == ["a", "b"]
    assert (some.params("a"), some.params("b")) == (("x",), None)
    assert made(tool_name_to_display_name={"real": "shown"}).real("shown") == "real"


def test_timeouts_and_limits() -> None:
    assert (made().timeout, made(timeout=3.0).timeout) == (60.0, 3.0)
    assert made(environ={"LITELLM_MCP_CLIENT_TIMEOUT": "9"}).timeout == 9.0
    assert (made().most, made(max_concurrent_requests=2, rpm=4).most, made(rpm=4).rpm) == (0, 2, 4)


def test_what_no_client_may_read_is_known() -> None:
    server = made(
        auth_type="basic", auth_value="user:pass", static_headers={"X": "${A}-1"}, env={"E": "program"},
        env_vars=[{"name": "A", "value": "v"}, {"name": "B", "scope": "user"}],
    )  # fmt: skip
    assert server.headers["X"] == "v-1"
    assert {"user:pass", "Basic dXNlcjpwYXNz", "program"} <= set(server.secrets)


def test_a_server_that_stays_down_says_why() -> None:
    with pytest.raises(ConfigurationError, match="has no url, so it stays down: add `url:`"):
        made(url=None)
