"""Hooks of requests that come many at a time, in a file or in one body: each is asked as if it had come by itself.

They see a request before guardrails do, as with those that come alone. Where it goes and what each attempt sends is its
upstream's matter, and so are the answers, which nobody waits for here: the hooks of those see none of them.
"""

from typing import Any, Final

from tianji._core.edges.exchange import Exchange
from tianji.gateway.hooking.asking import BEFORE, BESIDE, Hooks
from tianji.gateway.hooking.case import Case
from tianji.gateway.hooking.registered import HookRefused, Registered
from tianji.gateway.hooking.watch import first_of

HOOKS: Final = (BEFORE, BESIDE)


class Lots:
    """Who judges such requests: hooks, and then guardrails where there are some. See objects.guarding.Guards."""

    def __init__(self, registered: Registered, guards: Any) -> None:
        """`guards`: the guardrails; None where there are none."""
        self._registered = registered
        self._guards = guards

    async def passed(self, exchange: Exchange, operation: str, model: str, group: str, body: bytes) -> bytes:
        """Return a request as it goes on, see Guards.passed. Raises HookRefused, also where a hook would answer."""
        hooks = Hooks(self._registered, Case(exchange, body, operation, model))
        as_it_came = hooks.case.body()
        left = await hooks.leave(as_it_came)
        if isinstance(left, str):
            raise HookRefused(left)
        if hooks.case.data.get("model") != hooks.case.model:  # all of them go where their file, or their batch, goes
            hooks.case.data["model"] = hooks.case.model
            left = hooks.case.body()
        body = body if left == as_it_came else left
        if self._guards is not None:
            body = await self._guards.passed(exchange, operation, model, group, body)
        try:
            await hooks.beside()
        except* Exception as found:
            raise first_of(found) from found
        return body

    def earlier(self, exchange: Exchange, body: bytes = b"{}") -> Any:
        """Return who judges answers that were given before: guardrails alone."""
        return Unjudged(exchange) if self._guards is None else self._guards.earlier(exchange, body)


class Unjudged:
    """Judges no answer."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def whole(self, _operation: str, _group: str, body: bytes) -> bytes:
        """Return an answer as it came."""
        return body

    def lines(self, _group_of: object) -> Exchange:
        """Return the exchange itself."""
        return self._exchange

    def stream(self, _operation: str, _group: str) -> Exchange:
        """Return the exchange itself."""
        return self._exchange
