"""The routes of MCP servers."""

from typing import Final

from tianji.auth.access import Access
from tianji.management.rows import ALL, OWN, Row

FAMILIES: Final[dict[str, tuple[Row, ...]]] = {
    "mcp servers": (
        Row(
            "GET", "/v1/mcp/server", "servers.listed", Access.INFO, OWN, "List the MCP servers that the caller may use."
        ),
        Row("POST", "/v1/mcp/server", "servers.new", Access.ADMIN, ALL, "Keep an MCP server."),
        Row("PUT", "/v1/mcp/server", "servers.update", Access.ADMIN, ALL, "Change what was sent of an MCP server."),
        Row("GET", "/v1/mcp/server/{server_id}", "servers.info", Access.INFO, OWN, "Describe an MCP server."),
        Row("DELETE", "/v1/mcp/server/{server_id}", "servers.delete", Access.ADMIN, ALL, "Take an MCP server away."),
        Row("GET", "/v1/mcp/access_groups", "servers.groups", Access.INFO, OWN, "Name the groups of MCP servers."),
    ),
}
