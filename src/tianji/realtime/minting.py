"""Secrets with which pages begin conversations: made by an upstream, and given away as a secret of the gateway's own.

The upstream's secret holds what the session is to be like, so the conversation has to be with that upstream. The
gateway's holds the upstream's, the caller's key, the model and the end of both: see auth.ephemeral.
"""

import time
from functools import partial
from typing import Any, Final

import msgspec

from tianji._core.edges.exchange import Exchange
from tianji._core.requests.session import Session
from tianji._core.routing.router import Deployment
from tianji.auth.ephemeral import Ticket
from tianji.edge.routes import Match
from tianji.errors import InvalidRequest, MalformedJSON, UpstreamProtocolError
from tianji.gateway.attempts.failures import Failures
from tianji.realtime.addresses import GOOGLE, address_of, below
from tianji.realtime.asking import TRANSCRIPTION
from tianji.realtime.dialling import post
from tianji.realtime.means import Means, operation
from tianji.realtime.seeking import seek

USUAL_LIFE: Final = 60  # seconds that a secret is thought to live whose upstream does not say
Body = dict[str, Any]


class Mint:
    """Makes secrets for the callers of one worker."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._operation = operation("realtime")

    def open(self, exchange: Exchange, _match: Match) -> None:
        """Answer a request for a secret."""
        body = read(exchange.body)
        end = exchange.path.rstrip("/").rpartition("/")[2]
        exchange.body = msgspec.json.encode({"model": model_of(body, end)})
        Session(self._means.pipeline, self._operation, exchange, partial(self._answer, body, end)).start({})

    async def _answer(self, body: Body, end: str, session: Session) -> None:
        talk = self._means.talk(session)
        if talk is not None:
            body = await judged(talk, body, end)
        session.course = self._means.courses.begin(session)
        session.answer(await seek(session, session.course, partial(self._ask, body, end, session)))

    async def _ask(self, body: Body, end: str, session: Session, deployment: Deployment) -> bytes:
        if deployment.provider in GOOGLE:
            raise InvalidRequest("the upstream of this model makes no secrets: connect with a key")
        plan = deployment.plans["realtime"]
        model = session.upstream_model()
        address = below(address_of(plan, deployment.provider, model, {}, beta=False, secret=None), f"/{end}")
        text = msgspec.json.encode(with_model(body, end, model))
        found = await post(self._means.pool, plan, address, [(b"content-type", b"application/json")], text)
        if found.status >= 300:
            raise Failures().refused(found.status, found.body, deployment)
        return self._reissued(found.body, end, session, deployment)

    def _reissued(self, answer: bytes, end: str, session: Session, deployment: Deployment) -> bytes:
        """Return the upstream's answer with a secret of the gateway's own in place of the upstream's."""
        try:
            found = msgspec.json.decode(answer, type=Body)
            holder = found if end == "client_secrets" else found["client_secret"]
            secret, expires = holder["value"], int(holder.get("expires_at") or time.time() + USUAL_LIFE)
        except (msgspec.DecodeError, KeyError, TypeError, ValueError):
            raise UpstreamProtocolError("the upstream's answer holds no secret") from None
        ticket = Ticket(session.exchange.identity.key, session.model, deployment.id, secret, expires)
        holder["value"] = self._means.tickets.seal(ticket)
        place = place_of(found, end)
        return msgspec.json.encode(found if read_at(found, place) is None else _put(found, place, session.model))


def read(body: bytes) -> Body:
    """Read a request. Raises MalformedJSON."""
    try:
        return msgspec.json.decode(body or b"{}", type=Body)
    except (msgspec.DecodeError, RecursionError):
        raise MalformedJSON("send a JSON object") from None


def place_of(body: Body, end: str) -> tuple[str, ...]:
    """Return where a request, or the answer to it, names the model that is talked to, or writes down what is said."""
    if end == "transcription_sessions":
        return "input_audio_transcription", "model"
    if end == "sessions":
        return ("model",)
    transcribes = read_at(body, ("session", "type")) == "transcription"
    return ("session", "audio", "input", "transcription", "model") if transcribes else ("session", "model")


def model_of(body: Body, end: str) -> str:
    """Return the model that a secret is to be for. Raises InvalidRequest where none is named."""
    place = place_of(body, end)
    for each in (place, ("model",)):
        named = read_at(body, each)
        if isinstance(named, str) and named:
            return named
    if "transcription" in place or "input_audio_transcription" in place:
        return TRANSCRIPTION
    name = ".".join(place)
    raise InvalidRequest(f"name a model in `{name}`", param=name)


async def judged(talk: Any, body: Body, end: str) -> Body:
    """Return a request as guardrails leave it, who read it as the event that a client would say in a conversation.

    talk: see realtime.judging.Talk. Raises what it is refused with.
    """
    event = body if end == "client_secrets" else {"session": body}
    told: Body = msgspec.json.decode(await talk.said(msgspec.json.encode(event)))
    return told if end == "client_secrets" else told["session"]


def with_model(body: Body, end: str, model: str) -> Body:
    """Return the body with the upstream's name for the model where the upstream reads it, and nowhere else."""
    place = place_of(body, end)
    sent = _put({name: value for name, value in body.items() if name != "model"}, place, model)
    return {**sent, "session": {"type": "realtime", **sent["session"]}} if end == "client_secrets" else sent


def read_at(body: Any, place: tuple[str, ...]) -> Any:
    """Return what stands at a place, None where nothing does."""
    for name in place:
        body = body.get(name) if isinstance(body, dict) else None
    return body


def _put(body: Any, place: tuple[str, ...], value: str) -> Body:
    """Return a copy in which a place has a value; what is no object on the way there gives way to one."""
    name, *others = place
    own = body if isinstance(body, dict) else {}
    return {**own, name: _put(own.get(name), tuple(others), value) if others else value}
