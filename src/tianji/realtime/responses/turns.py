"""Responses that are asked for by events of a conversation: each is made as over HTTP, and told event by event."""

import asyncio
import os
import re
from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji._core.edges.exchange import Exchange
from tianji._core.requests.turn import Turn
from tianji.clock import SYSTEM
from tianji.edge.routes import Match
from tianji.errors import InvalidRequest, MalformedJSON, TianjiError
from tianji.lazy import load
from tianji.realtime.responses.lines import Lines, Made, Trip
from tianji.realtime.responses.steering import Steering

_DIALECT: Final = "tianji.dialects.responses"
_UNSENT: Final = ("type", "stream_id", "generate", "background", "stream", "response")
_BEGIN: Final = re.compile(rb'"type"\s*:\s*"response\.created"')
_END: Final = re.compile(rb'"type"\s*:\s*"response\.(?:completed|incomplete)"')
_PREVIOUS: Final = ("response_id", "previous_response_id")
MOST_REMEMBERED: Final = 16 * 1024 * 1024  # bytes of JSON that one lane remembers
Json = dict[str, Any]
Say = Callable[[bytes], None]


class Memory(Struct, frozen=True):
    """What a response was made of that nobody has stored.

    previous: the stored response before all that; items: what was said since, its own output included
    made: on which line it was made; None: over HTTP, or here
    """

    id: str
    previous: str | None
    items: list[Json]
    made: Made | None = None


class Lane:
    """Events that are answered one after the other; the last response of each lane may be continued in any."""

    def __init__(self, stream_id: str | None) -> None:
        self.stream_id = stream_id
        self.waiting: deque[tuple[Json, int]] = deque()
        self.task: asyncio.Task[None] | None = None


class Making:
    """Makes the responses of one conversation. `match`: the route that makes one over HTTP; authorize: lets it in."""

    def __init__(
        self,
        exchange: Exchange,
        match: Match,
        authorize: Callable[[Exchange, Match], object],
        steering: Steering,
        lines: Lines,
    ) -> None:
        self._exchange = exchange
        self._lines = lines
        self._steering = steering
        self._match = match
        self._authorize = authorize
        self._turns: set[Turn] = set()
        self._memories: dict[str | None, Memory] = {}  # by lane

    async def answer(self, lane: Lane, event: Json, say: Say) -> Json | None:
        """Have a response made, and say its events; return the event that asks for what follows by itself, or None.

        Raises what is wrong with what is asked for.
        """
        whole = None
        try:
            whole = await self._answer(lane, event, say)
        finally:
            successor = self._steering.ended(lane.stream_id, whole)
        return successor

    async def _answer(self, lane: Lane, event: Json, say: Say) -> Json | None:
        """Have a response made, and say its events; return the whole of it, if it came to that."""
        nested = event.get("response")
        asked = {**event, **nested} if isinstance(nested, dict) else event
        body, memory, trip = self._asked(asked, lane)
        if event.get("generate") is False:
            for text in self._warmed_up(lane, body, memory):
                say(text)
            return None
        telling = Telling(lane.stream_id, say, lambda ident: self._steering.begun(ident, lane.stream_id, asked))
        lead = partial(self._lines.lead, lane.stream_id, trip)
        turn = Turn(self._exchange, msgspec.json.encode(body), telling.hear, lead)
        self._turns.add(turn)
        try:
            identity = self._authorize(turn, self._match)
            turn.identity = await identity if isinstance(identity, Coroutine) else identity
            begun = self._match.handler(turn, self._match)
            if begun is not None:
                await begun
            await telling.told
        finally:
            turn.leave()
            self._turns.discard(turn)
        if telling.response is not None and event.get("store") is False:
            self._remember(lane, memory, telling.response, trip.made)
        return telling.response

    def flow(self, ready: bool) -> None:
        """Hear that the client keeps up, or that it does not."""
        for turn in self._turns:
            if ready:
                turn.go_on()
            else:
                turn.wait()

    def leave(self) -> None:
        """Want nothing more."""
        for turn in tuple(self._turns):
            turn.leave()
        self._lines.close()
        self._memories.clear()

    def _asked(self, asked: Json, lane: Lane) -> tuple[Json, Memory, Trip]:
        """Return the body of a request, what is to be remembered of it, without the answer, and how it may go."""
        if asked.get("background"):
            raise InvalidRequest("background: this is not served over a WebSocket", param="background")
        body = {name: value for name, value in asked.items() if name not in _UNSENT} | {"stream": True}
        given = asked.get("input")
        items = load(_DIALECT).input_items(given) if isinstance(given, str | list) else []
        steered = self._steering.with_what_waits(asked, lane.stream_id, items)
        if steered is not items:
            body["input"] = items = steered
        previous = asked.get("previous_response_id")
        known = next((one for one in self._memories.values() if one.id == previous), None)
        new = len(items)
        if known is not None:
            body["input"] = items = [*known.items, *items]
            body["previous_response_id"] = previous = known.previous
            if previous is None:
                del body["previous_response_id"]
        trip = Trip(None if known is None else known.made, new, len(items))
        return body, Memory("", previous, items), trip

    def _remember(self, lane: Lane, asked: Memory, response: Json, made: Made | None) -> None:
        output = [item for item in response.get("output") or () if not _is_lost(item)]
        memory = Memory(str(response.get("id")), asked.previous, [*asked.items, *output], made)
        if len(msgspec.json.encode(memory.items)) <= MOST_REMEMBERED:
            self._memories[lane.stream_id] = memory
        else:
            self._memories.pop(lane.stream_id, None)

    def _warmed_up(self, lane: Lane, body: Json, asked: Memory) -> list[bytes]:
        """Return the events of a response in which nothing is to be said: it is made here, and may be continued."""
        ident = f"resp_warmup_{os.urandom(16).hex()}"
        response = load(_DIALECT).begun(msgspec.json.encode(body), ident, int(SYSTEM.now()))
        response |= {"background": False, "status": "in_progress", "previous_response_id": asked.previous}
        usage = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
        done = response | {"status": "completed", "usage": usage}
        self._remember(lane, asked, done, None)
        events = (("response.created", response), ("response.completed", done))
        return [
            laned(msgspec.json.encode({"type": kind, "response": one, "sequence_number": number}), lane.stream_id)
            for number, (kind, one) in enumerate(events)
        ]


