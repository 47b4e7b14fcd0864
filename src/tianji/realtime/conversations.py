"""Conversations of one worker: begun, looked after, and ended."""

import asyncio
import os
import time
from functools import partial
from typing import Final

import msgspec

from tianji._core.exchange import Exchange
from tianji._core.relay import Farewell, Relay
from tianji._core.router import Deployment
from tianji._core.session import Session
from tianji.auth.credentials import Credentials
from tianji.auth.identity import Identity
from tianji.edge.routes import Match
from tianji.errors import (
    AuthenticationFailed,
    BudgetExceeded,
    InvalidRequest,
    PermissionDenied,
    RateLimited,
    TianjiError,
    UpstreamDisconnected,
    UpstreamFailure,
    UpstreamRefused,
)
from tianji.realtime import asking
from tianji.realtime.addresses import address_of
from tianji.realtime.asking import Asking
from tianji.realtime.dialling import Door
from tianji.realtime.means import Means, operation
from tianji.realtime.seeking import seek
from tianji.realtime.standing import Standing

CADENCE: Final = 1.0  # seconds between two looks at all conversations
GOING_AWAY, POLICY_VIOLATION, INTERNAL_ERROR, TRY_AGAIN_LATER = 1001, 1008, 1011, 1013  # RFC 6455 section 7.4.1, IANA
UNREACHABLE: Final = 502


class LostSecretError(Exception):
    """The upstream that made a client's secret is not the one that was found."""


class Conversations:
    """Begins conversations and looks after them."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._operation = operation()
        self._door = Door(means.connector)
        self._loop = asyncio.get_running_loop()
        self._alive: dict[Relay, Standing] = {}
        self._looking = False
        self._revision = means.revision()

    def open(self, exchange: Exchange, match: Match) -> None:
        """Begin a conversation, or refuse it with an answer of HTTP."""
        means = self._means
        settings = means.settings()
        credentials = Credentials(settings.litellm_key_header_name)
        asked = asking.read(exchange, credentials, means.tickets, settings.realtime_allowed_origins)
        exchange.pinned = None if asked.ticket is None else asked.ticket.deployment
        exchange.body = msgspec.json.encode({"model": asked.model})
        Session(means.pipeline, self._operation, exchange, partial(self._converse, asked, match)).start({})

    async def _converse(self, asked: Asking, match: Match, session: Session) -> None:
        exchange = session.exchange
        standing = self._standing(asked, exchange, match)
        session.course = self._means.courses.begin(session)
        try:
            relay = await seek(session, session.course, partial(self._dial, asked, session))
        except LostSecretError:
            raise AuthenticationFailed("the upstream of this secret is gone; ask for a new one") from None
        except UpstreamFailure as error:
            if not isinstance(error, UpstreamRefused):
                error.status = UNREACHABLE
            raise
        exchange.attach(None)
        try:
            exchange.upgrade(relay.client, (*session.headers(), *asked.answered))  # type: ignore[attr-defined]  # it can
            if not relay.joined:
                raise InvalidRequest("the client did not keep to the handshake of RFC 6455")
        except TianjiError:
            relay.drop()
            raise
        session.refuses = lambda error: relay.end(farewell(error))
        self._alive[relay] = standing
        self._look_later()

    def _standing(self, asked: Asking, exchange: Exchange, match: Match) -> Standing:
        identity, means = exchange.identity, self._means
        if not isinstance(identity, Identity):
            raise TypeError("a conversation needs a caller")
        if asked.ticket is None:
            return Standing(identity, asked.model, partial(means.authorize, exchange, match))
        return Standing(identity, asked.model, partial(means.holder, asked.ticket.key))  # it may be over by then

    async def _dial(self, asked: Asking, session: Session, deployment: Deployment) -> Relay:
        ticket = asked.ticket
        if ticket is not None and deployment.id != ticket.deployment:
            raise LostSecretError
        settings = self._means.settings()
        relay = Relay(
            self._loop,
            hear=partial(_hear, session),
            over=partial(self._over, session),
            idle=settings.realtime_idle_timeout_seconds,
            longest=settings.realtime_session_limit_seconds,
        )
        address = address_of(
            deployment.plans["realtime"],
            deployment.provider,
            session.upstream_model(),
            asked.query,
            beta=asked.beta,
            secret=None if ticket is None else ticket.secret,
        )
        try:
            await self._door.open(deployment, address, asked.passed, relay.upstream)
            if not relay.open:
                raise UpstreamDisconnected("the upstream closed the conversation before it began")
        except BaseException:
            relay.drop()
            raise
        return relay

    def _over(self, session: Session, relay: Relay, last: Farewell) -> None:
        standing = self._alive.pop(relay, None)
        if standing is not None:
            standing.close()
        session.finish(last.error)

    def _look_later(self) -> None:
        if not self._looking:
            self._looking = True
            self._loop.call_later(CADENCE, self._look)

    def _look(self) -> None:
        """See that all are within their limits, let in and alive; end them when the worker is to leave."""
        now, since_1970 = time.monotonic(), time.time()
        leaving = self._means.draining()
        revision, self._revision = self._revision, self._means.revision()
        for relay, standing in list(self._alive.items()):
            if leaving:
                relay.end(Farewell(GOING_AWAY, b"the gateway is shutting down; connect again"))
            relay.look_after(now)
            error = standing.expired(since_1970)
            if error is not None:
                relay.end(farewell(error))
            elif revision != self._revision:
                standing.ask_again(partial(_refuse, relay))
        self._looking = False
        if self._alive:
            self._look_later()


def _refuse(relay: Relay, error: TianjiError) -> None:
    relay.end(farewell(error))


def _hear(session: Session, event: bytes) -> Farewell | None:
    error = session.hear(event)
    return None if error is None else farewell(error)


def farewell(error: TianjiError) -> Farewell:
    """Return how a conversation ends that the gateway does not go on with: an event as OpenAI's, and a close frame."""
    code = INTERNAL_ERROR
    if isinstance(error, RateLimited):
        code = TRY_AGAIN_LATER
    elif isinstance(error, BudgetExceeded | AuthenticationFailed | PermissionDenied):
        code = POLICY_VIOLATION
    told = {
        "type": error.wire_type,
        "code": error.code or str(error.status),
        "message": error.message,
        "param": error.param,
        "event_id": None,
    }
    event = msgspec.json.encode({"type": "error", "event_id": f"event_{os.urandom(8).hex()}", "error": told})
    return Farewell(code, error.message.encode(), event, error)
