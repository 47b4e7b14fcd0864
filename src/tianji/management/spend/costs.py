"""The routes that say what requests would cost, or have cost, without making any."""

from collections.abc import Awaitable, Callable
from typing import Final

from tianji._core.bodies.spans import ObjectSpans
from tianji._core.edges.exchange import Exchange
from tianji.accounting.counter import Count
from tianji.auth.access import Access, Tenant
from tianji.edge.answers import respond_json
from tianji.edge.routes import Match, Route
from tianji.gateway.compiled.snapshot import Snapshot
from tianji.lazy import load

_RECKONING: Final = "tianji.management.spend.cost_reckoning"
_COUNT: Final = {"type": "integer", "minimum": 0}
_ESTIMATE: Final = {
    "type": "object",
    "required": ["model"],
    "properties": {
        "model": {"type": "string"},
        **dict.fromkeys(("input_tokens", "output_tokens", "num_requests_per_day", "num_requests_per_month"), _COUNT),
    },
}
_CALCULATE: Final = {
    "type": "object",
    "properties": {
        "model": {"type": "string"},
        "messages": {"type": "array", "items": {"type": "object"}},
        "completion_response": {"type": "object"},
    },
}
Counter = Callable[[ObjectSpans, str], Awaitable[Count]]


class Costs:
    """The routes. `count(body, model)` counts the tokens of a prompt. Who answers is loaded when somebody asks."""

    def __init__(self, count: Counter, snapshot: Callable[[], Snapshot]) -> None:
        self._count = count
        self._snapshot = snapshot

    def routes(self) -> list[Route]:
        """Return the rows of the route table."""
        rows = (
            ("/cost/estimate", self._estimate, "Say what requests with so many tokens cost.", _ESTIMATE),
            ("/spend/calculate", self._calculate, "Say what a prompt costs, or an answer has cost.", _CALCULATE),
        )
        return [
            Route(("POST",), path, handler, Access.USER, Tenant.CALLER, summary, ("spend",), request_schema=schema)
            for path, handler, summary, schema in rows
        ]

    async def _estimate(self, exchange: Exchange, _match: Match) -> None:
        respond_json(exchange, await load(_RECKONING).estimate(exchange, self._snapshot()))

    async def _calculate(self, exchange: Exchange, _match: Match) -> None:
        respond_json(exchange, await load(_RECKONING).calculate(exchange, self._snapshot(), self._count))
