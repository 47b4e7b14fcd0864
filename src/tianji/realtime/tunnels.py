"""Conversations that go through as they are: to a provider's own API, or wherever the configuration leads.

They go the way of everything that is passed through: let in, held against limits, with other credentials. The
upstream's socket is open before the client's is, and its frames are nobody's to change.
"""

from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl

from picows import WSInvalidStatusError

from tianji._core.edges.exchange import Exchange
from tianji._core.requests.carriage import Carriage
from tianji._core.sockets.dialogue import Dialogue
from tianji._core.sockets.farewell import Farewell
from tianji._core.sockets.relay import Relay
from tianji._core.sockets.tunnel import Tunnel
from tianji.auth.identity import Identity
from tianji.edge.routes import Match
from tianji.errors import Header, InvalidRequest, ModelRefused, TianjiError, UpstreamDisconnected, UpstreamFailure
from tianji.gateway.attempts.failures import Failures
from tianji.lazy import load
from tianji.realtime.addresses import Address
from tianji.realtime.asking import check_opening, offered
from tianji.realtime.dialling import Door, unreachable
from tianji.realtime.forms import Form, Hearing, form_of
from tianji.realtime.means import Means
from tianji.realtime.standing import Standing
from tianji.realtime.watching import Watch

PROTOCOL: Final = b"sec-websocket-protocol"
_SCHEMES: Final = (b"token", b"bearer")  # sub-protocols that say that the next one is a key
_KEY: Final = b"openai-insecure-api-key."


class Tunnels:
    """Begins them, and looks after them."""

    def __init__(self, means: Means, watch: Watch) -> None:
        self._means = means
        self._door = Door(means.connector)
        self._watch = watch
        self._failures = Failures()

    def open(self, carriage: Carriage, exchange: Exchange, match: Match) -> None:
        """Begin one, or refuse it with an answer of HTTP. Raises what is wrong with the handshake."""
        check_opening(exchange, self._means.settings().realtime_allowed_origins)
        form = form_of(exchange.path)
        query = dict(parse_qsl(exchange.query.decode("latin-1"), keep_blank_values=True))
        wrong = next((name for name in query if form.refused and name.lower().startswith(form.refused)), None)
        if wrong is not None:
            raise InvalidRequest(f"{wrong} would have the answer go elsewhere: leave it out", param=wrong)
        model = next((query[name] for name in form.models if query.get(name)), "")
        opens = partial(self._converse, match, form)
        Tunnel(carriage, exchange, opens, raw=match.raw, model=model).start({})

    async def _converse(self, match: Match, form: Form, tunnel: Tunnel) -> None:
        exchange, lane = tunnel.exchange, tunnel.lane
        confine(tunnel, form)
        if lane.awaits is not None:
            task = lane.awaits()
            if task is not None:
                await task
        standing = self._standing(tunnel, match)
        relay = self._relay(tunnel, form)
        offers, own = offers_of(exchange, keeps_keys=lane.lacks is not None)
        try:
            answer = await self._door.knock(
                lane.origin, tunnel.way.timeouts.connect, address_of(tunnel.call(), offers), relay.upstream
            )
            if not relay.open:
                raise UpstreamDisconnected("the upstream closed the conversation before it began")
            exchange.attach(None)
            chosen = (answer.headers.get("sec-websocket-protocol") or "").encode("latin-1")
            agreed = chosen if chosen in offers else own
            extra: list[Header] = [(PROTOCOL, agreed)] if agreed else []
            exchange.upgrade(relay.client, (*tunnel.headers(), *extra))  # type: ignore[attr-defined]  # it can
            if not relay.joined:
                raise InvalidRequest("the client did not keep to the handshake of RFC 6455")
        except WSInvalidStatusError as refused:
            relay.drop()
            self._refused(tunnel, refused)
            return
        except UpstreamFailure as error:
            relay.drop()
            raise unreachable(error) from None
        except BaseException:
            relay.drop()
            raise
        tunnel.refuses = lambda error: relay.end(form.ending(error))
        self._watch.begin(relay, standing, form.ending)

    def _standing(self, tunnel: Tunnel, match: Match) -> Standing | None:
        """Return how the caller stands; None where nobody has to be known."""
        exchange, means = tunnel.exchange, self._means
        if not isinstance(exchange.identity, Identity):
            return None
        ask = partial(means.authorize, exchange, match)
        return Standing(exchange.identity, tunnel.model, ask, means.revision)

    def _relay(self, tunnel: Tunnel, form: Form) -> Relay:
        settings = self._means.settings()
        hearing = form.hearing(tunnel)
        flat = tunnel.way.flat is not None
        means: dict[str, Any] = {
            "hear": hearing.heard,
            "over": partial(self._over, tunnel, hearing),
            "idle": settings.realtime_idle_timeout_seconds,
            "longest": settings.realtime_session_limit_seconds,
            "signs": () if flat else form.signs,
        }
        restricted = is_restricted(tunnel)
        overhears = partial(_overheard, tunnel, form, hearing)
        talk = self._means.talk(tunnel)
        if talk is not None:
            return self._judged(talk, form, overhears, means)
        if (form.listens and not flat) or (form.later and restricted):
            return Dialogue(self._watch.spread, overhears=overhears, **means)
        return Relay(self._watch.spread, **means)

    def _judged(self, talk: Any, form: Form, overhears: Any, means: dict[str, Any]) -> Relay:
        """Return one that guardrails listen to: of what is no realtime session, all that looks like JSON."""
        inner = load("tianji.realtime.judged.judging").Overhearing(overhears)
        if form.spoken:
            judged = load("tianji.realtime.judged.events").JudgedEvents(talk, inner)
        else:
            judged = load("tianji.realtime.judged.text").JudgedText(talk, inner, begins_json)
        hear, over = means["hear"], means["over"]

        def ended(relay: Relay, last: Farewell) -> None:
            for unheard in judged.close():  # it was given all the same
                if any(sign in unheard for sign in means["signs"]):
                    hear(unheard)
            inner.close()
            over(relay, last)

        relay = Dialogue(self._watch.spread, interpret=judged, **{**means, "over": ended})
        judged.join(relay)
        inner.join(relay)
        return relay

    def _refused(self, tunnel: Tunnel, refused: WSInvalidStatusError) -> None:
        """Hand on what the upstream says in place of an upgrade."""
        answer, body = refused.response, refused.raw_body or b""
        status = 502 if answer is None else int(answer.status)
        error = self._failures.refused(status, body, tunnel.way.deployment)
        if answer is None or not 300 <= status <= 599:
            raise error
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers.items()]
        tunnel.hand_on(status, headers, body, error)

    def _over(self, tunnel: Tunnel, hearing: Hearing, relay: Relay, last: Farewell) -> None:
        self._watch.over(relay)
        hearing.over()
        tunnel.finish(last.error)


