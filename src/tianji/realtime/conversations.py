"""Conversations of one worker: begun, looked after, and ended."""

from functools import partial
from typing import Any

import msgspec

from tianji._core.edges.exchange import Exchange
from tianji._core.requests.session import Session
from tianji._core.routing.router import Deployment, Plan
from tianji._core.sockets.dialogue import Dialogue
from tianji._core.sockets.farewell import Farewell
from tianji._core.sockets.relay import Relay
from tianji.auth.credentials import Credentials
from tianji.edge.routes import Match
from tianji.errors import (
    AuthenticationFailed,
    InvalidRequest,
    ObjectNotFound,
    TianjiError,
    UpstreamDisconnected,
    UpstreamFailure,
)
from tianji.lazy import load
from tianji.realtime import asking
from tianji.realtime.addresses import GOOGLE, Address, address_of, below, resource_of
from tianji.realtime.asking import Asking
from tianji.realtime.dialling import Door, unreachable
from tianji.realtime.means import Means, operation
from tianji.realtime.seeking import LostSecretError, seek
from tianji.realtime.standing import standing_of
from tianji.realtime.watching import Watch, farewell


class Conversations:
    """Begins conversations and looks after them."""

    def __init__(self, means: Means, watch: Watch) -> None:
        self._means = means
        self._operation = operation("realtime")
        self._door = Door(means.connector)
        self._watch = watch

    def open(self, exchange: Exchange, match: Match) -> None:
        """Begin a conversation, or refuse it with an answer of HTTP."""
        means = self._means
        settings = means.settings()
        credentials = Credentials(settings.litellm_key_header_name)
        asked = asking.read(exchange, credentials, means.tickets, means.calls, settings.realtime_allowed_origins)
        exchange.pinned = asked.deployment
        exchange.body = msgspec.json.encode({"model": asked.model})
        Session(means.pipeline, self._operation, exchange, partial(self._converse, asked, match)).start({})

    async def _converse(self, asked: Asking, match: Match, session: Session) -> None:
        exchange = session.exchange
        standing = standing_of(self._means, exchange, match, asked.model, asked.ticket)
        session.course = self._means.courses.begin(session)
        try:
            relay = await seek(session, session.course, partial(self._dial, asked, session))
        except LostSecretError:
            raise _lost(asked) from None
        except UpstreamFailure as error:
            raise unreachable(error) from None
        exchange.attach(None)
        try:
            exchange.upgrade(relay.client, (*session.headers(), *asked.answered))  # type: ignore[attr-defined]  # it can
            if not relay.joined:
                raise InvalidRequest("the client did not keep to the handshake of RFC 6455")
        except TianjiError:
            relay.drop()
            raise
        session.stay()
        session.refuses = lambda error: relay.end(farewell(error))
        self._watch.begin(relay, standing, farewell)

    async def _dial(self, asked: Asking, session: Session, deployment: Deployment) -> Relay:
        if asked.deployment not in (None, deployment.id):
            raise LostSecretError
        settings, plan, model = self._means.settings(), deployment.plans["realtime"], session.upstream_model()
        means: dict[str, Any] = {
            "hear": _unheard if asked.call is not None else partial(_hear, session),
            "over": partial(self._over, session),
            "idle": settings.realtime_idle_timeout_seconds,
            "longest": settings.realtime_session_limit_seconds,
        }
        inner = interpreter(plan, deployment, model, asked.model) if deployment.provider in GOOGLE else None
        talk = self._means.talk(session)
        if talk is not None:
            relay: Relay = self._judged(talk, inner, means)
        elif inner is not None:
            relay = Dialogue(self._watch.spread, interpret=inner, **means)
        else:
            relay = Relay(self._watch.spread, **means)
        try:
            address = _address(asked, plan, deployment, model)
            await self._door.open(plan, deployment, address, asked.passed, relay.upstream)
            if not relay.open:
                raise UpstreamDisconnected("the upstream closed the conversation before it began")
        except BaseException:
            relay.drop()
            raise
        return relay

    def _judged(self, talk: Any, inner: Any, means: dict[str, Any]) -> Relay:
        """Return a relay that guardrails listen to."""
        judged = load("tianji.realtime.judged.events").JudgedEvents(talk, inner)
        hear, over = means["hear"], means["over"]

        def ended(relay: Relay, last: Farewell) -> None:
            for unheard in judged.close():  # it was given all the same
                hear(unheard)
            over(relay, last)

        relay = Dialogue(self._watch.spread, interpret=judged, **{**means, "over": ended})
        judged.join(relay)
        return relay

    def _over(self, session: Session, relay: Relay, last: Farewell) -> None:
        self._watch.over(relay)
        session.finish(last.error)


def _lost(asked: Asking) -> TianjiError:
    """Return the error for a conversation that one deployment alone could hold, and which is gone."""
    if asked.call is not None:
        return ObjectNotFound("the deployment of this call is gone from the configuration", param="call_id")
    return AuthenticationFailed("the upstream of this secret is gone; ask for a new one")


def _address(asked: Asking, plan: Plan, deployment: Deployment, model: str) -> Address:
    """Return where a socket is asked for: for a conversation of its own, or to hear a call."""
    if asked.call is not None:
        home = address_of(plan, deployment.provider, model, {}, beta=False, secret=None)
        return below(home, "", {"call_id": asked.call.id})
    secret = None if asked.ticket is None else asked.ticket.secret
    return address_of(plan, deployment.provider, model, asked.query, beta=asked.beta, secret=secret)


def interpreter(plan: Plan, deployment: Deployment, model: str, shown: str) -> Any:
    """Return what stands between OpenAI's events and Google's; loaded with the first that needs it."""
    named = resource_of(plan, deployment.provider, model)
    return load("tianji.protocol.gemini.live.interpreter").Interpreter(
        named, shown, names_calls=deployment.provider == "gemini"
    )


def _hear(session: Session, event: bytes) -> Farewell | None:
    error = session.hear(event)
    return None if error is None else farewell(error)


def _unheard(_event: bytes) -> None:
    """Make nothing of what a call has used: whoever began it has heard that."""
