"""Tools of MCP servers over plain HTTP, as LiteLLM's proxy has it: for dashboards and scripts."""

from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct

from tianji._core.edges.exchange import Exchange
from tianji.auth.access import Access, Tenant
from tianji.edge.answers import call_id, respond_json
from tianji.edge.routes import Match, Route
from tianji.endpoints.mcp import TYPES, required
from tianji.errors import InvalidRequest, MalformedJSON, UpstreamFailure
from tianji.lazy import load

_TAGS: Final = ("mcp",)
_LIST, _CALL = TYPES["tools/list"], TYPES["tools/call"]


class _Body(Struct):
    """A call. `name`: the server's own, or that with the prefix, where no server is named."""

    name: str = ""
    arguments: dict[str, Any] | None = None
    server_id: str | None = None
    mcp_server_name: str | None = None
    server_name: str | None = None


class McpRest:
    """The routes. `tools`: the servers in force, see tianji.gateway.tools.toolbox; None where there are none."""

    def __init__(self, tools: Callable[[], Any]) -> None:
        self._tools = tools

    def routes(self) -> Iterator[Route]:
        """Return the rows of the route table."""
        said = "List tools by their servers' own names, with what went wrong."
        yield Route(("GET",), "/mcp-rest/tools/list", self._list, Access.KEY, Tenant.CALLER, said, _TAGS)
        said = "Call a tool."
        yield Route(("POST",), "/mcp-rest/tools/call", self._call, Access.KEY, Tenant.CALLER, said, _TAGS)
        said = "List tools by the names that clients call them by."
        yield Route(("GET",), "/v1/mcp/tools", self._named, Access.KEY, Tenant.CALLER, said, _TAGS)
        said = "Ask each server that the caller may use whether it is well."
        yield Route(("GET",), "/v1/mcp/server/health", self._health, Access.KEY, Tenant.CALLER, said, _TAGS)
        said = "Say whether there are servers of tools."
        yield Route(("GET",), "/mcp/enabled", self._enabled, Access.OPEN, Tenant.NONE, said, _TAGS)

    async def _enabled(self, exchange: Exchange, _match: Match) -> None:
        respond_json(exchange, {"enabled": self._tools() is not None})

    async def _health(self, exchange: Exchange, _match: Match) -> None:
        toolbox = self._tools()
        call_id(exchange)
        wanted = [value for name, value in parse_qsl(exchange.query.decode("ascii", "replace")) if name == "server_ids"]
        found = [] if toolbox is None else await toolbox.health(exchange, toolbox.reach(exchange, wanted))
        respond_json(exchange, found)

    async def _list(self, exchange: Exchange, _match: Match) -> None:
        toolbox = self._tools()
        call_id(exchange)
        query = dict(parse_qsl(exchange.query.decode("ascii", "replace")))
        names = [query[name] for name in ("server_id", "mcp_server_name") if query.get(name)]
        if toolbox is None:
            respond_json(exchange, _listing([], {}, silent=False))
            return
        with toolbox.books.request(exchange, _LIST):
            listed = await toolbox.tools(exchange, toolbox.reach(exchange, names))
            between = toolbox.between
            rows = [
                {
                    **tool.shown,
                    "name": tool.shown["name"].removeprefix(tool.server.prefix + between),
                    "mcp_info": _info(tool),
                }
                for tool in listed.found
            ]
            respond_json(exchange, _listing(rows, listed.failures, silent=listed.silent))

    async def _named(self, exchange: Exchange, _match: Match) -> None:
        toolbox = self._tools()
        call_id(exchange)
        if toolbox is None:
            respond_json(exchange, {"tools": []})
            return
        with toolbox.books.request(exchange, _LIST):
            found = (await toolbox.tools(exchange, toolbox.reach(exchange))).found
            respond_json(exchange, {"tools": [{**tool.shown, "mcp_info": _info(tool)} for tool in found]})

    async def _call(self, exchange: Exchange, _match: Match) -> None:
        toolbox = required(self._tools())
        call_id(exchange)
        try:
            asked = msgspec.json.decode(exchange.body or b"{}", type=_Body)
        except (msgspec.DecodeError, RecursionError) as error:
            raise MalformedJSON(f"the body is not a call of a tool: {error}") from error
        if not asked.name:
            raise InvalidRequest("`name` is missing: name a tool", param="name")
        named = asked.server_id or asked.mcp_server_name or asked.server_name
        reach = toolbox.reach(exchange, [named] if named else [])
        with toolbox.books.request(exchange, _CALL):
            try:
                found = await toolbox.call(exchange, reach, asked.name, asked.arguments or {}, None)
            except load("tianji.mcp.messages").RpcError as error:
                raise UpstreamFailure(f"the MCP server says: {error.message}") from error
            respond_json(exchange, {"isError": False, **found.result})


def _listing(rows: list[dict[str, Any]], failures: dict[str, str], *, silent: bool) -> dict[str, Any]:
    """Return a list with what went wrong; it is an error only where no server said anything."""
    told = "; ".join(f"{name}: {why}" for name, why in failures.items())
    return {
        "tools": rows,
        "error": "partial_failure" if silent else None,
        "message": told or "Successfully retrieved tools",
        "server_outcomes": {name: {"status": "error", "message": why} for name, why in failures.items()},
    }


def _info(tool: Any) -> dict[str, Any]:
    server = tool.server
    info = server.entry.mcp_info
    return {
        "server_id": server.id,
        "server_name": server.shown_name,
        "alias": server.alias,
        "logo_url": info.logo_url,
        "description": info.description or server.entry.description,
    }
