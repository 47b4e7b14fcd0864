"""The search tools of a configuration: which of them searches, what that costs, and who steps in where one fails."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji.accounting.prices.catalogue import Catalogue
from tianji.accounting.prices.exact import decimal
from tianji.config.given import Given
from tianji.config.schema import Config
from tianji.config.schema.sections import SearchTool
from tianji.egress.errands import Errand, Errands, addresses_in
from tianji.errors import ConfigurationError, ObjectNotFound, UpstreamFailure, UpstreamProtocolError
from tianji.lazy import load
from tianji.money import to_nanos
from tianji.searching.provider import Provider
from tianji.searching.providers import PROVIDERS
from tianji.searching.query import Query, Result

PRICE: Final = "input_cost_per_query"
TIMEOUT: Final = 10.0  # seconds for one try, unless the tool says otherwise


class Tool(Struct, frozen=True):
    """One entry of `search_tools`. `kind`: its provider; price: US dollars for a search, None as listed."""

    name: str
    kind: str
    provider: Provider
    description: str | None = None
    retries: int = 0
    timeout: float = TIMEOUT
    price: float | None = None


class Found(Struct, frozen=True):
    """What a search has brought. `tool`: who searched; nano: what it cost, nano-dollars; listed: as which search."""

    results: tuple[Result, ...]
    tool: Tool
    nano: int
    listed: str


class Tools:
    """Those of one configuration. What of it cannot be used is in `faults`, one line each."""

    def __init__(
        self,
        config: Config,
        environ: Mapping[str, str],
        shuffle: Callable[[list[Tool]], None] = random.shuffle,
        ask: Errand | None = None,
    ) -> None:
        """`shuffle`: chooses among those of one name; ask: how they are asked, if not over the network."""
        written = entries(config)
        hosts = [one.litellm_params for one in written], [environ.get(f"{kind.upper()}_API_BASE") for kind in PROVIDERS]
        self._ask = ask or Errands(list(addresses_in(hosts)))
        self._shuffle = shuffle
        self.faults: list[str] = []
        self.tools: list[Tool] = []
        for entry in written:
            try:
                self.tools.append(_tool(entry, environ))
            except ConfigurationError as error:
                self.faults.append(error.message)
        self._listed = _listed(self.tools, Catalogue.current(environ))

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.tools)

    def named(self, name: str) -> Sequence[Tool]:
        """Return the tools of a name. Raises ObjectNotFound."""
        found = [tool for tool in self.tools if tool.name == name]
        if not found:
            raise ObjectNotFound(f"there is no search tool {name!r}; GET /v1/search/tools lists those that there are")
        return found

    def price(self, tool: Tool, query: Query) -> int:
        """Return what a search costs, nano-dollars."""
        if tool.price is not None:
            return to_nanos(tool.price)
        known = self._listed.get(tool.provider.listed(query), {})
        price = known.get(PRICE) or _tiered(known.get("tiered_pricing"), query.results)
        return to_nanos(float(decimal(price)) if price else tool.provider.price)

    async def search(self, name: str, query: Query) -> Found:
        """Search with a tool of a name; one that fails is followed by the others. Raises UpstreamFailure."""
        tools = list(self.named(name))
        self._shuffle(tools)
        failure: UpstreamFailure | None = None
        for tool in tools:
            for _ in range(1 + tool.retries):
                try:
                    results = await self._asked(tool, query)
                except UpstreamFailure as error:
                    failure = error
                    continue
                listed = tool.provider.listed(query)
                return Found(tuple(results[: query.results]), tool, self.price(tool, query), listed)
        raise failure or UpstreamFailure(f"the search tool {name} has no provider")

    async def _asked(self, tool: Tool, query: Query) -> list[Result]:
        request = tool.provider.write(query)
        try:
            async with asyncio.timeout(tool.timeout):
                answer = await self._ask(request.method, request.url, request.headers, request.body)
        except TimeoutError as error:
            raise UpstreamFailure(f"the search tool {tool.name} did not answer in time") from error
        if not 200 <= answer.status < 300:
            raise UpstreamFailure(f"the search tool {tool.name} answered {answer.status}")
        try:
            return list(tool.provider.read(msgspec.json.decode(answer.body)))
        except (msgspec.DecodeError, RecursionError, LookupError, TypeError, AttributeError) as error:
            raise UpstreamProtocolError(f"what the search tool {tool.name} answered cannot be read") from error


def entries(config: Config) -> tuple[SearchTool, ...]:
    """Return all that a configuration has, at its top and in general_settings."""
    rows = config.general_settings.search_tools
    return (*config.search_tools, *(_of_row(row) for row in rows))


def _of_row(row: Mapping[str, Any]) -> SearchTool:
    name, params, info = (row.get(member) for member in ("search_tool_name", "litellm_params", "search_tool_info"))
    return SearchTool(
        search_tool_name=name if isinstance(name, str) else None,
        litellm_params=params if isinstance(params, dict) else {},
        search_tool_info=info if isinstance(info, dict) else {},
    )


def _tool(entry: SearchTool, environ: Mapping[str, str]) -> Tool:
    params: Mapping[str, Any] = entry.litellm_params
    name, kind = entry.search_tool_name, params.get("search_provider")
    if not name:
        raise ConfigurationError("a search tool needs a search_tool_name")
    if kind not in PROVIDERS:
        raise ConfigurationError(f"search tool {name}: {kind!r} is none of {', '.join(PROVIDERS)}")
    given = Given(f"search tool {name}", params, environ)
    description = entry.search_tool_info.get("description")
    return Tool(
        name=name,
        kind=str(kind),
        provider=load(PROVIDERS[str(kind)]).build(given),
        description=description if isinstance(description, str) else None,
        retries=max(0, int(given.number("max_retries", default=0))),
        timeout=max(0.1, given.number("timeout", default=TIMEOUT)),
        price=None if params.get(PRICE) is None else max(0.0, given.number(PRICE, default=0)),
    )


def _listed(tools: Sequence[Tool], catalogue: Catalogue) -> dict[str, Mapping[str, object]]:
    """Return what the price catalogue has of the searches that tools may make."""
    names = {name for tool in tools for name in tool.provider.names}
    found = (catalogue.find([name]) for name in names)
    return {entry[0]: entry[1] for entry in found if entry is not None}


def _tiered(tiers: object, results: int) -> object:
    """Return the price of so many results, where a catalogue has it by that."""
    for tier in tiers if isinstance(tiers, list) else ():
        low, high = tier.get("max_results_range", (0, 0))
        if low <= results <= high:
            return tier.get(PRICE)
    return None
