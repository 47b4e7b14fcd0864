"""Calls over WebRTC: the offer goes to a deployment, its answer comes back, and what is said goes past the gateway.

https://developers.openai.com/api/docs/guides/realtime-webrtc, and for Azure
https://learn.microsoft.com/azure/foundry/openai/how-to/realtime-audio-webrtc. Nobody hears of an answer before the
gateway hears the call (`realtime.sideband`), which is paid for, limited and ended as every conversation.
"""

import asyncio
import re
from functools import partial
from typing import Final

import msgspec
from msgspec import Struct

from tianji._core.edges.exchange import Exchange
from tianji._core.requests.session import Session
from tianji._core.routing.router import Deployment, Plan
from tianji._core.sockets.farewell import Farewell
from tianji.auth.credentials import Credentials
from tianji.edge.routes import Match
from tianji.egress.pool import Header
from tianji.errors import (
    AuthenticationFailed,
    InvalidRequest,
    ObjectNotFound,
    TianjiError,
    UpstreamDisconnected,
    UpstreamFailure,
    UpstreamProtocolError,
)
from tianji.gateway.attempts.failures import Failures
from tianji.realtime.addresses import CALLS, Address, address_of, below
from tianji.realtime.dialling import Door, post, unreachable
from tianji.realtime.means import Means, operation
from tianji.realtime.seeking import LostSecretError, seek
from tianji.realtime.standing import standing_of
from tianji.realtime.watching import GOING_AWAY, Watch, farewell
from tianji.realtime.webrtc import offers
from tianji.realtime.webrtc.offers import SDP, Offer
from tianji.realtime.webrtc.sideband import Sideband

PATIENCE: Final = 5.0  # seconds in which calls have to end when the worker does
GONE: Final = 404  # what an upstream says of a call that is over
_ID: Final = re.compile(r"[A-Za-z0-9_.~-]{1,256}")


class Made(Struct, frozen=True):
    """A call that is heard. deployment: which has it; id: what it is called there; answer: the SDP of its other end."""

    deployment: str
    id: str
    answer: bytes
    side: Sideband


