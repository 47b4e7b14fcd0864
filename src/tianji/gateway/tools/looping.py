"""A request that lets its model use tools of MCP servers behind this gateway: it is offered them as functions.

An entry `{type: mcp, server_url: litellm_proxy}` means all servers that the caller may use, `litellm_proxy/mcp/a,b` or
the gateway's own address those that are named. Where every entry says `require_approval: never` the gateway calls what
the model calls, and asks it again; else the client is given the calls. Entries for other servers are the provider's.
Each question is a request of its own, allowed, limited, guarded and billed as all are, and so is each call.
"""

import asyncio
import functools
import logging
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from tianji._core.edges.exchange import Exchange
from tianji._core.requests.asked import Asked
from tianji._core.requests.forward import Endpoint
from tianji.errors import Header, TianjiError
from tianji.gateway.beforehand.again import Again, Answer, Deliver, as_asked, cost_of, with_cost
from tianji.gateway.bookkeeping import CALL_TYPES
from tianji.gateway.tools.forms import FORMS, Body, Call, Form, Offer, Said
from tianji.gateway.tools.headers import listed
from tianji.gateway.tools.toolbox import Toolbox
from tianji.mcp.messages import RpcError
from tianji.money import to_dollars
from tianji.protocol import openai_errors

MOST: Final = 10  # times that a model is asked again for one request
OURS: Final = ("litellm_proxy", "tianji_proxy")
NEVER: Final = "never"
LONGEST_NAME: Final = 64  # characters of a function's name that every model takes
_JSON: Final[Header] = (b"content-type", b"application/json")
_MARK: Final = b"mcp"
_UNREADABLE: Final = (msgspec.DecodeError, LookupError, TypeError, AttributeError, RecursionError)
_UNUSABLE: Final = re.compile(r"[^A-Za-z0-9_-]")
Next = Callable[[Asked, Deliver], "asyncio.Task[None] | None"]
log: Final = logging.getLogger("tianji.mcp")


class ToolLoops:
    """What the compiled path asks of each request with tools, see Pipeline.searches; `others` are asked afterwards."""

    def __init__(self, toolbox: Toolbox, others: Next | None) -> None:
        self._toolbox = toolbox
        self._others = others
        self._again = Again()

    def __call__(self, asked: Asked, deliver: Deliver) -> "asyncio.Task[None] | None":
        """Return what answers a request in its place; None where it names no server of ours."""
        form = FORMS.get(asked.operation.name)
        tools = b"" if asked.spans is None else asked.spans.get(b"tools") or b""
        if form is not None and asked.spans is not None and _MARK in tools and asked.exchange not in self._again:
            try:
                body = msgspec.json.decode(asked.spans.source)
            except (msgspec.DecodeError, RecursionError):
                return None  # whoever reads it says what is wrong with it
            entries = [tool for tool in body["tools"] if names_in(tool, asked.exchange) is not None]
            if entries:
                endpoint, client = Endpoint(asked.pipeline, asked.operation), asked.exchange
                carried = functools.partial(self._toolbox.books.carried, client)
                loop = _Loop(
                    self._toolbox, form, client, lambda inner: self._again.ask(endpoint, client, inner, carried())
                )
                return asyncio.get_running_loop().create_task(loop.run(body, entries, asked.operation.name, deliver))
        return None if self._others is None else self._others(asked, deliver)


