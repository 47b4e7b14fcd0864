"""Conversations in the form of Google's Live API, as Google's own clients hold them.

Frames go through unparsed, unless guardrails watch.

The client's first message names the model, so his socket is open before anybody knows who is to answer. What is wrong
after that is said in a close frame, which is all that such clients read. https://ai.google.dev/api/live
"""

from functools import partial
from typing import Any, Final

import msgspec

from tianji._core.edges.exchange import Exchange
from tianji._core.requests.session import Session
from tianji._core.routing.router import Deployment
from tianji._core.sockets.dialogue import Dialogue
from tianji._core.sockets.farewell import Farewell
from tianji._core.sockets.relay import Relay
from tianji.auth.identity import Identity
from tianji.edge.routes import Match
from tianji.errors import InvalidRequest, TianjiError
from tianji.lazy import load
from tianji.protocol.gemini.live.usage import realtime_usage
from tianji.realtime.addresses import address_of, resource_of
from tianji.realtime.asking import check_opening
from tianji.realtime.dialling import Door
from tianji.realtime.means import Means, operation
from tianji.realtime.seeking import seek
from tianji.realtime.standing import Standing
from tianji.realtime.watching import Watch, parting

SIGNS: Final = (b'"usageMetadata"', b'"turnComplete"')
"""What messages of Google's hold that say what was used."""
Json = dict[str, Any]
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Live:
    """Begins such conversations, and looks after them."""

    def __init__(self, means: Means, watch: Watch) -> None:
        self._means = means
        self._operation = operation("live")
        self._door = Door(means.connector)
        self._watch = watch

    def open(self, exchange: Exchange, match: Match) -> None:
        """Open the client's socket, or refuse that with an answer of HTTP."""
        settings, identity = self._means.settings(), exchange.identity
        check_opening(exchange, settings.realtime_allowed_origins)
        if not isinstance(identity, Identity):
            raise TypeError("a conversation needs a caller")
        books = Books()
        standing = Standing(identity, "", partial(self._means.authorize, exchange, match), self._means.revision)
        relay = Dialogue(
            self._watch.spread,
            signs=SIGNS,
            first=lambda message: self._begin(exchange, standing, relay, books, message),
            hear=books.hear,
            over=partial(self._over, books),
            idle=settings.realtime_idle_timeout_seconds,
            longest=settings.realtime_session_limit_seconds,
        )
        exchange.upgrade(relay.client, ())  # type: ignore[attr-defined]  # an edge that can upgrade has it
        self._watch.begin(relay, standing, parting)

    def _begin(self, exchange: Exchange, standing: Standing, relay: Dialogue, books: "Books", message: bytes) -> None:
        """Go on with a conversation whose model is known."""
        try:
            setup = setup_in(message)
        except TianjiError as error:
            relay.end(parting(error))
            return
        model = setup["model"].rpartition("/")[2]
        exchange.body = msgspec.json.encode({"model": model})
        session = Session(self._means.pipeline, self._operation, exchange, partial(self._converse, relay, books, setup))
        session.refuses = lambda error: relay.end(parting(error))
        books.session = session
        standing.model = model
        session.start({})

    async def _converse(self, relay: Dialogue, books: "Books", setup: Json, session: Session) -> None:
        session.course = self._means.courses.begin(session)
        talk = self._means.talk(session)
        if talk is not None:
            books.judged = load("tianji.realtime.judged.live").JudgedLive(talk, books.count)
            books.judged.join(relay)
            relay.interpret_by(books.judged)
            setup = await books.judged.setup(setup)
        await seek(session, session.course, partial(self._dial, relay, setup, session))
        session.stay()

    async def _dial(self, relay: Dialogue, setup: Json, session: Session, deployment: Deployment) -> Relay:
        plan, model = deployment.plans["live"], session.upstream_model()
        named = resource_of(plan, deployment.provider, model)
        relay.open_with(msgspec.json.encode({"setup": {**setup, "model": named}}))
        address = address_of(plan, deployment.provider, model, {}, beta=False, secret=None)
        await self._door.open(plan, deployment, address, [], relay.upstream)
        return relay

    def _over(self, books: "Books", relay: Relay, last: Farewell) -> None:
        self._watch.over(relay)
        books.close()
        if books.judged is not None:
            books.judged.close()
            books.judged = None
        if books.session is not None:
            books.session.finish(last.error)
            books.session = None


class Books:
    """What one conversation uses: what the model says it used of a turn counts once, when the turn is over."""

    def __init__(self) -> None:
        self.session: Session | None = None
        self.judged: Any = None  # where guardrails watch it, see `judged.live`
        self._usage: Json | None = None

    def hear(self, message: bytes) -> Farewell | None:
        """Take such a message as the client hears it; one that is judged has counted when it came."""
        return None if self.judged is not None else self.count(message)

    def count(self, message: bytes) -> Farewell | None:
        """Take a message that says what was used, or that a turn is over."""
        try:
            event = _decode(message)
        except (msgspec.DecodeError, RecursionError):
            return None
        self._usage = realtime_usage(event.get("usageMetadata")) or self._usage
        content = event.get("serverContent")
        return self._bill() if isinstance(content, dict) and content.get("turnComplete") else None

    def close(self) -> None:
        """Count what is left of a turn that did not end."""
        self._bill()

    def _bill(self) -> Farewell | None:
        usage, self._usage = self._usage, None
        if usage is None or self.session is None:
            return None
        error = self.session.hear(msgspec.json.encode({"type": "response.done", "response": {"usage": usage}}))
        return None if error is None else parting(error)


def setup_in(message: bytes) -> Json:
    """Return what a conversation is to be like, by the client's first message. Raises InvalidRequest."""
    try:
        setup = _decode(message).get("setup")
    except (msgspec.DecodeError, RecursionError):
        setup = None
    if not isinstance(setup, dict) or not isinstance(setup.get("model"), str) or not setup["model"]:
        raise InvalidRequest('the first message has to be {"setup": {"model": ...}}', param="setup.model")
    return setup
