"""The servers of one configuration, as callers use them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from tianji._core.edges.exchange import Exchange
from tianji.auth.identity import ANYONE, Identity
from tianji.auth.rules import Rules
from tianji.config.environment import lookup
from tianji.config.schema import Config
from tianji.errors import ConfigurationError, InvalidRequest, ModelRefused, ObjectNotFound, TianjiError, UpstreamFailure
from tianji.gateway.admission.admissions import Admissions
from tianji.gateway.tools.access import Access, Reach, Tools, allows
from tianji.gateway.tools.billing import Bill, Billing, Called
from tianji.gateway.tools.books import Books, now
from tianji.gateway.tools.headers import brought, scope
from tianji.mcp.connections import Connections
from tianji.mcp.messages import RESOURCE_NOT_FOUND, RpcError
from tianji.mcp.naming import parted, prefixed, separator
from tianji.mcp.server import Server, build
from tianji.mcp.session import Session
from tianji.protocol.scrub import scrub

LOG: Final = logging.getLogger("tianji.mcp")
HEALTH: Final = 10.0  # seconds in which a server that is well answers
LISTING: Final = 30.0  # seconds for one server's list, unless LITELLM_MCP_TOOL_LISTING_TIMEOUT says otherwise
_RESOURCES: Final = "resources"


class Tool(Struct, frozen=True):
    """A tool of a server, or a prompt or resource of one. `shown`: as clients get it; name: the server's own."""

    server: Server
    name: str
    shown: dict[str, Any]


class Listed(Struct, frozen=True):
    """What servers have, and why some could not say it, by their names. `silent`: none of those asked could."""

    found: tuple[Tool, ...]
    failures: Mapping[str, str]
    silent: bool = False


class Paid(Struct, frozen=True):
    """What a call has come to. cost: nano-dollars."""

    result: dict[str, Any]
    cost: int


