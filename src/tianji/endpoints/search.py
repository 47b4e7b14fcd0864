"""Searches of the web, in the form of Perplexity's API; LiteLLM's proxy has the same paths."""

import asyncio
import itertools
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from tianji._core.edges.exchange import Exchange
from tianji.auth.access import Access, Tenant
from tianji.auth.identity import ANYONE, Identity
from tianji.edge.answers import call_id, respond_json
from tianji.edge.routes import Match, Route
from tianji.errors import InvalidRequest, ObjectNotFound
from tianji.lazy import load

_SEARCH: Final = "search"


class Search:
    """The routes. `searches`: those in force, see tianji.gateway.beforehand.searches; None where no tool is configured.

    guards: who judges what is asked and found, see tianji.gateway.guarding.guards; None where nobody does
    """

    def __init__(self, searches: Callable[[], Any], guards: Callable[[], Any]) -> None:
        self._searches = searches
        self._guards = guards

    def routes(self) -> Iterator[Route]:
        """Return the rows of the route table."""
        for path in ("/v1/search", "/search", "/v1/search/{tool}", "/search/{tool}"):
            summary = "Search the web."
            yield Route(("POST",), path, self._search, Access.KEY, Tenant.CALLER, summary, ("search",))
        for path in ("/v1/search/tools", "/search/tools"):
            summary = "List the search tools that the caller may use."
            yield Route(("GET",), path, self._list, Access.INFO, Tenant.CALLER, summary, ("search",))
        summary = "List all search tools, without their secrets."
        yield Route(("GET",), "/search_tools/list", self._list_all, Access.ADMIN, Tenant.ALL, summary, ("search",))
        yield Route(
            ("GET",),
            "/search_tools/ui/available_providers",
            self._providers,
            Access.ADMIN,
            Tenant.NONE,
            "List who can search.",
            ("search",),
        )

    async def _search(self, exchange: Exchange, match: Match) -> None:
        searches, guards, body = self._searches(), self._guards(), exchange.body
        call_id(exchange)
        asked = load("tianji.searching.query").read(body)
        name = match.params.get("tool") or asked.tool
        if guards is not None:
            asked = load("tianji.searching.query").read(await guards.passed(exchange, _SEARCH, name or "", "", body))
        if not name:
            raise InvalidRequest("`search_tool_name` is missing: name a tool, in the path or in the body")
        if searches is None:
            raise ObjectNotFound("there are no search tools: write `search_tools` into the configuration")
        found = await asyncio.gather(*(searches.search(exchange, name, query) for query in asked.queries))
        shown = itertools.chain(*(one.results for one in found))
        answer: Any = {"object": "search", "results": [result.shown() for result in shown]}
        if guards is not None:
            told = await guards.earlier(exchange, body).whole(_SEARCH, "", msgspec.json.encode(answer))
            answer = msgspec.Raw(told)
        respond_json(exchange, answer)

    async def _list(self, exchange: Exchange, _match: Match) -> None:
        caller = exchange.identity if isinstance(exchange.identity, Identity) else ANYONE
        searches = self._searches()
        tools = [] if searches is None else searches.allowed(caller)
        rows = [
            {"search_tool_name": tool.name, "search_provider": tool.kind, "description": tool.description}
            for tool in tools
        ]
        respond_json(exchange, {"object": "list", "data": rows})

    async def _list_all(self, exchange: Exchange, _match: Match) -> None:
        searches = self._searches()
        rows = [
            {
                "search_tool_name": tool.name,
                "litellm_params": {"search_provider": tool.kind},
                "search_tool_info": {"description": tool.description},
            }
            for tool in ([] if searches is None else searches.tools.tools)
        ]
        respond_json(exchange, {"search_tools": rows})

    async def _providers(self, exchange: Exchange, _match: Match) -> None:
        names = load("tianji.searching.providers").PROVIDERS
        respond_json(exchange, {"providers": [{"provider_name": name, "ui_friendly_name": name} for name in names]})
