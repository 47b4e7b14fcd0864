"""Who looks after the conversations of one worker, and how those end that the gateway does not go on with."""

import asyncio
import gc
import logging
import os
import time
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

import msgspec

from tianji._core.sockets.farewell import Farewell
from tianji._core.sockets.spread import Spread
from tianji.errors import AuthenticationFailed, BudgetExceeded, PermissionDenied, RateLimited, TianjiError
from tianji.guardrails.failures import GuardrailBlocked
from tianji.realtime.means import Means
from tianji.realtime.standing import Standing

YOUNG: Final = (
    64  # conversations that begin until the collector looks at what came with them, which takes a millisecond
)
CADENCE: Final = 1.0  # seconds between two looks at a conversation
AT_ONCE: Final = 64  # conversations that are looked at without a pause, as long as a round has not more parts than
PARTS: Final = 100
NORMAL, GOING_AWAY, POLICY_VIOLATION, INTERNAL_ERROR, TRY_AGAIN_LATER = 1000, 1001, 1008, 1011, 1013
"""RFC 6455 section 7.4.1, IANA."""
LOG: Final = logging.getLogger("tianji.gateway")
Ending = Callable[[TianjiError], Farewell]
"""How a conversation ends for an error, as its client reads it."""


class Watched(Protocol):
    """A conversation: two sockets that lead to each other, or the gateway's own to a call."""

    def look_after(self, now: float) -> None:
        """See that it is within its limits, and that everybody lives."""

    def end(self, last: Farewell) -> None:
        """End it so."""

    def break_off(self) -> None:
        """Be over now."""


class Watch:
    """Sees that conversations are within their limits, let in and alive; ends them when the worker is to leave.

    Ten thousand are looked at in a hundred parts, since messages of all wait while some are looked at.
    """

    def __init__(self, means: Means, loop: asyncio.AbstractEventLoop) -> None:
        self._means = means
        self._loop = loop
        self.spread = Spread(loop)
        self._alive: dict[Watched, tuple[Standing | None, Ending]] = {}
        self._looking = False
        self._begun = 0

    def close(self) -> None:
        """End all that are not over: a socket that was lost may not have been seen to, or the other one be open."""
        for relay in list(self._alive):
            relay.break_off()

    def over(self, relay: Watched) -> None:
        """Look after a conversation no more."""
        known = self._alive.pop(relay, None)
        if known is not None and known[0] is not None:
            known[0].close()

    def begin(self, relay: Watched, standing: Standing | None, ending: Ending) -> None:
        """Look after a conversation of a client's socket."""
        if not self._begun and self._means.surprise():
            LOG.warning(
                "a WebSocket is served by Granian, which was chosen since nothing in the configuration at the start "
                "meant any; where there will be many, start with --edge native: docs/deploy.md compares the two"
            )
        self._begun += 1
        if self._begun % YOUNG == 0:
            gc.collect(0)  # else some thousand are looked at together
        self.follow(relay, standing, ending)

    def follow(self, relay: Watched, standing: Standing | None, ending: Ending) -> None:
        """Look after a conversation. `standing`: its caller's; None: nobody has to be known for it."""
        self._alive[relay] = standing, ending
        if not self._looking:
            self._looking = True
            self._loop.call_later(CADENCE, self._begin_round)

    def _begin_round(self) -> None:
        everyone = list(self._alive)
        if everyone:
            count = min(PARTS, -(-len(everyone) // AT_ONCE))
            self._look([everyone[i::count] for i in range(count)], CADENCE / count)
        else:
            self._looking = False

    def _look(self, parts: list[list[Watched]], pause: float) -> None:
        """Look at one part of a round, and go on after a pause of so many seconds."""
        now, since_1970 = time.monotonic(), time.time()
        for relay in parts.pop():
            known = self._alive.get(relay)
            if known is not None:
                self._look_at(relay, *known, now, since_1970)
        if parts:
            self._loop.call_later(pause, self._look, parts, pause)
        else:
            self._loop.call_later(pause, self._begin_round)

    def _look_at(
        self, relay: Watched, standing: Standing | None, ending: Ending, now: float, since_1970: float
    ) -> None:
        if self._means.draining():
            relay.end(Farewell(GOING_AWAY, b"the gateway is shutting down; connect again"))
        relay.look_after(now)
        if standing is not None:
            standing.look(since_1970, partial(_refuse, relay, ending))


def farewell(error: TianjiError, message: str | None = None) -> Farewell:
    """Return how a conversation ends for an error: an event as OpenAI's, and a close frame.

    message: that is told in place of the error's own
    """
    message = error.message if message is None else message
    return Farewell(code_of(error), message.encode(), told(error, message), error)


def parting(error: TianjiError) -> Farewell:
    """Return how one ends whose form has no event for errors: a close frame says it."""
    return Farewell(code_of(error), error.message.encode(), None, error)


def told(error: TianjiError, message: str, event_id: str | None = None) -> bytes:
    """Return the event that says an error. `event_id`: of what the client has said that was wrong."""
    about = {
        "type": error.wire_type,
        "code": error.code or str(error.status),
        "message": message,
        "param": error.param,
        "event_id": event_id,
    }
    return msgspec.json.encode({"type": "error", "event_id": f"event_{os.urandom(8).hex()}", "error": about})


def code_of(error: TianjiError) -> int:
    """Return the code of the close frame for an error."""
    if isinstance(error, RateLimited):
        return TRY_AGAIN_LATER
    if isinstance(error, BudgetExceeded | AuthenticationFailed | PermissionDenied | GuardrailBlocked):
        return POLICY_VIOLATION
    return INTERNAL_ERROR


def _refuse(relay: Watched, ending: Ending, error: TianjiError) -> None:
    relay.end(ending(error))
