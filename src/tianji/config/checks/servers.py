"""MCP servers."""

from typing import Final

from tianji.config.checks.subject import Subject
from tianji.config.environment import is_true, lookup
from tianji.config.schema.sections import McpServer

_DELEGATING: Final = frozenset({"true_passthrough", "oauth_delegate"})


def check(subject: Subject) -> None:
    """Check that each server can be reached and authenticated to as it is written, and that ids are unique."""
    stdio = is_true(lookup(subject.environ, "ENABLE_MCP_STDIO"))
    seen: dict[str, str] = {}
    for name, server in subject.config.mcp_servers.items():
        path = ("mcp_servers", name)
        _server(subject, path, server)
        if server.transport == "stdio" and not stdio:
            remedy = "set TIANJI_ENABLE_MCP_STDIO=true in the environment"
            subject.warning(path, "is a stdio server, and those are off, so it stays down", remedy)
        if server.server_id is not None:
            other = seen.setdefault(server.server_id, name)
            if other != name:
                where = (*path, "server_id")
                subject.error(where, f"the server {other!r} has the same id", "give each server an id of its own")


def _server(subject: Subject, path: tuple[str, str], server: McpServer) -> None:
    if server.auth_type == "oauth2" and server.oauth2_flow is None:
        remedy = "add `oauth2_flow: client_credentials` or `authorization_code`"
        subject.warning(path, "authenticates by oauth2 and names no flow", remedy)
    delegating = server.auth_type in _DELEGATING or server.oauth_passthrough or server.delegate_auth_to_upstream
    if server.dcr_bridge and not delegating:
        remedy = "remove it, or set `auth_type: oauth_delegate`"
        subject.error((*path, "dcr_bridge"), "works only where authentication is passed on", remedy)
