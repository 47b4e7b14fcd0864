"""Who may use which server, and which of its tools."""

from ipaddress import ip_address
from typing import Any

import pytest

from tianji.auth.identity import ANYONE, MASTER, Identity, Role
from tianji.config.schema.general import GeneralSettings
from tianji.config.schema.mcp import McpServer
from tianji.errors import InvalidRequest, ModelRefused, ObjectNotFound
from tianji.gateway.tools.access import Access, allows
from tianji.mcp.server import build

HERE = ip_address("127.0.0.1")
ENTRIES: dict[str, dict[str, Any]] = {
    "a": {"alias": "first", "access_groups": ("g",)},
    "b": {"access_groups": ("g", "h")},
    "free": {"allow_all_keys": True},
    "near": {"available_on_public_internet": False},
}
SERVERS = [build(name, McpServer(url="http://h", **entry), {}, {}) for name, entry in ENTRIES.items()]


def caller(key: dict[str, Any] | None = None, team: dict[str, Any] | None = None, role: Role | None = None) -> Identity:
    return Identity(
        role=role, user_id=None, key="k", object_permission=key or {}, team_object_permission=team or {}
    )  # fmt: skip


def reached(who: Identity, address: str = "127.0.0.1", **settings: Any) -> dict[str, Any]:
    reach = Access(SERVERS, GeneralSettings(**settings)).reach(who, ip_address(address))
    return {server.name: tools for server, tools in reach.values()}


@pytest.mark.parametrize("who", [MASTER, ANYONE, caller(role=Role.PROXY_ADMIN)])
def test_administrators_use_all(who: Identity) -> None:
    assert reached(who) == dict.fromkeys(ENTRIES)


@pytest.mark.parametrize(
    ("key", "team", "wanted"),
    [
        (None, None, {"free"}),
        ({"mcp_servers": []}, None, {"free"}),
        ({"mcp_servers": ["first"]}, None, {"a", "free"}),
        ({"mcp_servers": [SERVERS[1].id]}, None, {"b", "free"}),
        ({"mcp_access_groups": ["g"]}, None, {"a", "b", "free"}),
        (None, {"mcp_servers": ["a", "b"]}, {"a", "b", "free"}),
        ({"mcp_servers": ["a", "near"]}, {"mcp_access_groups": ["g"]}, {"a", "free"}),
        ({"mcp_servers": ["a"]}, {"mcp_servers": ["b"]}, {"free"}),
        ({"mcp_servers": ["no-mcp-servers"]}, {"mcp_servers": ["a"]}, set()),
        ({"mcp_servers": "a"}, None, {"free"}),
    ],
)
def test_keys_and_teams(key: dict[str, Any] | None, team: dict[str, Any] | None, wanted: set[str]) -> None:
    assert reached(caller(key, team)).keys() == wanted


def test_tools_of_both_levels() -> None:
    of_key = {"mcp_tool_permissions": {"a": ["x", "y"], "b": ["*"]}}
    of_team = {"mcp_servers": ["a", "b"], "mcp_tool_permissions": {"first": ["first-y", "y", "z"]}}
    assert reached(caller(of_key))["a"] == {"x", "y"}
    assert reached(caller(of_key, of_team)) == {"a": {"y"}, "b": None, "free": None}
    assert allows(frozenset({"first-y"}), SERVERS[0], "y")
    assert not allows(frozenset({"x"}), SERVERS[0], "y")
    assert allows(None, SERVERS[0], "y")


def test_settings() -> None:
    team = caller(None, {"mcp_servers": ["a"]})
    assert reached(team, require_key_mcp_access_defined=True).keys() == {"free"}
    assert reached(team, mcp_allow_all_keys_respects_mcp_scope=True).keys() == {"a"}
    assert reached(caller(), mcp_allow_all_keys_respects_mcp_scope=True).keys() == {"free"}
    assert "near" not in reached(MASTER, "8.8.8.8")
    assert "near" in reached(MASTER, "8.8.8.8", mcp_internal_ip_ranges=("8.0.0.0/8",))
    assert "near" not in {server.name for server, _ in Access(SERVERS, GeneralSettings()).reach(MASTER, None).values()}


def test_names_narrow() -> None:
    access = Access(SERVERS, GeneralSettings())
    reach = access.reach(caller({"mcp_servers": ["a"]}), HERE)

    def narrowed(*names: str) -> set[str]:
        return {server.name for server, _ in access.narrowed(reach, names).values()}

    assert narrowed() == {"a", "free"}
    assert narrowed("first") == narrowed("g") == {"a"}
    assert narrowed("a", "free") == {"a", "free"}
    with pytest.raises(ModelRefused):
        narrowed("b")
    with pytest.raises(ObjectNotFound):
        narrowed("a", "nobody")
    with pytest.raises(InvalidRequest):
        narrowed(*"abcdefghijklmnopq")
