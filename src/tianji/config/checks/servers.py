"""MCP servers."""

from typing import Final

from tianji.config.checks.subject import Subject
from tianji.config.schema.mcp import McpServer
from tianji.config.tool_servers import faults

_DELEGATING: Final = frozenset({"true_passthrough", "oauth_delegate"})


def check(subject: Subject) -> None:
    """Check that each server can be reached and authenticated to as it is written, and that ids are unique."""
    seen: dict[str, str] = {}
    for name, server in subject.config.mcp_servers.items():
        path = ("mcp_servers", name)
        _server(subject, path, server)
        if server.server_id is not None:
            other = seen.setdefault(server.server_id, name)
            if other != name:
                where = (*path, "server_id")
                subject.error(where, f"the server {other!r} has the same id", "give each server an id of its own")
    _prefixes(subject)
    _aliases(subject)


def _server(subject: Subject, path: tuple[str, str], server: McpServer) -> None:
    delegating = server.auth_type in _DELEGATING or server.oauth_passthrough or server.delegate_auth_to_upstream
    if server.dcr_bridge and not delegating:
        remedy = "remove it, or set `auth_type: oauth_delegate`"
        subject.error((*path, "dcr_bridge"), "works only where authentication is passed on", remedy)
    for key, message, remedy in faults(server, subject.environ):
        subject.warning((*path, key) if key else path, message, remedy)


def _prefixes(subject: Subject) -> None:
    """Warn of servers whose tools would have one name."""
    seen: dict[str, str] = {}
    for name, server in subject.config.mcp_servers.items():
        prefix = (server.alias or name).replace(" ", "_")
        other = seen.setdefault(prefix, name)
        where = ("mcp_servers", name, "alias") if server.alias else ("mcp_servers", name)
        if other != name:
            subject.warning(where, f"its tools have the names of those of {other!r}", "give it an alias of its own")


def _aliases(subject: Subject) -> None:
    for alias, name in subject.config.litellm_settings.mcp_aliases.items():
        if name not in subject.config.mcp_servers:
            path = ("litellm_settings", "mcp_aliases", alias)
            subject.warning(path, f"there is no MCP server {name!r}", "name one of mcp_servers")