class Calls:
    """Begins calls, and ends them."""

    def __init__(self, means: Means, watch: Watch) -> None:
        self._means = means
        self._operation = operation("realtime")
        self._door = Door(means.connector)
        self._failures = Failures()
        self._watch = watch
        self._alive: set[Sideband] = set()

    def open(self, exchange: Exchange, match: Match) -> None:
        """Begin a call, or refuse it."""
        means = self._means
        settings = means.settings()
        credentials = Credentials(settings.litellm_key_header_name)
        offer = offers.read(exchange, credentials, means.tickets, settings.realtime_allowed_origins)
        exchange.pinned = None if offer.ticket is None else offer.ticket.deployment
        exchange.body = msgspec.json.encode({"model": offer.model})
        Session(means.pipeline, self._operation, exchange, partial(self._call, offer, match)).start({})

    async def hang_up(self, exchange: Exchange, match: Match) -> None:
        """End a call of the caller's; whoever hears it hears that it is over."""
        call = self._means.calls.open(match.params["call_id"], exchange.identity)
        deployment = self._means.deployment(call.deployment)
        if deployment is None:
            raise ObjectNotFound("the deployment of this call is gone from the configuration", param="call_id")
        plan = deployment.plans["realtime"]
        found = await self._end(plan, below(_home(plan, deployment), f"/calls/{call.id}/hangup"))
        if not 200 <= found < 300:
            raise self._failures.refused(found, b"", deployment)
        exchange.respond(200, [], b"")

    async def close(self) -> None:
        """End all calls. Called when nobody is served any more, and upstreams still can be reached."""
        for side in list(self._alive):
            side.end(Farewell(GOING_AWAY, b"the gateway is shutting down"))
        ends = [side.parting for side in self._alive if side.parting is not None]
        if ends:
            await asyncio.wait(ends, timeout=PATIENCE)

    async def _call(self, offer: Offer, match: Match, session: Session) -> None:
        exchange, identity = session.exchange, session.exchange.identity
        if self._means.talk(session) is not None:
            raise InvalidRequest(
                "guardrails judge what is said with this model, and what is said in a call does not pass the gateway: "
                "connect with a WebSocket"
            )
        standing = standing_of(self._means, exchange, match, offer.model, offer.ticket)
        session.course, first = self._means.courses.begin(session), session.group
        try:
            made = await seek(session, session.course, partial(self._begin, offer, session))
        except LostSecretError:
            raise AuthenticationFailed("the upstream of this secret is gone; ask for a new one") from None
        except UpstreamFailure as error:
            raise unreachable(error) from None
        model = session.model if session.group is first else session.group.name  # by which its deployment is found
        name = self._means.calls.seal(identity, model, made.deployment, made.id)
        place: list[Header] = [(b"content-type", SDP), (b"location", f"/v1/realtime/calls/{name}".encode())]
        exchange.attach(None)
        exchange.respond(201, [*place, *session.headers()], made.answer)
        session.stay()
        session.refuses = lambda error: made.side.end(farewell(error))
        self._watch.follow(made.side, standing, farewell)
        if exchange.gone:
            made.side.end(Farewell(GOING_AWAY, b"the client has gone"))

    async def _begin(self, offer: Offer, session: Session, deployment: Deployment) -> Made:
        """Have a deployment answer, and hear the call."""
        if offer.ticket is not None and deployment.id != offer.ticket.deployment:
            raise LostSecretError
        if deployment.provider not in CALLS:
            raise InvalidRequest(
                f"{deployment.provider} has no calls over WebRTC that the gateway could hear: connect with a WebSocket"
            )
        plan, model = deployment.plans["realtime"], session.upstream_model()
        secret = None if offer.ticket is None else offer.ticket.secret
        home = address_of(plan, deployment.provider, model, {}, beta=False, secret=secret)
        kind, body = offer.written(model)
        headers = [(b"content-type", kind), *offer.passed]
        found = await post(self._means.pool, plan, below(home, "/calls", offer.query), headers, body)
        if not 200 <= found.status < 300:
            raise self._failures.refused(found.status, found.body, deployment)
        ident = id_in(found.headers)
        return Made(deployment.id, ident, found.body, await self._hear(ident, session, deployment))

    async def _hear(self, ident: str, session: Session, deployment: Deployment) -> Sideband:
        """Return who hears a call; it is ended where nobody can. With the deployment's key: secrets hear nothing."""
        settings, plan = self._means.settings(), deployment.plans["realtime"]
        home = _home(plan, deployment)
        side = Sideband(
            hear=partial(_hear, session),
            hang_up=partial(self._hang_up, plan, below(home, f"/calls/{ident}/hangup")),
            over=partial(self._over, session),
            alive=self._alive,
            idle=settings.realtime_idle_timeout_seconds,
            longest=settings.realtime_session_limit_seconds,
        )
        try:
            await self._door.open(plan, deployment, below(home, "", {"call_id": ident}), [], side)
            if not side.open:
                raise UpstreamDisconnected("the upstream closed the conversation before it began")
        except UpstreamFailure as error:
            side.drop()
            raise UpstreamProtocolError(f"the call cannot be heard, so it was ended: {error.message}") from None
        except BaseException:
            side.drop()
            raise
        return side

    async def _hang_up(self, plan: Plan, address: Address) -> None:
        """End a call; that it is over already is as good. Raises an UpstreamFailure."""
        status = await self._end(plan, address)
        if status != GONE and not 200 <= status < 300:
            raise UpstreamProtocolError(f"the upstream answered with status {status}")

    async def _end(self, plan: Plan, address: Address) -> int:
        return (await post(self._means.pool, plan, address, [], b"")).status

    def _over(self, session: Session, side: Sideband, last: Farewell) -> None:
        self._watch.over(side)
        session.finish(last.error)


def id_in(headers: list[Header]) -> str:
    """Return the id of a call by the headers of an answer. Raises UpstreamProtocolError."""
    location = next((value.decode("latin-1") for name, value in headers if name == b"location"), "")
    ident = location.partition("?")[0].rstrip("/").rpartition("/")[2]
    if not _ID.fullmatch(ident):
        raise UpstreamProtocolError("the upstream's answer does not say which call it is of")
    return ident


def _home(plan: Plan, deployment: Deployment) -> Address:
    return address_of(plan, deployment.provider, deployment.model, {}, beta=False, secret=None)


def _hear(session: Session, event: bytes) -> Farewell | None:
    error: TianjiError | None = session.hear(event)
    return None if error is None else farewell(error)