class Toolbox:
    """See the module.

    guards: who judges calls, see tianji.gateway.guarding.guards; None where nobody does
    hooks: who looks at results, see tianji.gateway.hooking.results; None where nobody does
    """

    def __init__(
        self,
        config: Config,
        environ: Mapping[str, str],
        connections: Connections,
        admissions: Admissions,
        books: Books,
        guards: Callable[[], Any] = lambda: None,
        hooks: Any = None,
    ) -> None:
        self._guards = guards
        self._hooks = hooks
        self.books = books
        self.servers: list[Server] = []
        for name, entry in config.mcp_servers.items():
            try:
                self.servers.append(build(name, entry, config.litellm_settings.mcp_aliases, environ))
            except ConfigurationError as error:
                LOG.error("left out: %s", error)
        self.general = config.general_settings
        self.between = separator(environ)
        self._access = Access(self.servers, self.general)
        self._places = Rules(self.general)
        self._connections = connections
        self._billing = Billing(admissions, books)
        self._known: dict[str, dict[str, dict[str, Any]]] = {}  # tools as servers listed them last, by their names
        self._patience = float(lookup(environ, "MCP_TOOL_LISTING_TIMEOUT") or LISTING)

    def reach(self, exchange: Exchange, names: Sequence[str] = ()) -> Reach:
        """Return what the caller of a request may use and wants to hear of. Raises as Access.narrowed does.

        names: servers and groups that the path says
        """
        reach = self._access.reach(caller_of(exchange), self._places.address(exchange))
        wanted = scope(exchange)
        if self.general.mcp_require_explicit_server_scope and not (names or wanted):
            raise InvalidRequest("name the MCP servers that are meant: in the path, or in the header x-mcp-servers")
        return self._access.narrowed(self._access.narrowed(reach, names), wanted)

    async def tools(self, exchange: Exchange, reach: Reach) -> Listed:
        """List tools, by the names that clients know."""
        listed = await self._listed(exchange, reach, "tools/list", "tools")
        found = (self._shown(tool, reach[tool.server.id][1]) for tool in listed.found)
        return replace(listed, found=tuple(tool for tool in found if tool is not None))

    async def prompts(self, exchange: Exchange, reach: Reach) -> Listed:
        """List prompts, by the names that clients know."""
        listed = await self._listed(exchange, reach, "prompts/list", "prompts")
        named = ((one, prefixed(one.server.prefix, one.name, self.between)) for one in listed.found)
        return replace(
            listed, found=tuple(Tool(one.server, one.name, {**one.shown, "name": name}) for one, name in named)
        )

    async def resources(self, exchange: Exchange, reach: Reach, method: str, member: str) -> Listed:
        """List resources, or templates of them; their addresses are their servers' own."""
        return await self._listed(exchange, reach, method, member)

    async def call(
        self, exchange: Exchange, reach: Reach, name: str, arguments: dict[str, Any], meta: Mapping[str, Any] | None
    ) -> Paid:
        """Call a tool, and return its result as its server gave it, or as those leave it who look at it.

        Raises ObjectNotFound and ModelRefused for what the caller cannot use, what limits refuse, RpcError for what
        the server says instead of an answer, and UpstreamFailure.
        """
        server, own = self._resolved(reach, name)
        tool = server.real(own)
        if own == name and not await self._has(exchange, server, tool):
            raise _unknown(name)
        if not server.offers(tool) or not allows(reach[server.id][1], server, tool):
            raise ModelRefused(f"this key may not use the tool {name[:128]!r}", "key_mcp_tool_access_denied")
        _require_params(server, tool, arguments)
        called = Called(server, tool, arguments)
        async with self._billing.paid(exchange, caller_of(exchange), called) as bill:
            await self._judged(exchange, called, bill, meta)
            if self._hooks is not None:
                await self._hooks.look(exchange, called, bill)
            return Paid(bill.result or {}, bill.nano)

    async def _judged(self, exchange: Exchange, called: Called, bill: Bill, meta: Mapping[str, Any] | None) -> None:
        """Call a tool, and put what guardrails leave of the result into the bill."""
        server, guards = called.server, self._guards()
        params = {"name": called.tool, "arguments": bill.arguments, **({"_meta": dict(meta)} if meta else {})}
        shown = {
            "tool": self._known.get(server.id, {}).get(called.tool),
            "name": called.tool,
            "arguments": bill.arguments,
        }
        trial = None if guards is None else guards.tool(exchange, called.namespaced, shown)
        if trial is None:
            bill.result = await self._asked(exchange, server, "tools/call", params)
            bill.answered = True
            return
        try:
            bill.arguments = params["arguments"] = await trial.arguments()
            found = await _beside(trial.during(), self._asked(exchange, server, "tools/call", params))
            bill.answered = True
            bill.result = dict(await trial.result(found))
        finally:
            bill.guardrails = trial.notes

    async def prompt(self, exchange: Exchange, reach: Reach, name: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return a prompt with its arguments filled in. Raises as `call` does."""
        server, own = self._resolved(reach, name)
        return await self._asked(exchange, server, "prompts/get", {**params, "name": own})

    async def resource(self, exchange: Exchange, reach: Reach, uri: str) -> dict[str, Any]:
        """Return a resource. Raises as `call` does."""
        servers = [server for server, _ in reach.values()]
        if len(servers) > 1:
            listed = await self._listed(exchange, reach, "resources/list", "resources")
            first = [one.server for one in listed.found if one.name == uri]
            servers = sorted(servers, key=lambda server: server not in first)
        failure: Exception = RpcError(RESOURCE_NOT_FOUND, f"no MCP server has the resource {uri[:256]!r}")
        for server in servers:
            try:
                if await self._session(exchange, server).can(_RESOURCES, server.timeout):
                    return await self._asked(exchange, server, "resources/read", {"uri": uri})
            except RpcError as error:
                failure = self._told(server, error)
            except UpstreamFailure as error:
                failure = self._told(server, error) if len(servers) == 1 else failure
        raise failure

    async def health(self, exchange: Exchange, reach: Reach) -> list[dict[str, str | None]]:
        """Say of each server whether it answers, and why not."""

        async def well(server: Server) -> dict[str, str | None]:
            failure: str | None = None
            try:
                await self._session(exchange, server).ask("ping", {}, HEALTH)
            except (RpcError, UpstreamFailure) as error:
                failure = str(self._told(server, error))
            status = "healthy" if failure is None else "unhealthy"
            return {"server_id": server.id, "status": status, "health_check_error": failure}

        return list(await asyncio.gather(*(well(server) for server, _ in reach.values())))

    def _resolved(self, reach: Reach, name: str) -> tuple[Server, str]:
        """Return the server that a name means, and its own name for it. Raises ObjectNotFound.

        Where there is one server alone, a name may do without the prefix.
        """
        by_prefix = {prefix: server for server, _ in reach.values() for prefix in _prefixes(server)}
        found = parted(name, by_prefix, self.between)
        if found is not None:
            return by_prefix[found[0]], found[1]
        if len(reach) == 1:
            return next(iter(reach.values()))[0], name
        raise _unknown(name)

    async def _has(self, exchange: Exchange, server: Server, tool: str) -> bool:
        """Whether a server has a tool of this name, which may have been meant for another one."""
        if tool not in self._known.get(server.id, {}):
            await self._rows(exchange, server, "tools/list", "tools")
        return tool in self._known.get(server.id, {})

    def _shown(self, tool: Tool, allowed: Tools) -> Tool | None:
        server, name = tool.server, tool.name
        if not server.offers(name) or not allows(allowed, server, name):
            return None
        entry = server.entry
        known = entry.tool_name_to_display_name.get(name, name)
        shown = {**tool.shown, "name": prefixed(server.prefix, known, self.between)}
        if name in entry.tool_name_to_description:
            shown["description"] = entry.tool_name_to_description[name]
        return Tool(server, name, shown)

    async def _listed(self, exchange: Exchange, reach: Reach, method: str, member: str) -> Listed:
        servers = [server for server, _ in reach.values()]
        rows = await asyncio.gather(*(self._rows(exchange, server, method, member) for server in servers))
        failures = {server.name: rows[at] for at, server in enumerate(servers)}
        return Listed(
            tuple(tool for found in rows if isinstance(found, list) for tool in found),
            {name: found for name, found in failures.items() if isinstance(found, str)},
            silent=bool(rows) and all(isinstance(found, str) for found in rows),
        )

    async def _rows(self, exchange: Exchange, server: Server, method: str, member: str) -> list[Tool] | str:
        """Return what a server has; a text where it could not say it, which keeps nobody from hearing of others."""
        began = now()
        found = await self._rows_of(exchange, server, method, member)
        self.books.listed(exchange, server.name, method, began, found if isinstance(found, str) else None)
        return found

    async def _rows_of(self, exchange: Exchange, server: Server, method: str, member: str) -> list[Tool] | str:
        trouble = self._connections.trouble(server)
        if trouble is not None:
            return str(trouble)
        try:
            session = self._session(exchange, server)
            if not await session.can(method.partition("/")[0], self._patience):
                return []
            found = await session.listed(method, member, self._patience)
        except (RpcError, UpstreamFailure) as error:
            told = self._told(server, error)
            if not _refused(error):
                self._connections.took(server, told)
            LOG.warning("MCP server %s: %s", server.name, told)
            return str(told)
        names = ("uri", "uriTemplate") if method.startswith(_RESOURCES) else ("name",)
        keyed = ((next((row[name] for name in names if name in row), None), row) for row in found)
        tools = [Tool(server, name, row) for name, row in keyed if isinstance(name, str)]
        if method == "tools/list":
            self._known[server.id] = {tool.name: tool.shown for tool in tools}
        return tools

    async def _asked(self, exchange: Exchange, server: Server, method: str, params: dict[str, Any]) -> dict[str, Any]:
        place = self._connections.place(server)
        session = self._session(exchange, server)
        try:
            if place is None:
                return await session.ask(method, params, server.timeout)
            async with asyncio.timeout(server.timeout):
                await place.acquire()
            try:
                return await session.ask(method, params, server.timeout)
            finally:
                place.release()
        except TimeoutError as error:
            raise UpstreamFailure(f"the MCP server {server.name} has too much to do", sent=False) from error
        except (RpcError, UpstreamFailure) as error:
            raise self._told(server, error) from error

    def _session(self, exchange: Exchange, server: Server) -> Session:
        general = self.general
        headers = brought(exchange, server, general.litellm_key_header_name, general.mcp_client_side_auth_header_name)
        return self._connections.session(server, headers)

    def _told(self, server: Server, error: RpcError | UpstreamFailure) -> Exception:
        """Return a failure without the credentials that the server was sent, which it may have quoted."""
        if isinstance(error, RpcError):
            return RpcError(error.code, scrub(error.message, server.secrets), error.data)
        error.message = scrub(error.message, server.secrets)
        return error


async def _beside(judgement: Awaitable[None], work: Coroutine[Any, Any, dict[str, Any]]) -> dict[str, Any]:
    """Return what work comes to, unless it is judged otherwise meanwhile."""
    task = asyncio.get_running_loop().create_task(work)
    try:
        await judgement
        return await task
    finally:
        task.cancel()


def caller_of(exchange: Exchange) -> Identity:
    """Return who calls."""
    return exchange.identity if isinstance(exchange.identity, Identity) else ANYONE


def _unknown(name: str) -> ObjectNotFound:
    return ObjectNotFound(f"there is no tool {name[:128]!r}: tools/list names those that there are")


def _prefixes(server: Server) -> Iterator[str]:
    yield server.prefix
    yield from server.names


def _refused(error: Exception) -> bool:
    """Whether a server is there and does not want this caller, which says nothing of others."""
    return isinstance(error, RpcError) or (isinstance(error, TianjiError) and 400 <= error.status < 408)


def _require_params(server: Server, tool: str, arguments: Mapping[str, Any]) -> None:
    known = server.params(tool)
    unwanted = [name for name in arguments if known is not None and name not in known]
    if unwanted:
        said = ", ".join(name[:64] for name in unwanted[:8])
        raise ModelRefused(f"the tool {tool} may not be called with {said}", "mcp_parameter_denied")
