"""The gateway as a server of the Model Context Protocol: the tools of all servers that a caller may use, in one place.

https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http. Nothing is kept between two
requests, so any worker answers any of them, and there is no session that somebody else could go on with.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Final

import msgspec

from tianji import __version__
from tianji._core.edges.exchange import Exchange
from tianji.auth.access import Access, Tenant
from tianji.config.environment import lookup
from tianji.edge.answers import JSON, call_id, call_id_headers
from tianji.edge.routes import Match, Route
from tianji.errors import Header, ObjectNotFound, TianjiError
from tianji.lazy import load

PATHS: Final = ("/mcp", "/mcp/{servers}", "/{servers}/mcp")
_EVENTS: Final[Header] = (b"content-type", b"text/event-stream")
_TAGS: Final = ("mcp",)
TYPES: Final = {  # methods that callbacks are told of, as they call them
    "tools/list": "list_mcp_tools",
    "tools/call": "call_mcp_tool",
}
Answer = dict[str, Any]


class Mcp:
    """The routes. `tools`: the servers in force, see tianji.gateway.tools.toolbox; None where there are none."""

    def __init__(self, tools: Callable[[], Any], environ: Callable[[], Mapping[str, str]]) -> None:
        self._tools = tools
        self._environ = environ
        self._methods: Mapping[str, Callable[[Any, Exchange, Any, Answer], Awaitable[Answer]]] = {
            "tools/list": _list_tools,
            "tools/call": _call,
            "prompts/list": _list_prompts,
            "prompts/get": _prompt,
            "resources/list": _list_resources,
            "resources/templates/list": _list_templates,
            "resources/read": _resource,
        }

    def routes(self) -> Iterator[Route]:
        """Return the rows of the route table."""
        for path in PATHS:
            said = "Speak the Model Context Protocol with all servers of tools, or with those that are named."
            yield Route(("POST",), path, self._post, Access.KEY, Tenant.CALLER, said, _TAGS)
            said = "Refuse a stream of what servers say by themselves: there is none."
            yield Route(("GET",), path, self._get, Access.KEY, Tenant.CALLER, said, _TAGS)
            said = "End a session, of which nothing is kept."
            yield Route(("DELETE",), path, self._delete, Access.KEY, Tenant.CALLER, said, _TAGS)

    async def _get(self, exchange: Exchange, _match: Match) -> None:
        """As the specification has it for a server that has nothing to say."""
        exchange.respond(405, [(b"allow", b"POST, DELETE"), *call_id_headers(exchange, compatible=True)], b"")

    async def _delete(self, exchange: Exchange, _match: Match) -> None:
        exchange.respond(200, call_id_headers(exchange, compatible=True), b"")

    async def _post(self, exchange: Exchange, match: Match) -> None:
        messages, toolbox = load("tianji.mcp.messages"), required(self._tools())
        call_id(exchange)
        try:
            message = messages.read(exchange.body)
        except messages.RpcError as error:
            _respond(exchange, 400, messages.refusal(None, error))
            return
        version = (exchange.header(b"mcp-protocol-version") or b"").decode("latin-1")
        if version and version not in messages.VERSIONS:
            data = {"supported": list(messages.VERSIONS), "requested": version}
            unknown = messages.RpcError(messages.UNSUPPORTED_VERSION, "Unsupported protocol version", data)
            _respond(exchange, 400, messages.refusal(message.id, unknown))
            return
        if message.id is None or not message.method:
            exchange.respond(202, call_id_headers(exchange, compatible=True), b"")
            return
        try:
            names = load("tianji.gateway.tools.headers").listed(match.params.get("servers", ""))
            reach = toolbox.reach(exchange, names)
        except TianjiError as error:
            _respond(exchange, error.status, messages.refusal(message.id, _as_rpc(error)))
            return
        with toolbox.books.request(exchange, TYPES.get(message.method, "")):
            try:
                answer = messages.answer(message.id, await self._answered(toolbox, exchange, reach, message))
            except messages.RpcError as error:
                answer = messages.refusal(message.id, error)
            except TianjiError as error:
                answer = messages.refusal(message.id, _as_rpc(error))
            _respond(exchange, 200, answer)

    async def _answered(self, toolbox: Any, exchange: Exchange, reach: Any, message: Any) -> Answer:
        if message.method == "initialize":
            return self._greeting(toolbox, reach, message.params)
        if message.method == "ping":
            return {}
        serve = self._methods.get(message.method)
        if serve is None or message.method.partition("/")[0] in toolbox.general.mcp_disabled_capabilities:
            messages = load("tianji.mcp.messages")
            raise messages.RpcError(messages.METHOD_NOT_FOUND, f"there is no method {message.method[:64]}")
        return await serve(toolbox, exchange, reach, message.params)

    def _greeting(self, toolbox: Any, reach: Any, params: Answer) -> Answer:
        messages, environ = load("tianji.mcp.messages"), self._environ()
        wanted = params.get("protocolVersion")
        there = [name for name in ("prompts", "resources") if name not in toolbox.general.mcp_disabled_capabilities]
        said = [server.entry.instructions for server, _ in reach.values() if server.entry.instructions]
        greeting: Answer = {
            "protocolVersion": wanted if wanted in messages.VERSIONS else messages.LATEST,
            "capabilities": {"tools": {}, **{name: {} for name in there}},
            "serverInfo": {
                "name": lookup(environ, "MCP_SERVER_NAME") or "litellm-mcp-server",
                "version": lookup(environ, "MCP_SERVER_VERSION") or __version__,
            },
        }
        return greeting | ({"instructions": "\n\n".join(said)} if said else {})


async def _list_tools(toolbox: Any, exchange: Exchange, reach: Any, _params: Answer) -> Answer:
    return _told(await toolbox.tools(exchange, reach), "tools")


async def _list_prompts(toolbox: Any, exchange: Exchange, reach: Any, _params: Answer) -> Answer:
    return _told(await toolbox.prompts(exchange, reach), "prompts")


async def _list_resources(toolbox: Any, exchange: Exchange, reach: Any, _params: Answer) -> Answer:
    return _told(await toolbox.resources(exchange, reach, "resources/list", "resources"), "resources")


async def _list_templates(toolbox: Any, exchange: Exchange, reach: Any, _params: Answer) -> Answer:
    member = "resourceTemplates"
    return _told(await toolbox.resources(exchange, reach, "resources/templates/list", member), member)


async def _call(toolbox: Any, exchange: Exchange, reach: Any, params: Answer) -> Answer:
    arguments, meta = params.get("arguments"), params.get("_meta")
    if arguments is not None and not isinstance(arguments, dict):
        messages = load("tianji.mcp.messages")
        raise messages.RpcError(messages.INVALID_PARAMS, "arguments is no object")
    kept = meta if isinstance(meta, dict) else None
    found: Answer = (await toolbox.call(exchange, reach, _text(params, "name"), arguments or {}, kept)).result
    return found


async def _prompt(toolbox: Any, exchange: Exchange, reach: Any, params: Answer) -> Answer:
    found: Answer = await toolbox.prompt(exchange, reach, _text(params, "name"), params)
    return found


async def _resource(toolbox: Any, exchange: Exchange, reach: Any, params: Answer) -> Answer:
    found: Answer = await toolbox.resource(exchange, reach, _text(params, "uri"))
    return found


def required(toolbox: Any) -> Any:
    """Return the servers in force. Raises ObjectNotFound where there are none."""
    if toolbox is None:
        raise ObjectNotFound("there are no MCP servers: write `mcp_servers` into the configuration")
    return toolbox


def _told(listed: Any, member: str) -> Answer:
    """Return a list of all servers. Raises RpcError where none of them could say anything."""
    if listed.silent:
        messages = load("tianji.mcp.messages")
        said = "; ".join(f"{name}: {why}" for name, why in listed.failures.items())
        raise messages.RpcError(messages.REFUSED, f"no MCP server could list anything: {said}")
    return {member: [one.shown for one in listed.found]}


def _text(params: Answer, name: str) -> str:
    found = params.get(name)
    if not isinstance(found, str) or not found:
        messages = load("tianji.mcp.messages")
        raise messages.RpcError(messages.INVALID_PARAMS, f"{name} is missing: it is a text")
    return found


def _as_rpc(error: TianjiError) -> Any:
    """Return an error of the gateway as JSON-RPC has it; `data` says what a client of the other routes would read."""
    messages = load("tianji.mcp.messages")
    unknown = isinstance(error, ObjectNotFound)
    data = {"status": error.status, "type": error.wire_type}
    return messages.RpcError(messages.INVALID_PARAMS if unknown else messages.REFUSED, error.message, data)


def _respond(exchange: Exchange, status: int, message: Answer) -> None:
    """Answer with JSON, or with a stream of one event to who takes nothing else."""
    accepts = exchange.header(b"accept") or b""
    body, head = msgspec.json.encode(message), call_id_headers(exchange, compatible=True)
    if b"text/event-stream" in accepts and not (b"application/json" in accepts or b"*/*" in accepts):
        exchange.respond(status, [_EVENTS, *head], b"event: message\ndata: %b\n\n" % body)
    else:
        exchange.respond(status, [JSON, *head], body)
