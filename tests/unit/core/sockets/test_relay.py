"""Two sockets that are one conversation, over real connections with both peers in the test's hand."""

import asyncio
import gc
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import picows
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.websocket import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Frame, close, frame, handshake, masked

from tianji._core.sockets.farewell import Farewell, sendable
from tianji._core.sockets.relay import Leg, Relay
from tianji._core.sockets.spread import Spread
from tianji.edge.websocket import serve, websocket_protocol

USED = b'{"type":"response.done","response":{"usage":null}}'


class Upstream(picows.WSListener):
    """The far side: keeps what it hears, and says what it is told."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()
        self.greeting: list[bytes] = []
        self.gone = asyncio.Event()
        self.answers = True

    def on_ws_connected(self, transport):
        self.transport = transport
        for text in self.greeting:
            transport.send(picows.WSMsgType.TEXT, text)

    def on_ws_frame(self, transport, frame):
        self.heard.put_nowait((int(frame.msg_type), frame.get_payload_as_bytes()))
        if frame.msg_type == picows.WSMsgType.CLOSE and self.answers:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()

    def on_ws_disconnected(self, transport):
        self.gone.set()


class Client:
    """The near side: bytes as they are."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def hear(self) -> Frame:
        first, second = await self._reader.readexactly(2)
        size = second & 0x7F
        if size > 125:
            size = int.from_bytes(await self._reader.readexactly(2 if size == 126 else 8), "big")
        return Frame(first & 15, await self._reader.readexactly(size), bool(first & 0x80))

    async def until_closed(self) -> None:
        with suppress(ConnectionError):
            await self._reader.read()


class Conversation:
    """One relay with both of its peers."""

    def __init__(self) -> None:
        self.upstream = Upstream()
        self.heard: list[bytes] = []
        self.verdict: Farewell | None = None
        self.over: asyncio.Future[Farewell] = asyncio.get_running_loop().create_future()

    def hear(self, event: bytes) -> Farewell | None:
        self.heard.append(event)
        return self.verdict

    async def open(self, *greeting: bytes, **limits: float) -> "Conversation":
        loop = asyncio.get_running_loop()
        self.upstream.greeting = list(greeting)
        self._far = await picows.ws_create_server(lambda _request: self.upstream, "127.0.0.1", 0)
        over = lambda _relay, last: self.over.set_result(last)  # noqa: E731
        self.relay = Relay(Spread(loop), hear=self.hear, over=over, **limits)
        leg = self.relay.upstream
        port = self._far.sockets[0].getsockname()[1]
        make = lambda: websocket_protocol(lambda _request, _response: leg, "far", "/", ())  # noqa: E731
        _, protocol = await loop.create_connection(make, "127.0.0.1", port)
        await protocol.wait_until_handshake_complete()
        head = handshake("/").replace(b"keep-alive, Upgrade", b"Upgrade")

        class Near(asyncio.Protocol):
            def connection_made(this, transport):  # noqa: N805
                serve(transport, head, self.relay.client, ())

        self._near = await loop.create_server(Near, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*self._near.sockets[0].getsockname())
        await reader.readuntil(b"\r\n\r\n")
        self.client = Client(reader, writer)
        return self

    async def close(self) -> None:
        self.client.writer.transport.abort()
        async with asyncio.timeout(5):
            await self.upstream.gone.wait()
            await self.over
        for server in (self._far, self._near):
            server.close()
            await server.wait_closed()

    def send(self, data: bytes) -> None:
        self.client.writer.write(data)

    async def told(self) -> tuple[int, bytes]:
        """Return the close frame that the upstream gets: code and reason."""
        while (came := await self.upstream.heard.get())[0] != CLOSE:
            pass
        return int.from_bytes(came[1][:2], "big"), came[1][2:]

    async def last(self) -> tuple[int, bytes]:
        """Return the close frame that the client gets, and answer it."""
        while (came := await self.client.hear()).opcode != CLOSE:
            pass
        self.send(frame(CLOSE, came.payload))
        return came.code, came.payload[2:]


