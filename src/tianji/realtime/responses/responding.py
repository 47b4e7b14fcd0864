"""The Responses API over a WebSocket: https://developers.openai.com/api/docs/guides/websocket-mode.

Each event `response.create` is a request like one over HTTP, and goes that way: authorised, limited, guarded, routed
and entered in the ledger by itself; between gateway and upstream it may be a socket, too (`lines`). Only what was made
with `store: false` is remembered here, for as long as the socket is open, since it may be continued on the same one.
What steers a response (`response.steer`) is kept here until the response is over, whatever its upstream knows of that.
"""

import asyncio
import logging
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from tianji._core.edges.exchange import Exchange
from tianji._core.sockets.dialogue import Dialogue
from tianji._core.sockets.farewell import Farewell
from tianji._core.sockets.relay import Relay
from tianji.auth.identity import Identity
from tianji.edge.routes import Match
from tianji.errors import InvalidRequest, TianjiError
from tianji.realtime.asking import check_opening, offered
from tianji.realtime.dialling import Door
from tianji.realtime.means import Means
from tianji.realtime.responses.lines import Lines, Refusing
from tianji.realtime.responses.steering import KIND as STEER
from tianji.realtime.responses.steering import Steering
from tianji.realtime.responses.turns import Lane, Making, error_event, laned, members
from tianji.realtime.standing import Standing
from tianji.realtime.watching import Watch, code_of

LOG: Final = logging.getLogger("tianji.gateway")
NORMAL: Final = 1000  # RFC 6455 section 7.4.1
TOO_BIG: Final = 1009
MOST_WAITING: Final = 16 * 1024 * 1024  # bytes of events that wait for the ones before
MOST_LANES: Final = 32  # as OpenAI has them, beside the one without a name
MOST_AT_ONCE: Final = 16
Said = list[tuple[bool, bytes]]


class Responding:
    """Begins such conversations, and looks after them."""

    def __init__(self, means: Means, watch: Watch) -> None:
        self._means = means
        self._watch = watch
        self._door = Door(means.connector)
        self._refusing = Refusing()

    def open(self, exchange: Exchange, match: Match) -> None:
        """Open the client's socket. Raises what refuses that."""
        settings, identity = self._means.settings(), exchange.identity
        check_opening(exchange, settings.realtime_allowed_origins)
        if not isinstance(identity, Identity):
            raise TypeError("a conversation needs a caller")
        socket = Socket(self._means, exchange, self._watch, Lines(self._door, self._refusing))
        offers = [offer for offer in offered(exchange) if offer and b"." not in offer]  # those with a dot hold keys
        exchange.upgrade(  # type: ignore[attr-defined]  # an edge that can upgrade has it
            socket.relay.client, ((b"sec-websocket-protocol", offers[0]),) if offers else ()
        )
        standing = Standing(identity, "", partial(self._means.authorize, exchange, match), self._means.revision)
        self._watch.begin(socket.relay, standing, ending)


class Socket:
    """One conversation: the interpreter of a Dialogue that has no upstream."""

    def __init__(self, means: Means, exchange: Exchange, watch: Watch, lines: Lines) -> None:
        self._steering = Steering(lambda event, lane: self._say(laned(msgspec.json.encode(event), lane)))
        self._making = Making(exchange, means.respond(), means.authorize, self._steering, lines)
        self._model = dict(parse_qsl(exchange.query.decode("latin-1"))).get("model")
        self._watch = watch
        self._lanes: dict[str | None, Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(MOST_AT_ONCE)
        self._waiting = 0  # bytes
        loop = asyncio.get_running_loop()
        self.relay = Dialogue(
            watch.spread, hear=_unheard, over=self._over, signs=(), interpret=self, flows=self._making.flow
        )
        seconds = means.settings().responses_websocket_session_limit_seconds
        self._limit = loop.call_later(seconds, self._end) if seconds > 0 else None

    def begin(self) -> Said:
        """Say nothing: the client begins."""
        return []

    def __call__(self, _upstream: bool, message: bytes) -> Said:
        """Take an event of the client; what is said of it at once."""
        stream_id = None
        try:
            event = members(message)
            stream_id = event.get("stream_id")
            self._take(event, len(message))
        except TianjiError as error:
            return [(False, error_event(error, stream_id))]
        return []

    def _take(self, event: dict[str, Any], size: int) -> None:
        stream_id = event.get("stream_id")
        if event.get("type") == STEER:
            self._steering.take(event, size)
            return
        if event.get("type") != "response.create":
            raise InvalidRequest(f"the event {str(event.get('type'))[:64]!r} is not served here", param="type")
        if stream_id is not None and not isinstance(stream_id, str):
            raise InvalidRequest("stream_id: expected text", code="invalid_stream_id", param="stream_id")
        lane = self._lanes.get(stream_id)
        if lane is None:
            if len(self._lanes) > MOST_LANES:
                reason = f"a connection has {MOST_LANES} named streams at the most"
                raise InvalidRequest(reason, code="websocket_stream_limit_reached", param="stream_id")
            lane = self._lanes[stream_id] = Lane(stream_id)
        self._waiting += size
        if self._waiting > MOST_WAITING:
            self.relay.end(Farewell(TOO_BIG, b"more was asked for than can wait"))
            return
        if self._model is not None:
            event.setdefault("model", self._model)
        lane.waiting.append((event, size))
        if lane.task is None:
            lane.task = asyncio.get_running_loop().create_task(self._work(lane))
            self._tasks.add(lane.task)
            lane.task.add_done_callback(self._tasks.discard)

    async def _work(self, lane: Lane) -> None:
        """Answer what waits in a lane, one event after the other."""
        while lane.waiting:
            event, size = lane.waiting.popleft()
            async with self._places:
                self._waiting -= size
                try:
                    successor = await self._making.answer(lane, event, self._say)
                    if successor is not None:  # goes before whatever was asked for since
                        lane.waiting.appendleft((successor, 0))
                except TianjiError as error:
                    self._say(error_event(error, lane.stream_id))
                except Exception:
                    LOG.exception("an event of a conversation failed inside the gateway")
                    self._say(error_event(TianjiError("Internal server error"), lane.stream_id))
        lane.task = None

    def _say(self, message: bytes) -> None:
        self.relay.say([(False, message)])

    def _end(self) -> None:
        reason = "the connection has lasted as long as it may; open a new one"
        event = error_event(InvalidRequest(reason, code="websocket_connection_limit_reached"), None)
        self.relay.end(Farewell(NORMAL, reason.encode(), event))

    def _over(self, relay: Relay, _last: Farewell) -> None:
        if self._limit is not None:
            self._limit.cancel()
        self._watch.over(relay)
        for task in self._tasks:
            task.cancel()
        self._making.leave()
        self._steering.leave()
        self._lanes.clear()


def ending(error: TianjiError) -> Farewell:
    """Return how a conversation ends for an error."""
    return Farewell(code_of(error), error.message.encode(), error_event(error, None), error)


def _unheard(_event: bytes) -> None:
    """Have each response counted where it is made."""