def _overheard(tunnel: Tunnel, form: Form, hearing: Hearing, message: bytes) -> Farewell | None:
    """Hear what a client says; how the conversation ends where it names a model that it may not."""
    model = hearing.said(message)
    if model is None:
        return None
    try:
        tunnel.names(model)
    except TianjiError as error:
        return form.ending(error)
    return None


def is_restricted(tunnel: Tunnel) -> bool:
    """Whether the caller may talk with some models only."""
    identity = tunnel.exchange.identity
    return tunnel.way.confine is not None and isinstance(identity, Identity) and bool(identity.rules)


def confine(tunnel: Tunnel, form: Form) -> None:
    """Hold the model that is asked for against the caller's key. Raises ModelRefused where nobody says which it is."""
    if not is_restricted(tunnel):
        return
    if tunnel.model:
        tunnel.exchange.identity.require(tunnel.model)
    elif not form.later:
        raise ModelRefused("this key may use some models only: name one in the query", "key_model_access_denied")


def offers_of(exchange: Exchange, *, keeps_keys: bool) -> tuple[list[bytes], bytes]:
    """Return the sub-protocols that go on, and the one that is agreed on where the upstream chooses none.

    A page has to be told one where it offers any; the name that a key stands behind is as good. Keys stay here,
    unless the client brings his own for the upstream.
    """
    offers = offered(exchange) if exchange.header(PROTOCOL) is not None else []
    if keeps_keys:
        return offers, b""
    passed: list[bytes] = []
    own, hides = b"", False
    for offer in offers:
        if hides or offer.startswith(_KEY):
            hides = False
        elif offer.lower() in _SCHEMES:
            own, hides = offer, True
        else:
            passed.append(offer)
    return passed, own


def address_of(head: bytes, offers: list[bytes]) -> Address:
    """Return where a socket is asked for, by the head of such a request."""
    line, *lines = head.rstrip(b"\r\n").split(b"\r\n")
    fields = [(name, value) for name, _, value in (one.partition(b": ") for one in lines)]
    host = next(value.decode("ascii") for name, value in fields if name == b"host")
    kept = [pair for pair in fields if pair[0] not in (b"host", b"accept-encoding")]
    if offers:
        kept.append((PROTOCOL, b", ".join(offers)))
    return Address(host=host, target=line.split(b" ")[1].decode("ascii"), headers=tuple(kept))


def begins_json(message: bytes) -> bool:
    """Whether a message, text or binary, may be JSON."""
    return message.lstrip()[:1] in (b"{", b"[")