Open = Callable[..., Any]


@pytest.fixture
async def opens() -> AsyncIterator[Open]:
    opened: list[Conversation] = []

    async def open_one(*greeting: bytes, **limits: float) -> Conversation:
        opened.append(Conversation())
        return await opened[-1].open(*greeting, **limits)

    yield open_one
    for one in opened:
        await one.close()
        assert not one.relay.open, "what is over points in no circle"
        one.relay = None


@pytest.fixture(autouse=True, scope="module")
def _nothing_is_left() -> Iterator[None]:
    yield
    gc.collect()
    assert [thing for thing in gc.get_objects() if type(thing) in (Leg, Relay)] == []


# -- messages ----------------------------------------------------------------------------------------------------------


async def test_frames_go_on_as_they_came(opens: Open) -> None:
    talk = await opens()
    for kind, payload in ((TEXT, b"hello"), (BINARY, bytes(range(256)) * 300), (TEXT, b"")):
        talk.send(frame(kind, payload))
        assert await talk.upstream.heard.get() == (kind, payload)
        talk.upstream.transport.send(picows.WSMsgType(kind), payload)
        assert await talk.client.hear() == (kind, payload, True)


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=70000)), max_size=4))
async def test_any_messages_in_one_write_come_whole(messages: list[tuple[bool, bytes]]) -> None:
    talk = await Conversation().open()
    talk.send(b"".join(frame(TEXT if text else BINARY, payload) for text, payload in messages))
    assert [await talk.upstream.heard.get() for _ in messages] == [
        (TEXT if text else BINARY, payload) for text, payload in messages
    ]
    await talk.close()


async def test_what_an_upstream_says_first_waits_for_the_client(opens: Open) -> None:
    talk = await opens(b"one", b"two", b"three")
    assert [(await talk.client.hear()).payload for _ in range(3)] == [b"one", b"two", b"three"]


async def test_only_events_with_usage_are_looked_at_and_before_the_client_has_them(opens: Open) -> None:
    talk = await opens()
    for text in (b'{"type":"response.text.delta"}', b"no json", USED):
        talk.upstream.transport.send(picows.WSMsgType.TEXT, text)
    talk.upstream.transport.send(picows.WSMsgType.BINARY, b'"usage"')
    assert [(await talk.client.hear()).payload for _ in range(4)][2] == USED
    assert talk.heard == [USED]


async def test_an_event_in_fragments_is_looked_at_whole(opens: Open) -> None:
    talk = await opens()
    kinds = (picows.WSMsgType.TEXT, picows.WSMsgType.CONTINUATION, picows.WSMsgType.CONTINUATION)
    for kind, piece, fin in zip(kinds, (USED[:30], USED[30:45], USED[45:]), (False, False, True), strict=True):
        talk.upstream.transport.send(kind, piece, fin)
    pieces = [await talk.client.hear() for _ in kinds]
    assert [piece.fin for piece in pieces] == [False, False, True]
    assert b"".join(piece.payload for piece in pieces) == USED
    assert talk.heard == [USED]


# -- ends --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sent", "told"), [(1000, 1000), (1001, 1001), (3000, 3000), (4999, 4999)])
async def test_a_clients_goodbye_reaches_the_upstream(opens: Open, sent: int, told: int) -> None:
    talk = await opens()
    talk.send(close(sent, "schön".encode()))
    assert await talk.told() == (told, "schön".encode())
    assert (await talk.client.hear()).code == sent
    await talk.client.until_closed()
    assert (await talk.over).error is None


async def test_a_goodbye_without_a_code_is_1000(opens: Open) -> None:
    talk = await opens()
    talk.send(frame(CLOSE))
    assert (await talk.told())[0] == 1000