class Telling:
    """Says an answer's events. `told`: done when it has ended; response: the whole of it, if it came to that.

    begun: is told the id of the response when it begins
    """

    def __init__(self, stream_id: str | None, say: Say, begun: Callable[[str], None]) -> None:
        self._stream_id = stream_id
        self._say = say
        self._begun = begun
        self._rest = b""
        self.told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.response: Json | None = None

    def hear(self, status: int, chunk: bytes, last: bool) -> None:
        """Take a piece of the answer."""
        self._rest += chunk
        if 200 <= status < 300:
            *events, self._rest = self._rest.split(b"\n\n")
            for event in events:
                self._tell(event)
        if last:
            if not 200 <= status < 300:
                self._say(laned(refusal(status, self._rest), self._stream_id))
            if not self.told.done():
                self.told.set_result(None)

    def _tell(self, event: bytes) -> None:
        data = event.partition(b"data: ")[2].partition(b"\n")[0]
        if not data.startswith(b"{"):
            return  # a comment, or [DONE]
        if _BEGIN.search(data):
            made = members(data).get("response")
            if isinstance(made, dict):
                self._begun(str(made.get("id")))
        elif _END.search(data):
            found = members(data).get("response")
            self.response = found if isinstance(found, dict) else None
        elif b'"error"' in data[:200]:
            data = told(data)
        self._say(laned(data, self._stream_id))


def members(message: bytes) -> Json:
    """Return an event as JSON. Raises MalformedJSON."""
    try:
        return msgspec.json.decode(message, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        raise MalformedJSON(f"the event is no JSON object: {error}") from None


def laned(event: bytes, stream_id: str | None) -> bytes:
    """Return an event that says which lane it is of, where that has a name."""
    return event if stream_id is None else b'{"stream_id":%b,%b' % (msgspec.json.encode(stream_id), event[1:])


def told(event: bytes) -> bytes:
    """Return an error of a stream as it is told over a WebSocket; any other event as it is."""
    found = members(event)
    if found.get("type") != "error" or "error" in found:
        return event
    about = {"type": "server_error", "code": found.get("code"), "message": found.get("message"), "param": None}
    return msgspec.json.encode({"type": "error", "sequence_number": found.get("sequence_number"), "error": about})


def refusal(status: int, body: bytes) -> bytes:
    """Return the event that says why there is no response. `status`: of HTTP, 0 where the answer was cut off."""
    try:
        error = members(body).get("error")
    except MalformedJSON:
        error = None
    if not isinstance(error, dict):
        error = {"type": "server_error", "code": None, "message": "the answer broke off", "param": None}
    return failure(status or 500, error)


def failure(status: int, error: Json) -> bytes:
    """Return the event that says an error, as it would be an answer of HTTP."""
    if status == 404 and error.get("param") in _PREVIOUS:  # which clients know by another name here
        status, error = 400, {**error, "type": "invalid_request_error", "code": "previous_response_not_found"}
    return msgspec.json.encode({"type": "error", "status": status, "error": error})


def error_event(error: TianjiError, stream_id: object) -> bytes:
    """Return the event that says an error of the gateway's own."""
    about = {
        "type": error.wire_type,
        "code": error.code or str(error.status),
        "message": error.message,
        "param": error.param,
    }
    return laned(failure(error.status, about), stream_id if isinstance(stream_id, str) else None)


def _is_lost(item: Json) -> bool:
    """Whether an item cannot be said again: thoughts that only their maker could have kept."""
    return item.get("type") == "reasoning" and not item.get("encrypted_content")
