"""Who looks after the conversations of one worker, and how those end that the gateway does not go on with."""

import asyncio
import os
import time
from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec

from tianji._core.relay import Farewell, Relay
from tianji.errors import AuthenticationFailed, BudgetExceeded, PermissionDenied, RateLimited, TianjiError
from tianji.guardrails.failures import GuardrailBlocked
from tianji.realtime.means import Means
from tianji.realtime.standing import Standing

CADENCE: Final = 1.0  # seconds between two looks at all conversations
GOING_AWAY, POLICY_VIOLATION, INTERNAL_ERROR, TRY_AGAIN_LATER = 1001, 1008, 1011, 1013  # RFC 6455 section 7.4.1, IANA
Ending = Callable[[TianjiError], Farewell]
"""How a conversation ends for an error, as its client reads it."""


class Watch:
    """Sees that conversations are within their limits, let in and alive; ends them when the worker is to leave."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._loop = asyncio.get_running_loop()
        self._alive: dict[Relay, tuple[Standing | None, Ending]] = {}
        self._looking = False
        self._revision = means.revision()

    def over(self, relay: Relay) -> None:
        """Look after a conversation no more."""
        known = self._alive.pop(relay, None)
        if known is not None and known[0] is not None:
            known[0].close()

    def begin(self, relay: Relay, standing: Standing | None, ending: Ending) -> None:
        """Look after a conversation. `standing`: its caller's; None: nobody has to be known for it."""
        self._alive[relay] = standing, ending
        self._look_later()

    def _look_later(self) -> None:
        if not self._looking:
            self._looking = True
            self._loop.call_later(CADENCE, self._look)

    def _look(self) -> None:
        now, since_1970 = time.monotonic(), time.time()
        leaving = self._means.draining()
        revision, self._revision = self._revision, self._means.revision()
        for relay, (standing, ending) in list(self._alive.items()):
            if leaving:
                relay.end(Farewell(GOING_AWAY, b"the gateway is shutting down; connect again"))
            relay.look_after(now)
            if standing is None:
                continue
            error = standing.expired(since_1970)
            if error is not None:
                relay.end(ending(error))
            elif revision != self._revision:
                standing.ask_again(partial(_refuse, relay, ending))
        self._looking = False
        if self._alive:
            self._look_later()


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


def _refuse(relay: Relay, ending: Ending, error: TianjiError) -> None:
    relay.end(ending(error))