async def test_an_upstreams_goodbye_reaches_the_client(opens: Open) -> None:
    talk = await opens()
    talk.upstream.transport.send_close(picows.WSCloseCode.TRY_AGAIN_LATER, b"full")
    assert await talk.last() == (1013, b"full")
    await talk.client.until_closed()


async def test_who_is_lost_is_told_to_the_other(opens: Open) -> None:
    talk, other = await opens(), await opens()
    talk.client.writer.transport.abort()
    assert (await talk.told())[0] == 1001
    other.upstream.transport.underlying_transport.abort()
    assert (await other.last())[0] == 1011
    assert (await other.over).error.status == 502
    assert (await talk.over).error is None


@pytest.mark.parametrize(
    "offence",
    [
        frame(TEXT, b"x", mask=None),
        frame(TEXT, b"x", reserved=1),
        frame(PING, b"x", fin=False),
        frame(CONTINUATION, b"x"),
        frame(TEXT, b"x", fin=False) + frame(BINARY, b"y"),
        b"\x81\xfe\x00\x05" + b"\0\0\0\0hello",
        close(1005),
        close(999),
    ],
)
async def test_an_offence_is_1002_for_who_made_it_and_1001_for_the_other(opens: Open, offence: bytes) -> None:
    talk = await opens()
    talk.send(offence)
    assert (await talk.last())[0] == 1002
    assert (await talk.told())[0] == 1001


async def test_an_offence_of_the_upstream_is_1011_for_the_client(opens: Open) -> None:
    talk = await opens()
    talk.upstream.transport.send(picows.WSMsgType.CONTINUATION, b"of nothing")
    assert (await talk.last())[0] == 1011


async def test_an_event_that_is_looked_at_and_has_no_end_is_1009(opens: Open) -> None:
    talk = await opens()
    piece = b"x" * (1 << 20)
    talk.upstream.transport.send(picows.WSMsgType.TEXT, piece, False)
    for _ in range(16):
        talk.upstream.transport.send(picows.WSMsgType.CONTINUATION, piece, False)
    assert (await talk.last())[0] == 1009
    assert (await talk.told())[0] == 1009


async def test_a_verdict_ends_it_behind_the_event_that_led_to_it(opens: Open) -> None:
    talk = await opens()
    talk.verdict = Farewell(1008, b"no money", b'{"type":"error"}')
    talk.upstream.transport.send(picows.WSMsgType.TEXT, USED)
    assert [(await talk.client.hear()).payload for _ in range(2)] == [USED, b'{"type":"error"}']
    assert await talk.last() == (1008, b"no money")
    assert (await talk.told())[0] == 1000


async def test_a_reason_is_cut_where_a_character_begins(opens: Open) -> None:
    talk = await opens()
    talk.relay.end(Farewell(1008, "ö".encode() * 100))
    assert (await talk.last())[1] == "ö".encode() * 61


async def test_a_peer_that_does_not_answer_a_goodbye_is_cut(opens: Open) -> None:
    talk = await opens()
    talk.upstream.answers = False
    talk.relay.end(Farewell(1000, b""))
    await talk.last()
    talk.relay.cut()  # the timer's doing
    await talk.upstream.gone.wait()


async def test_many_that_are_lost_at_once_are_over_in_their_order() -> None:
    over = list[Relay]()
    spread = Spread(asyncio.get_running_loop())
    relays = [Relay(spread, hear=print, over=lambda relay, _last: over.append(relay)) for _ in range(100)]
    for relay in relays:
        relay.upstream.on_ws_disconnected(None)
    assert not over
    while len(over) < 100:
        before = len(over)
        await asyncio.sleep(0)
        assert 0 < len(over) - before < 50, "and not all of them in one turn of the loop"
    assert over == relays


async def test_what_is_broken_off_is_over_at_once(opens: Open) -> None:
    one = await opens()
    one.relay.break_off()
    assert one.over.result().code == 1001
    one.relay.break_off()  # which changes nothing
    await one.client.until_closed()


