"""Responses over a socket of the upstream's: what is sent there, and when HTTP is asked instead."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest
from picows import WSInvalidStatusError, WSMsgType

from tianji._core.upstreams.origin import Origin
from tianji.errors import UpstreamConnectFailed, UpstreamFailure, UpstreamProtocolError
from tianji.realtime.responses.lines import Lines, Refusing, Trip

ORIGIN = Origin("api.openai.com", 443)
PLAN: Any = SimpleNamespace(origin=ORIGIN, path="/v1/responses")
OPENAI: Any = SimpleNamespace(provider="openai")
HEAD = "POST /v1/responses HTTP/1.1\r\nhost: a\r\nauthorization: Bearer k\r\ncontent-length: 9\r\n"
LOST = {"type": "error", "status": 400, "error": {"code": "previous_response_not_found"}}


class Call:
    """The stream of a call, and what it was told."""

    paused = False

    def __init__(self, body: dict[str, Any], head: str = HEAD) -> None:
        self.request = head.encode() + b"\r\n" + json.dumps(body).encode()
        self.told: list[Any] = []

    def wait(self, _driver: object) -> None:
        self.told.append("wait")

    def begin(self, reused: bool) -> None:
        self.told.append(("begin", reused))

    def head(self, status: int, _headers: object) -> None:
        self.told.append(status)

    def data(self, piece: bytes) -> None:
        self.told.append(piece)

    def end(self) -> None:
        self.told.append("end")

    def fail(self, error: UpstreamFailure) -> None:
        self.told.append(error)

    def fall_back(self, origin: Origin) -> None:
        self.told.append(origin)


class Upstream:
    """In place of a door and of a socket: `answers` are said to events, one after the other."""

    def __init__(self, *answers: dict[str, Any], refuses: Exception | None = None) -> None:
        self.answers = list(answers)
        self.refuses = refuses
        self.asked: list[Any] = []
        self.sent: list[dict[str, Any]] = []
        self.pings = 0
        self.closed = False
        self.underlying_transport = SimpleNamespace(pause_reading=lambda: None, resume_reading=lambda: None)

    async def knock(self, _origin: Origin, _seconds: float, address: Any, listener: Any) -> None:
        self.asked.append(address)
        if self.refuses is not None:
            raise self.refuses
        self.listener = listener
        listener.on_ws_connected(self)

    def send(self, _kind: object, event: bytes) -> None:
        self.sent.append(json.loads(event))
        if self.answers:
            asyncio.get_running_loop().call_soon(self.say, self.answers.pop(0))

    def say(self, event: dict[str, Any]) -> None:
        self.send_frame(json.dumps(event).encode())

    def send_frame(self, text: bytes, *, fin: bool = True) -> None:
        frame = SimpleNamespace(msg_type=WSMsgType.TEXT, fin=fin, get_payload_as_bytes=lambda: text)
        self.listener.on_ws_frame(self, frame)

    def send_ping(self) -> None:
        self.pings += 1

    def disconnect(self, _graceful: bool) -> None:
        self.closed = True
        self.listener.on_ws_disconnected(self)


def completed(ident: str) -> dict[str, Any]:
    return {"type": "response.completed", "response": {"id": ident}}


def asked(*texts: str) -> dict[str, Any]:
    return {"model": "m", "stream": True, "input": [{"role": "user", "content": text} for text in texts]}


async def carried(lines: Lines, body: dict[str, Any], trip: Trip, head: str = HEAD) -> list[Any]:
    """Have a call carried; return what it was told."""
    call: Any = Call(body, head)
    origin = lines.lead(None, trip, PLAN, OPENAI)
    assert origin.answers is not None
    origin.answers(call)
    for _ in range(5):
        await asyncio.sleep(0)
    told: list[Any] = call.told
    return told


def refused(status: int) -> WSInvalidStatusError:
    answer: Any = SimpleNamespace(status=status)
    return WSInvalidStatusError("no socket", b"", b"", answer)


def lines_to(upstream: Any) -> Lines:
    return Lines(upstream, Refusing())


async def test_an_event_goes_out_and_events_come_back_as_over_http() -> None:
    upstream = Upstream(completed("r-1"))
    lines = lines_to(upstream)
    trip = Trip(None, 1, 1)
    told = await carried(lines, asked("a"), trip)
    data = b'data: {"type": "response.completed", "response": {"id": "r-1"}}\n\n'
    assert told == ["wait", ("begin", False), 200, data, "end"]
    assert upstream.sent == [{"type": "response.create", "model": "m", "input": asked("a")["input"]}]
    assert (upstream.asked[0].target, upstream.asked[0].headers) == (
        "/v1/responses",
        ((b"authorization", b"Bearer k"),),
    )
    assert trip.made is not None
    assert trip.made.id == "r-1"
    lines.close()
    assert upstream.closed


@pytest.mark.parametrize(("items", "sent"), [(3, 1), (4, 3)], ids=["as it was", "with something put in"])
async def test_what_the_line_knows_is_not_sent_again(items: int, sent: int) -> None:
    upstream = Upstream(completed("r-1"), completed("r-2"))
    lines = lines_to(upstream)
    first = Trip(None, 1, 1)
    await carried(lines, asked("a"), first)
    told = await carried(lines, asked("a", "said", "b"), Trip(first.made, 1, items))
    assert told[:2] == ["wait", ("begin", True)]
    assert len(upstream.asked) == 1
    assert len(upstream.sent[1]["input"]) == sent
    assert upstream.sent[1].get("previous_response_id") == ("r-1" if sent == 1 else None)
    lines.close()


async def test_what_the_upstream_has_forgotten_is_sent_whole() -> None:
    upstream = Upstream(completed("r-1"), LOST, completed("r-2"))
    lines = lines_to(upstream)
    first = Trip(None, 1, 1)
    await carried(lines, asked("a"), first)
    told = await carried(lines, asked("a", "said", "b"), Trip(first.made, 1, 3))
    assert [len(event["input"]) for event in upstream.sent] == [1, 1, 3]
    assert told[-1] == "end"
    assert 200 in told
    lines.close()


async def test_only_the_last_response_is_known() -> None:
    upstream = Upstream(completed("r-1"), completed("r-2"), completed("r-3"))
    lines = lines_to(upstream)
    first = Trip(None, 1, 1)
    await carried(lines, asked("a"), first)
    await carried(lines, asked("b"), Trip(None, 1, 1))
    await carried(lines, asked("a", "said", "c"), Trip(first.made, 1, 3))
    assert len(upstream.sent[2]["input"]) == 3
    lines.close()


async def test_an_error_before_anything_was_said_is_an_answer() -> None:
    lines = lines_to(Upstream({"type": "error", "status": 429, "error": {"code": "slow_down"}}))
    told = await carried(lines, asked("a"), Trip(None, 1, 1))
    assert told[2] == 429
    assert told[-1] == "end"
    lines.close()


@pytest.mark.parametrize(
    ("refusal", "again"),
    [
        (UpstreamProtocolError("it does not upgrade"), 1),
        (refused(404), 1),
        (refused(429), 2),
        (refused(503), 2),
    ],
    ids=["no upgrade", "404", "429", "503"],
)
async def test_without_a_socket_it_is_http(refusal: Exception, again: int) -> None:
    upstream = Upstream(refuses=refusal)
    lines = lines_to(upstream)
    for _ in range(2):
        assert (await carried(lines, asked("a"), Trip(None, 1, 1)))[-1] is ORIGIN
    assert len(upstream.asked) == again


async def test_an_upstream_that_cannot_be_reached_is_a_failure() -> None:
    error = UpstreamConnectFailed("nobody is there")
    assert (await carried(lines_to(Upstream(refuses=error)), asked("a"), Trip(None, 1, 1)))[-1] is error


async def test_another_key_has_another_line_and_a_trace_has_none() -> None:
    upstream = Upstream(completed("r-1"), completed("r-2"), completed("r-3"))
    lines = lines_to(upstream)
    await carried(lines, asked("a"), Trip(None, 1, 1))
    await carried(lines, asked("a"), Trip(None, 1, 1), f"{HEAD}traceparent: 00-1\r\n")
    assert len(upstream.asked) == 1
    await carried(lines, asked("a"), Trip(None, 1, 1), HEAD.replace("Bearer k", "Bearer other"))
    assert len(upstream.asked) == 2
    lines.close()


async def test_one_response_at_a_time_and_the_other_over_http() -> None:
    upstream = Upstream()
    lines = lines_to(upstream)
    first = await carried(lines, asked("a"), Trip(None, 1, 1))
    assert await carried(lines, asked("b"), Trip(None, 1, 1)) == [ORIGIN]
    lines.close()
    assert isinstance(first[-1], UpstreamFailure)


async def test_a_message_without_end_ends_the_line() -> None:
    upstream = Upstream()
    lines = lines_to(upstream)
    told = await carried(lines, asked("a"), Trip(None, 1, 1))
    for _ in range(20):
        if not upstream.closed:
            upstream.send_frame(b" " * 2**20, fin=False)
    assert upstream.closed
    assert isinstance(told[-1], UpstreamFailure)


async def test_a_line_that_gives_no_sign_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tianji.realtime.responses.lines.PING_AFTER", 0.0)
    upstream = Upstream()
    lines = lines_to(upstream)
    told = await carried(lines, asked("a"), Trip(None, 1, 1))
    assert (upstream.closed, upstream.pings) == (True, 1)
    assert isinstance(told[-1], UpstreamFailure)


def test_who_speaks_otherwise_is_asked_as_always() -> None:
    lines = lines_to(Upstream())
    chat: Any = SimpleNamespace(origin=ORIGIN, path="/v1/chat/completions")
    other: Any = SimpleNamespace(provider="azure")
    assert lines.lead(None, Trip(None, 0, 0), chat, OPENAI) is ORIGIN
    assert lines.lead(None, Trip(None, 0, 0), PLAN, other) is ORIGIN
