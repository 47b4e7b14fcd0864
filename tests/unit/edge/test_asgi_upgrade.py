"""WebSockets of the Granian edge, with every step of Granian's in the test's hand."""

import asyncio
import time

import picows
import pytest
from tests.unit.edge.fakes import Bench, Future, Immediate, Watcher

from tianji._core.sockets.relay import Relay
from tianji._core.sockets.spread import Spread

TEXT, BINARY, CLOSE = picows.WSMsgType.TEXT, picows.WSMsgType.BINARY, picows.WSMsgType.CLOSE


class Asked(Future):
    """As Granian's: it can be given up."""

    cancelled = False

    def cancel(self) -> bool:
        self.cancelled = True
        return True


class Socket(Watcher):
    """Granian's side of a WebSocket."""

    def __init__(self, **about) -> None:
        super().__init__(kind="websocket", **about)
        self.asked: list[Asked] = []
        self.open = True

    def receive(self):
        self.asked.append(Asked())
        return self.asked[-1]

    def send(self, message):
        self.sent.append(message)
        if not self.open or message["type"].startswith("websocket.http"):
            return Immediate()
        self.sending.append(Asked())
        return self.sending[-1]

    def says(self, **message) -> None:
        self.asked[-1].resolve({"type": "websocket.receive", **message})

    def took(self) -> None:
        self.sending.pop(0).resolve()


class Listener(picows.WSListener):
    """Notes what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple] = []

    def on_ws_connected(self, transport):
        self.transport = transport
        self.heard.append(("open",))

    def on_ws_frame(self, transport, frame):
        self.heard.append((frame.msg_type, frame.get_payload_as_bytes()))

    def on_ws_disconnected(self, transport):
        self.heard.append(("closed",))

    def pause_writing(self):
        self.heard.append(("full",))

    def resume_writing(self):
        self.heard.append(("room",))


@pytest.fixture
async def opened():
    """A socket that was upgraded: Granian's side, and the listener."""
    listener = Listener()

    def upgrade(exchange, match):
        exchange.upgrade(listener, ((b"sec-websocket-protocol", b"realtime"),))

    bench = Bench(upgrade, asyncio.get_running_loop())
    socket = Socket()
    bench.edge.schedule(socket)
    socket.took()  # the upgrade itself
    return socket, listener, bench


def sent(socket: Socket, *kinds: str) -> list:
    return [message for message in socket.sent if message["type"] in kinds]


async def test_a_refusal_is_an_answer_of_http():
    socket = Socket()
    bench = Bench(lambda exchange, match: exchange.respond(429, [(b"a", b"b")], b"later"), asyncio.get_running_loop())
    bench.edge.schedule(socket)
    assert [message["type"] for message in socket.sent] == [
        "websocket.http.response.start",
        "websocket.http.response.body",
    ]
    assert (socket.sent[0]["status"], socket.sent[1]["body"]) == (429, b"later")
    assert socket.broken_off
    assert bench.edge.open == 0


async def test_what_is_said_at_once_waits_for_the_upgrade():
    class Eager(Listener):
        def on_ws_connected(self, transport):
            super().on_ws_connected(transport)
            transport.send(TEXT, b"hello")

    listener = Eager()
    bench = Bench(lambda exchange, match: exchange.upgrade(listener, ()), asyncio.get_running_loop())
    socket = Socket()
    bench.edge.schedule(socket)
    assert [message["type"] for message in socket.sent] == ["websocket.accept"]
    socket.took()
    assert [message["type"] for message in socket.sent] == ["websocket.accept", "websocket.send"]
    listener.transport.disconnect(False)


async def test_messages_go_both_ways(opened):
    socket, listener, bench = opened
    assert sent(socket, "websocket.accept")[0]["subprotocol"] == "realtime"
    socket.says(text="héllo")
    socket.says(bytes=b"\0\1")
    assert listener.heard == [("open",), (TEXT, "héllo".encode()), (BINARY, b"\0\1")]
    listener.transport.send(TEXT, b"one", False)
    listener.transport.send(picows.WSMsgType.CONTINUATION, b" two")
    listener.transport.send(BINARY, b"three")
    assert sent(socket, "websocket.send") == [{"type": "websocket.send", "text": "one two"}], "one at a time"
    socket.took()
    assert sent(socket, "websocket.send")[1:] == [{"type": "websocket.send", "bytes": b"three"}]
    assert bench.edge.open == 1
    listener.transport.disconnect(False)


async def test_a_client_that_does_not_keep_up_is_told_of(opened):
    socket, listener, _ = opened
    socket.sending.clear()
    for _ in range(3):
        listener.transport.send(BINARY, bytes(30_000))
    assert ("full",) in listener.heard
    for _ in range(3):
        socket.took()
    assert listener.heard[-1] == ("room",)


async def test_nothing_is_asked_for_while_it_is_held(opened):
    socket, listener, _ = opened
    before = len(socket.asked)
    listener.transport.pause_reading()
    socket.says(text="the one that was asked for")
    assert (len(socket.asked), listener.heard[-1][0]) == (before, TEXT)
    listener.transport.resume_reading()
    assert len(socket.asked) == before + 1


async def test_a_client_that_only_listens_is_not_taken_for_gone():
    """Granian sends no pings of ours: silence says nothing there, however long it lasts."""
    loop = asyncio.get_running_loop()
    relay = Relay(Spread(loop), hear=lambda event: None, over=lambda relay, last: None)
    socket = Socket()
    Bench(lambda exchange, match: exchange.upgrade(relay.client, ()), loop).edge.schedule(socket)
    socket.took()
    for minutes in range(1, 60):
        relay.look_after(time.monotonic() + 60 * minutes)
    await asyncio.sleep(0)
    assert [message["type"] for message in socket.sent] == ["websocket.accept"]
    assert not socket.asked[-1].cancelled
    assert relay.open
    relay.break_off()
    await asyncio.sleep(0)
    assert socket.asked[-1].cancelled


async def test_our_goodbye_goes_out_once_nothing_is_awaited(opened):
    socket, listener, bench = opened
    socket.sending.clear()
    listener.transport.send_close(picows.WSCloseCode.POLICY_VIOLATION, b"no")
    assert socket.asked[-1].cancelled
    assert sent(socket, "websocket.close") == [{"type": "websocket.close", "code": 1008, "reason": "no"}]
    socket.took()
    assert listener.heard[-1] == ("closed",)
    assert (bench.edge.open, socket.broken_off) == (0, True)


@pytest.mark.parametrize(
    ("message", "heard"),
    [({"code": 4001, "reason": "bye"}, (CLOSE, b"\x0f\xa1bye")), ({"code": 1006}, None), ({}, None)],
)
async def test_a_clients_goodbye_is_a_close_frame_and_a_loss_is_none(opened, message, heard):
    socket, listener, bench = opened
    socket.asked[-1].resolve({"type": "websocket.disconnect", **message})
    assert listener.heard[1:] == ([heard] if heard else []) + [("closed",)]
    assert bench.edge.open == 0


async def test_a_socket_that_is_closed_takes_nothing(opened):
    socket, listener, bench = opened
    socket.open = False
    listener.transport.send(TEXT, b"x")
    await asyncio.sleep(0)
    assert (listener.heard[-1], bench.edge.open) == (("closed",), 0)
