"""What the router decides and knows, for administrators: `/router/*`."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from urllib.parse import parse_qs

import msgspec

from tianji._core.edges.exchange import Exchange
from tianji.auth.access import Access, Tenant
from tianji.edge.answers import respond_json
from tianji.edge.routes import Match, Route
from tianji.errors import InvalidRequest, UnknownModel

_TAGS: Final = ("router",)


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What all workers know of one deployment.

    weight: in place of the configured one, null: that one; seconds: cooled_for, sick_for; usage: of this minute
    pace: requests at a time that it has shown it can take, where it learns that
    """

    model: str
    id: str
    weight: float | None
    in_flight: int
    cooled_for: float
    sick_for: float
    failure_rate: float
    requests: int
    tokens: int
    pace: float


class Weights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Weights by deployment id; null gives the configured one back."""

    weights: dict[str, float | None]


_WEIGHTS: Final = msgspec.json.Decoder(Weights)
Explain = Callable[[Exchange, str], Awaitable[object]]


class Routing(msgspec.Struct, frozen=True):
    """The routes.

    `explain(exchange, operation)` explains the request in an exchange, `states()` gives what is known,
    `weigh(id, weight)` sets a weight.
    """

    explain: Explain
    states: Callable[[], Sequence[State]]
    weigh: Callable[[str, float | None], None]

    def routes(self) -> list[Route]:
        """Return the rows of the route table."""
        return [
            Route(
                ("POST",),
                "/router/explain",
                self._explain,
                Access.ADMIN,
                Tenant.ALL,
                "Say who would serve the request in the body, and why nobody else; nothing is sent.",
                _TAGS,
                query={"operation": "chat unless said otherwise"},
            ),
            Route(
                ("GET",),
                "/router/deployments",
                self._deployments,
                Access.ADMIN,
                Tenant.ALL,
                "What the workers know of each deployment: load, rests, failures, weights.",
                _TAGS,
            ),
            Route(
                ("POST",),
                "/router/weights",
                self._weights,
                Access.ADMIN,
                Tenant.ALL,
                "Set weights of deployments for all workers at once, until the next start.",
                _TAGS,
                request_schema={
                    "type": "object",
                    "required": ["weights"],
                    "properties": {"weights": {"type": "object", "additionalProperties": {"type": ["number", "null"]}}},
                },
            ),
        ]

    async def _explain(self, exchange: Exchange, _match: Match) -> None:
        query = parse_qs(exchange.query.decode("ascii", "replace"))
        respond_json(exchange, await self.explain(exchange, query.get("operation", ["chat"])[0]))

    def _deployments(self, exchange: Exchange, _match: Match) -> None:
        respond_json(exchange, {"data": self.states()})

    def _weights(self, exchange: Exchange, _match: Match) -> None:
        try:
            wanted = _WEIGHTS.decode(exchange.body).weights
        except msgspec.DecodeError as error:
            raise InvalidRequest(f'{error}; write {{"weights": {{"deployment id": 3}}}}') from error
        bad = next((name for name, weight in wanted.items() if weight is not None and not 0 <= weight < 1e12), None)
        if bad is not None:
            raise InvalidRequest(f"the weight of {bad} must be 0 or more", param="weights")
        known = {state.id for state in self.states()}
        missing = next((name for name in wanted if name not in known), None)
        if missing is not None:
            raise UnknownModel(f"no deployment has the id {missing[:128]}; GET /router/deployments lists them")
        for name, weight in wanted.items():
            self.weigh(name, weight)
        respond_json(exchange, {"data": [state for state in self.states() if state.id in wanted]})
