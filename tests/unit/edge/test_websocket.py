"""Connections of the native edge that become WebSockets, over real sockets."""

import asyncio

import picows
import pytest

from tianji.auth.access import Access, Tenant
from tianji.edge.application import EdgeSettings
from tianji.edge.control import Control
from tianji.edge.http1 import build_edge
from tianji.edge.routes import Route, RouteTable
from tianji.errors import AuthenticationFailed

HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nhost: t\r\nauthorization: right\r\nconnection: keep-alive, Upgrade\r\nupgrade: WebSocket\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Echo(picows.WSListener):
    """Says everything back."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()

    def on_ws_frame(self, transport, frame):
        if frame.msg_type == picows.WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
        else:
            transport.send(frame.msg_type, frame.get_payload_as_bytes())

    def on_ws_disconnected(self, transport):
        self.gone.set()


class Collector(picows.WSListener):
    """Keeps what comes."""

    def __init__(self) -> None:
        self.came: asyncio.Queue[bytes] = asyncio.Queue()

    def on_ws_frame(self, transport, frame):
        self.came.put_nowait(frame.get_payload_as_bytes())


class Application:
    """One WebSocket at /ws, behind a key."""

    closed = None
    edge_settings = EdgeSettings()

    def __init__(self) -> None:
        self.listener = Echo()
        row = Route(("GET",), "/ws", self.serve, Access.KEY, Tenant.CALLER, "")
        self.route_table = RouteTable([row])

    def authorize(self, exchange, match):
        if exchange.header(b"authorization") != b"right":
            raise AuthenticationFailed("send a key")
        return "somebody"

    def serve(self, exchange, match):
        exchange.upgrade(self.listener, ((b"x-who", exchange.identity.encode()),))


class Running:
    def __init__(self, edge, server, listener) -> None:
        self.edge = edge
        self.port = server.sockets[0].getsockname()[1]
        self.listener = listener
        self.url = f"ws://127.0.0.1:{self.port}/ws"

    async def until_closed(self) -> None:
        while self.edge.open:  # noqa: ASYNC110 - the edge's count has no event
            await asyncio.sleep(0)

    async def raw(self, data: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        try:
            return await reader.read()
        finally:
            writer.close()


@pytest.fixture
async def running():
    loop = asyncio.get_running_loop()
    application = Application()
    edge = build_edge(application, loop, Control(1).for_worker(0))
    server = await loop.create_server(edge.protocol, "127.0.0.1", 0)
    yield Running(edge, server, application.listener)
    server.close()


async def test_a_connection_that_served_requests_before_becomes_one(running):
    """By then the edge reads its socket itself, and has to give that up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    for _ in range(3):
        writer.write(b"GET /other HTTP/1.1\r\nhost: t\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 404")
        await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]))
    writer.write(HANDSHAKE)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
    writer.write(b"\x81\x82\0\0\0\0hi")
    assert await reader.readexactly(4) == b"\x81\x02hi"
    writer.close()
    await running.listener.gone.wait()
    await running.until_closed()


async def test_frames_go_both_ways_and_the_exchange_is_open_as_long(running):
    connected = await picows.ws_connect(Collector, running.url, extra_headers={"authorization": "right"})
    transport, listener = connected
    assert transport.response.headers["x-who"] == "somebody"
    for kind, payload in ((picows.WSMsgType.TEXT, b"hello"), (picows.WSMsgType.BINARY, bytes(range(256)) * 300)):
        transport.send(kind, payload)
        assert await listener.came.get() == payload
    assert (running.edge.open, running.edge.connections) == (1, 0)  # it is picows' connection now
    transport.send_close(picows.WSCloseCode.OK, b"")
    transport.disconnect()
    await running.listener.gone.wait()
    await running.until_closed()


async def test_who_has_no_key_is_refused_before_the_upgrade(running):
    with pytest.raises(picows.WSHandshakeError) as refused:
        await picows.ws_connect(Collector, running.url)
    assert refused.value.response.status == 401
    assert running.edge.open == 0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"upgrade: WebSocket\r\n", b""),
        (b"keep-alive, Upgrade", b"keep-alive"),
        (b"GET", b"HEAD"),
        (b"HTTP/1.1", b"HTTP/1.0"),
    ],
    ids=["no upgrade", "not nominated", "not GET", "HTTP/1.0"],
)
async def test_what_is_no_upgrade_is_400(running, old, new):
    answer = await running.raw(HANDSHAKE.replace(old, new).replace(b"keep-alive", b"close"))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert running.edge.open == 0


@pytest.mark.parametrize(
    ("old", "new"), [(b"version: 13", b"version: 12"), (b"dGhlIHNhbXBsZSBub25jZQ==", b"short")], ids=["version", "key"]
)
async def test_a_bad_handshake_is_refused_and_leaves_nothing(running, old, new):
    answer = await running.raw(HANDSHAKE.replace(old, new))
    assert answer.startswith(b"HTTP/1.1 4")
    await running.until_closed()


async def test_a_client_that_does_not_wait_for_the_answer_is_cut_off(running):
    """RFC 6455 section 4.1: no frame before the handshake is over; what came with it belongs to nobody."""
    answer = await running.raw(HANDSHAKE + b"\x81\x85\0\0\0\0hello")
    assert b"hello" not in answer
    await running.until_closed()