async def test_no_descriptor_and_no_task_is_left_of_those_that_were_cut(opens: Open) -> None:
    dice = random.Random(7)

    def left() -> tuple[int, int]:
        return len(list(Path("/proc/self/fd").iterdir())), len(asyncio.all_tasks())

    async def cut() -> None:
        talk = await Conversation().open()
        near, far = talk.client.writer.transport, talk.upstream.transport
        way = dice.randrange(6)
        if way == 0:
            near.abort()
        elif way == 1:
            far.underlying_transport.abort()
        elif way == 2:
            talk.send(close(1000))
        elif way == 3:
            far.send_close(picows.WSCloseCode.OK)
        elif way == 4:
            talk.send(frame(TEXT, b"x", mask=None))
        else:
            talk.relay.end(Farewell(1001, b"leaving"))
        await talk.close()

    await cut()
    await cut()
    before = left()
    for _ in range(60):
        await cut()
    assert left() == before


# -- time --------------------------------------------------------------------------------------------------------------


async def test_silent_peers_are_asked_and_those_that_answer_stay(opens: Open) -> None:
    talk = await opens()
    talk.relay.look_after(time.monotonic() + 21)
    assert (await talk.client.hear()).opcode == PING
    talk.send(frame(PONG))
    talk.send(frame(TEXT, b"alive"))  # picows answers for the upstream
    assert (await talk.upstream.heard.get())[1] == b"alive"
    talk.upstream.transport.send(picows.WSMsgType.TEXT, b"alive")
    assert (await talk.client.hear()).payload == b"alive"
    talk.relay.look_after(time.monotonic() + 21)
    assert (await talk.client.hear()).opcode == PING, "it is asked again, and was not cut"


async def test_a_peer_that_gives_no_sign_is_cut(opens: Open) -> None:
    talk = await opens()
    talk.relay.look_after(time.monotonic() + 21)
    talk.relay.look_after(time.monotonic() + 42)
    await talk.client.until_closed()
    await talk.upstream.gone.wait()


@pytest.mark.parametrize(("limits", "seconds"), [({"idle": 5.0}, 6.0), ({"longest": 15.0}, 16.0)])
async def test_limits_end_it_in_good_order(opens: Open, limits: dict[str, float], seconds: float) -> None:
    talk = await opens(**limits)
    talk.relay.look_after(time.monotonic() + seconds - 2)
    assert not talk.over.done()
    talk.relay.look_after(time.monotonic() + seconds)
    assert (await talk.last())[0] == 1000
    assert (await talk.told())[0] == 1000


async def test_who_takes_nothing_for_a_minute_is_cut(opens: Open) -> None:
    talk = await opens()
    leg = talk.relay.client
    leg.pause_writing()
    talk.relay.look_after(time.monotonic() + 59)
    assert not talk.over.done()
    talk.relay.look_after(time.monotonic() + 61)
    assert (await talk.told())[0] == 1001


async def test_a_full_client_keeps_the_upstream_from_being_read(opens: Open) -> None:
    talk = await opens()
    talk.relay.client.pause_writing()
    talk.upstream.transport.send(picows.WSMsgType.TEXT, b"later")
    talk.send(frame(TEXT, b"round"))
    assert (await talk.upstream.heard.get())[1] == b"round"  # the other way goes on
    hearing = asyncio.ensure_future(talk.client.hear())
    await asyncio.sleep(0)
    assert not hearing.done()
    talk.relay.client.resume_writing()
    assert (await hearing).payload == b"later"


# -- codes -------------------------------------------------------------------------------------------------------------


@given(st.integers(0, 65535))
def test_no_code_is_sent_that_may_not_be(code: int) -> None:
    told = sendable(code)
    assert told in range(1000, 5000)
    assert told not in (1004, 1005, 1006, 1015)
    assert sendable(told) == told


def test_a_mask_is_its_own_inverse() -> None:
    assert masked(masked(b"hello", b"1234"), b"1234") == b"hello"
