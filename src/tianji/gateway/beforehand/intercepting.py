"""A request whose model shall search the web by itself, where its provider cannot: the gateway searches for it.

Each question to the model is a request of its own, allowed, limited, guarded and billed as all are, and each search has
an entry in the ledger under the same call. What is streamed is known whole before.
"""

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec

from tianji._core.edges.exchange import Exchange
from tianji._core.requests.asked import Asked
from tianji._core.requests.forward import Endpoint
from tianji.auth.identity import Identity
from tianji.config.schema import Config
from tianji.errors import BudgetExceeded, RateLimited, TianjiError
from tianji.gateway.beforehand.again import Again, Answer, Deliver, as_asked, cost_of, with_cost
from tianji.gateway.beforehand.searches import Searches
from tianji.searching.forms import FORMS
from tianji.searching.interception import Answered, Form, Limits, has_search, limits
from tianji.searching.interception import Asked as Call
from tianji.searching.query import Query, Result

NAME: Final = "websearch_interception"
USUAL: Final = ("bedrock",)
MOST_LOOPS: Final = 3
_UNREADABLE: Final = (msgspec.DecodeError, LookupError, TypeError, AttributeError, RecursionError)
log: Final = logging.getLogger("tianji.searching")


class Interception:
    """What the compiled path asks of each request with tools; see Pipeline.searches."""

    def __init__(self, searches: Searches, params: Mapping[str, Any]) -> None:
        self._searches = searches
        written = params.get("enabled_providers")
        self._providers = frozenset(map(str, written)) if isinstance(written, list | tuple) else frozenset(USUAL)
        self._tool = params.get("search_tool_name")
        loops = params.get("max_agentic_loops")
        self._loops = max(1, loops) if isinstance(loops, int) else MOST_LOOPS
        self._again = Again()

    def __call__(self, asked: Asked, deliver: Deliver) -> "asyncio.Task[None] | None":
        """Return what answers a request in its place; None where the model needs no search of ours."""
        form = FORMS.get(asked.operation.name)
        if form is None or asked.spans is None or asked.exchange in self._again:
            return None
        tools = asked.spans.get(b"tools") or b""
        if (
            not (b"eb_search" in tools or b"WebSearch" in tools)
            or asked.group.deployments[0].provider not in self._providers
        ):
            return None
        try:
            body = msgspec.json.decode(asked.spans.source)
        except (msgspec.DecodeError, RecursionError):
            return None  # whoever reads it says what is wrong with it
        name = self._named(asked.exchange.identity)
        if not has_search(body["tools"]) or name is None:
            return None
        endpoint = Endpoint(asked.pipeline, asked.operation)
        client = asked.exchange
        loop = _Loop(self._searches, name, form, client, lambda inner: self._again.ask(endpoint, client, inner))
        return asyncio.get_running_loop().create_task(loop.run(body, asked.operation.name, self._loops, deliver))

    def _named(self, caller: object) -> str | None:
        """Return the tool that a caller's searches are made with: the one that is configured, else his first."""
        if self._tool is not None:
            return str(self._tool)
        tools = self._searches.allowed(caller) if isinstance(caller, Identity) else self._searches.tools.tools
        return tools[0].name if tools else None


class _Loop:
    """One request: the model and the search, in turns."""

    def __init__(
        self, searches: Searches, name: str, form: Form, client: Exchange, ask: Callable[[bytes], Awaitable[Answer]]
    ) -> None:
        self._searches = searches
        self._name = name
        self._form = form
        self._client = client
        self._ask = ask
        self._found: list[Answered] = []
        self._cost = 0.0

    async def run(self, body: dict[str, Any], operation: str, loops: int, deliver: Deliver) -> None:
        """Answer the request."""
        form, said = self._form, limits(body["tools"])
        stream, options = body.pop("stream", None) is True, body.pop("stream_options", None)
        native = form.prepare(body)
        earlier: list[Mapping[str, Any]] = []
        for left in reversed(range(loops + 1)):
            status, headers, raw = await self._ask(msgspec.json.encode(body))
            self._cost += cost_of(headers)
            try:
                answer = msgspec.json.decode(raw)
                calls = form.calls(answer) if status == 200 else []
                if not calls or not left:
                    break
                found = await asyncio.gather(*(self._search(call, said, at) for at, call in enumerate(calls)))
                self._found += found
                form.proceed(body, answer, found, last=left == 1)
                earlier.append(answer)
            except _UNREADABLE:
                break
        if status == 200:
            try:
                raw = self._finished(raw, earlier, native=native)
            except _UNREADABLE:
                log.warning("an answer with searches cannot be read, and is handed on as it is")
        headers = with_cost(headers, self._cost) if self._found else headers
        deliver(*as_asked(operation, (status, headers, raw), stream=stream, options=options))

    def _finished(self, raw: bytes, earlier: list[Mapping[str, Any]], *, native: bool) -> bytes:
        if not earlier:
            return raw
        answer = msgspec.json.decode(raw)
        for one in earlier:
            self._form.add_usage(answer, one)
        self._form.finish(answer, self._found, native=native)
        return msgspec.json.encode(answer)

    async def _search(self, call: Call, said: Limits, at: int) -> Answered:
        """Return what comes of one call, of which there were `at` before in the same answer."""
        if not call.queries:
            return Answered(call, error="invalid_tool_input")
        if said.uses is not None and len(self._found) + at >= said.uses:
            return Answered(call, error="max_uses_exceeded")
        queries = (Query(text, domains=said.domains, country=said.country) for text in call.queries)
        try:
            found = await asyncio.gather(*(self._searches.search(self._client, self._name, query) for query in queries))
        except (RateLimited, BudgetExceeded):
            return Answered(call, error="too_many_requests")
        except TianjiError as error:
            log.warning("a search for a model failed: %s", error.message)
            return Answered(call, error="unavailable")
        self._cost += sum(one.nano for one in found) / 1e9
        pages: dict[str, Result] = {}
        for result in itertools.chain(*(one.results for one in found)):
            pages.setdefault(result.url, result)
        return Answered(call, tuple(pages.values()))


def interception(config: Config, searches: Searches) -> Interception | None:
    """Return what intercepts searches; None where that is not wanted, or nobody can search."""
    if NAME not in config.litellm_settings.callbacks or not searches.tools:
        return None
    params = {**config.callback_settings.get(NAME, {}), **config.litellm_settings.websearch_interception_params}
    return Interception(searches, params)
