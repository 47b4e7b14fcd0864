"""Sessions that a guardrail has led to another model (`on_sensitive_data: route`): they stay there."""

import time
from collections.abc import Callable
from typing import Final

from tianji._core.edges.attempts import AttemptTable
from tianji.gateway.guarding.request import Request
from tianji.guardrails.guardrail import Route
from tianji.guardrails.vendor import Hook

STAYS: Final = 24 * 3600  # seconds after the last time that something was found


class Leading:
    """Remembers them for all workers of a machine, in a table in which the oldest give way. `now` is monotonic.

    A session is its caller's own, so nobody is led by what another one has said under the same name.
    """

    def __init__(self, table: AttemptTable, now: Callable[[], float] = time.monotonic) -> None:
        self._table = table
        self._now = now

    def led(self, request: Request) -> Route | None:
        """Return where a request goes for what was said before it in its session; None for nowhere."""
        if not request.session or request.bound:
            return None
        groups = request.plan.hooks.get(Hook.PRE_CALL, ())
        routes = (one.route for group in groups for one in group if one.route is not None and one.route.sticky)
        now = self._now()
        return next((one for one in routes if self._table.stopped(_name(request, one), now, rest=STAYS)), None)

    def lead(self, request: Request, route: Route) -> None:
        """Take that a request was led there."""
        if route.sticky:
            self._table.stop(_name(request, route), self._now())


def _name(request: Request, route: Route) -> str:
    return "\0".join((route.model, request.about["key_hash"], request.session))