class _Loop:
    """One request: the model and its tools, in turns."""

    def __init__(
        self, toolbox: Toolbox, form: Form, client: Exchange, ask: Callable[[bytes], Awaitable[Answer]]
    ) -> None:
        self._toolbox = toolbox
        self._form = form
        self._client = client
        self._ask = ask
        self._offers: dict[str, Offer] = {}
        self._reach: Any = {}
        self._said: list[Said] = []
        self._cost = 0.0

    async def run(self, body: Body, entries: Sequence[Body], operation: str, deliver: Deliver) -> None:
        """Answer the request."""
        with self._toolbox.books.request(self._client, CALL_TYPES.get(operation, operation)):
            await self._run(body, entries, operation, deliver)

    async def _run(self, body: Body, entries: Sequence[Body], operation: str, deliver: Deliver) -> None:
        stream, options = body.pop("stream", None) is True, body.pop("stream_options", None)
        try:
            for entry in entries:
                await self._offer(entry)
        except TianjiError as error:
            deliver(error.status, [_JSON, *error.headers], openai_errors.error_body(error))
            return
        functions = [self._form.function(offer) for offer in self._offers.values()]
        body["tools"] = [*(tool for tool in body["tools"] if tool not in entries), *functions]
        if not body["tools"]:
            del body["tools"]
            body.pop("tool_choice", None)
        calls = all(entry.get("require_approval") == NEVER for entry in entries)
        told = await self._answered(body, MOST if calls else 0)
        deliver(*as_asked(operation, told, stream=stream, options=options))

    async def _answered(self, body: Body, times: int) -> Answer:
        earlier: list[Body] = []
        for left in reversed(range(times + 1)):
            status, headers, raw = await self._ask(msgspec.json.encode(body))
            self._cost += cost_of(headers)
            try:
                answer = msgspec.json.decode(raw)
                calls = self._ours(answer) if status == 200 else []
                if not calls or not left:
                    break
                said = await asyncio.gather(*(self._called(call, offer) for call, offer in calls))
                self._said += said
                self._form.proceed(body, answer, said, last=left == 1)
                earlier.append(answer)
            except _UNREADABLE:
                break
        if status == 200 and times:
            try:
                raw = self._finished(raw, earlier)
            except _UNREADABLE:
                log.warning("an answer with calls of tools cannot be read, and is handed on as it is")
        return status, with_cost(headers, self._cost) if self._said else headers, raw

    async def _offer(self, entry: Body) -> None:
        """Offer the model what an entry means. Raises as Toolbox.reach does, and what no server could list."""
        reach = self._toolbox.reach(self._client, names_in(entry, self._client) or ())
        self._reach = {**self._reach, **reach}
        label = str(entry.get("server_label") or "mcp")
        wanted = entry.get("allowed_tools")
        wanted = wanted.get("tool_names") if isinstance(wanted, dict) else wanted
        for tool in (await self._toolbox.tools(self._client, reach)).found:
            shown = str(tool.shown["name"])
            if not isinstance(wanted, list) or not wanted or {shown, tool.name}.intersection(map(str, wanted)):
                name = _UNUSABLE.sub("_", shown)[:LONGEST_NAME]
                self._offers.setdefault(name, Offer(name, shown, label, tool.shown))

    def _ours(self, answer: Body) -> list[tuple[Call, Offer]]:
        return [(call, self._offers[call.name]) for call in self._form.calls(answer) if call.name in self._offers]

    async def _called(self, call: Call, offer: Offer) -> Said:
        """Return what comes of a call; what goes wrong is told to the model, which may do without."""
        if call.arguments is None:
            return Said(call, offer, "The arguments are no JSON object.", failed=True)
        try:
            found = await self._toolbox.call(self._client, self._reach, offer.tool, call.arguments, None)
        except (TianjiError, RpcError) as error:
            log.warning("a tool that a model called failed: %s", error.message)
            return Said(call, offer, f"The tool failed: {error.message}", failed=True)
        self._cost += to_dollars(found.cost)
        return Said(call, offer, "\n".join(_texts(found.result)), failed=found.result.get("isError") is True)

    def _finished(self, raw: bytes, earlier: list[Body]) -> bytes:
        answer = msgspec.json.decode(raw)
        for one in earlier:
            self._form.add_usage(answer, one)
        self._form.finish(answer, list(self._offers.values()), self._said)
        return msgspec.json.encode(answer)


def names_in(tool: Any, exchange: Exchange) -> tuple[str, ...] | None:
    """Return the servers that an entry of `tools` means, none for all; None for an entry that is not for us."""
    if not isinstance(tool, dict) or tool.get("type") != "mcp" or not isinstance(tool.get("server_url"), str):
        return None
    url = tool["server_url"].rstrip("/")
    whose, _, rest = url.partition("/")
    if whose in OURS:
        return tuple(listed(rest.removeprefix("mcp").strip("/")))
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if not parts.netloc or parts.netloc.encode() != exchange.header(b"host"):
        return None
    way = parts.path.strip("/").split("/")
    if "mcp" not in way:
        return None
    return tuple(listed(",".join(step for step in way[-2:] if step != "mcp")))


def _texts(result: Body) -> Iterator[str]:
    """Yield what a tool said: its texts, and of everything else what it is."""
    content = result.get("content")
    blocks = [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []
    for block in blocks:
        if isinstance(block.get("text"), str):
            yield block["text"]
        else:
            yield msgspec.json.encode(block).decode()
    if not blocks and result.get("structuredContent") is not None:
        yield msgspec.json.encode(result["structuredContent"]).decode()
