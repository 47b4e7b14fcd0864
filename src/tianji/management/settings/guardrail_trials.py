"""A text is shown to one guardrail, to see what it makes of it."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from tianji._core.edges.exchange import Exchange
from tianji.auth.access import Access, Tenant
from tianji.auth.identity import ANYONE, Identity
from tianji.edge.answers import respond_json
from tianji.edge.routes import Match, Route
from tianji.errors import MalformedJSON, ObjectNotFound, SchemaViolation
from tianji.lazy import load

PATHS: Final = ("/guardrails/apply_guardrail", "/apply_guardrail")


class Trials:
    """The route. `guards`: those in force; None where there are none."""

    def __init__(self, guards: Callable[[], Any]) -> None:
        self._guards = guards

    def routes(self) -> Iterator[Route]:
        """Return the rows of the route table."""
        for path in PATHS:
            summary = "Show a text to a guardrail."
            yield Route(("POST",), path, self._apply, Access.KEY, Tenant.CALLER, summary, ("guardrails",))

    async def _apply(self, exchange: Exchange, _match: Match) -> None:
        guards = self._guards()
        if guards is None:
            raise ObjectNotFound("there are no guardrails")
        try:
            trial = msgspec.json.decode(exchange.body, type=load("tianji.gateway.guarding.trial").Trial)
        except msgspec.ValidationError as error:
            raise SchemaViolation(str(error), ("body",)) from None
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise MalformedJSON(f"the body is not JSON: {error}") from None
        caller = exchange.identity if isinstance(exchange.identity, Identity) else ANYONE
        respond_json(exchange, {"response_text": await guards.apply(caller, trial)})
