"""Which servers a caller may use, and which of their tools.

Keys and teams say it in `object_permission`: servers by any of their names, groups of them, and tools of single ones.
What neither says a word on is for administrators, and for everybody where a server says `allow_all_keys`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from tianji.auth.identity import ANYONE, Identity, Role
from tianji.auth.rules import Address, Network, networks, within
from tianji.config.schema.general import GeneralSettings
from tianji.errors import InvalidRequest, ModelRefused, ObjectNotFound
from tianji.mcp.server import Server

NOTHING: Final = "no-mcp-servers"  # what a key names that may use none, whatever its team may
ANY_TOOL: Final = "*"
MOST_NAMES: Final = 16
INSIDE: Final = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "::1/128", "fc00::/7")
Tools = frozenset[str] | None
"""Names of tools; None for all that a server has."""
Reach = Mapping[str, tuple[Server, Tools]]
"""By the id of a server: the server, and which of its tools."""


class Access:
    """The rules of one configuration."""

    def __init__(self, servers: Sequence[Server], general: GeneralSettings) -> None:
        self._servers = servers
        self._strict = general.require_key_mcp_access_defined
        self._scoped = general.mcp_allow_all_keys_respects_mcp_scope
        ranges = general.mcp_internal_ip_ranges
        self._inside: tuple[Network, ...] = networks(INSIDE if ranges is None else ranges)

    def reach(self, caller: Identity, address: Address | None) -> Reach:
        """Return what a caller may use who comes from an address; None: nobody knows from where."""
        near = address is not None and within(address, self._inside)
        there = [server for server in self._servers if near or server.entry.available_on_public_internet]
        return {server.id: (server, tools) for server, tools in self._allowed(caller, there)}

    def _allowed(self, caller: Identity, there: Sequence[Server]) -> Iterator[tuple[Server, Tools]]:
        key, team = _said(caller.object_permission), _said(caller.team_object_permission)
        if key is not None and NOTHING in key.names:
            return
        free = caller.master or caller is ANYONE or caller.role in (Role.PROXY_ADMIN, Role.PROXY_ADMIN_VIEWER)
        said = [level for level in (key, team) if level is not None]
        closed = self._strict and key is None and not free
        for server in there:
            named = bool(said) and not closed and all(level.names_server(server) for level in said)
            for_all = server.entry.allow_all_keys and not (said and self._scoped)
            if named or for_all or (free and not said):
                yield server, _common(level.tools_of(server) for level in said)

    def narrowed(self, reach: Reach, names: Sequence[str]) -> Reach:
        """Return what of it these names mean: servers, or groups of them; all of it where there are none.

        Raises InvalidRequest for too many, ObjectNotFound for a name that nothing has, and ModelRefused (403) for one
        that the caller may not use.
        """
        if not names:
            return reach
        if len(names) > MOST_NAMES:
            raise InvalidRequest(f"{len(names)} MCP servers are named: name {MOST_NAMES} at most")
        found: dict[str, tuple[Server, Tools]] = {}
        for name in names:
            meant = [server for server in self._servers if name in server.names or name in server.entry.access_groups]
            if not meant:
                raise ObjectNotFound(f"there is no MCP server {name[:128]!r}; GET /v1/mcp/server lists those there are")
            allowed = {server.id: reach[server.id] for server in meant if server.id in reach}
            if not allowed:
                raise ModelRefused(f"this key may not use the MCP server {name[:128]!r}", "key_mcp_access_denied")
            found |= allowed
        return found


class _Level(Struct, frozen=True):
    """What a key or a team says. `tools`: by a name of a server, those of its tools that may be used."""

    names: frozenset[str]
    groups: frozenset[str]
    tools: Mapping[str, frozenset[str]]

    def names_server(self, server: Server) -> bool:
        known = self.names.union(self.tools)
        return not known.isdisjoint(server.names) or not self.groups.isdisjoint(server.entry.access_groups)

    def tools_of(self, server: Server) -> Tools:
        lists = [self.tools[name] for name in server.names if name in self.tools]
        return None if not lists or any(ANY_TOOL in tools for tools in lists) else frozenset().union(*lists)


def _said(permission: Mapping[str, Any]) -> _Level | None:
    """Read what a level says; None where it says nothing of MCP servers."""
    tools = permission.get("mcp_tool_permissions")
    level = _Level(
        names=_texts(permission.get("mcp_servers")),
        groups=_texts(permission.get("mcp_access_groups")),
        tools={str(name): _texts(of) for name, of in tools.items()} if isinstance(tools, Mapping) else {},
    )
    return level if level.names or level.groups or level.tools else None


def _texts(value: object) -> frozenset[str]:
    return frozenset(map(str, value)) if isinstance(value, list | tuple) else frozenset()


def _common(lists: Iterable[Tools]) -> Tools:
    """Return the tools that all allow."""
    found: Tools = None
    for tools in lists:
        found = tools if found is None else found if tools is None else found & tools
    return found


def allows(tools: Tools, server: Server, name: str) -> bool:
    """Whether a tool is among those of a server that may be used; lists name it with its prefix or without."""
    return tools is None or not tools.isdisjoint((name, f"{server.prefix}-{name}", f"{server.name}-{name}"))
