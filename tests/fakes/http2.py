"""An HTTP/2 upstream over TLS that does what its script says with each request, on a free loopback port."""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Self

import trustme
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event, RequestReceived, StreamEnded, StreamReset
from h2.settings import SettingCodes, Settings
from hyperframe.frame import Frame, GoAwayFrame

SSE = b"text/event-stream"


class Ask:
    """One request, and the upstream's side of its stream."""

    def __init__(self, peer: "Http2Peer", stream: int, headers: Mapping[bytes, bytes]) -> None:
        self.peer = peer
        self.stream = stream
        self.headers = headers
        self.body = b""
        self.complete = asyncio.Event()
        self.reset = asyncio.Event()
        self.reset_at = 0.0  # monotonic seconds
        self.sent = 0  # bytes of the answer's body

    def head(self, status: int = 200, kind: bytes = b"application/json", **more: bytes) -> None:
        fields = [(b":status", b"%d" % status), (b"content-type", kind)]
        fields += [(name.replace("_", "-").encode(), value) for name, value in more.items()]
        self.peer.http2.send_headers(self.stream, fields)
        self.peer.flush()

    async def send(self, data: bytes, *, end: bool = False) -> None:
        """Send a piece of the body as the client's windows allow; stops when the client resets the stream."""
        http2 = self.peer.http2
        while not self.reset.is_set():
            room = min(http2.local_flow_control_window(self.stream), http2.max_outbound_frame_size)
            piece, rest = data[:room], data[room:]
            if piece or not data:
                http2.send_data(self.stream, piece, end_stream=end and not rest)
                self.sent += len(piece)
                self.peer.flush()
            data = rest
            if not data:
                return
            if not room:
                await self.peer.news()

    async def answer(self, body: bytes, status: int = 200) -> None:
        self.head(status)
        await self.send(body, end=True)

    def refuse(self, code: int) -> None:
        self.peer.http2.reset_stream(self.stream, code)
        self.peer.flush()


Script = Callable[[Ask], Awaitable[None]]


class Http2Peer:
    """The upstream's side of one connection."""

    def __init__(self, upstream: "Http2Upstream", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asks: dict[int, Ask] = {}
        self.events: list[Event] = []
        self.writer = writer
        self.http2 = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        self._upstream = upstream
        self._reader = reader
        self._news = asyncio.Event()

    async def serve(self) -> None:
        """Take requests until the client closes."""
        told = {SettingCodes.MAX_CONCURRENT_STREAMS: self._upstream.streams}
        self.http2.local_settings = Settings(client=False, initial_values=told)
        self.http2.initiate_connection()
        self.flush()
        try:
            while data := await self._reader.read(65536):
                for event in self.http2.receive_data(data):
                    self._take(event)
                self.flush()
                self._news.set()
                self._news.clear()
        except ConnectionError:
            pass
        finally:
            self.writer.close()

    def _take(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, RequestReceived):
            ask = self.asks[event.stream_id] = Ask(self, event.stream_id, dict(event.headers))
            self._upstream.asks.append(ask)
            self._upstream.run(ask)
        elif isinstance(event, DataReceived):
            self.asks[event.stream_id].body += event.data
            self.http2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, StreamEnded):
            self.asks[event.stream_id].complete.set()
        elif isinstance(event, StreamReset):
            self.asks[event.stream_id].reset_at = time.monotonic()
            self.asks[event.stream_id].reset.set()

    def flush(self) -> None:
        if not self.writer.is_closing():
            self.writer.write(self.http2.data_to_send())

    async def news(self) -> None:
        """Wait until the client has said something."""
        await self._news.wait()

    def frame(self, frame: Frame) -> None:
        """Send a frame past the rules of the library, which ends a connection with its GOAWAY."""
        self.flush()
        self.writer.write(frame.serialize())

    def going_away(self, last: int, code: int = 0) -> None:
        frame = GoAwayFrame(0)
        frame.last_stream_id, frame.error_code = last, code
        self.frame(frame)


class Http2Upstream:
    """Runs `script` for each request, when its body is complete unless `early`."""

    def __init__(self, script: Script, *, streams: int = 100, alpn: str = "h2", early: bool = False) -> None:
        self.streams = streams
        self.peers: list[Http2Peer] = []
        self.asks: list[Ask] = []
        self.failures: list[BaseException] = []
        self._script = script
        self._early = early
        self._tasks: list[asyncio.Task[None]] = []
        self._authority = trustme.CA()
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.set_alpn_protocols([alpn])
        self._authority.issue_cert("127.0.0.1", "up.test").configure_cert(self.tls)

    @property
    def authority(self) -> str:
        """The PEM text of the authority to trust."""
        return self._authority.cert_pem.bytes().decode()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self.tls)
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.url = f"https://127.0.0.1:{self.port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        for peer in self.peers:
            peer.writer.transport.abort()
        await self._server.wait_closed()
        for result in ended:
            if isinstance(result, Exception):
                raise result

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Http2Peer(self, reader, writer)
        self.peers.append(peer)
        self._tasks.append(asyncio.get_running_loop().create_task(peer.serve()))

    def run(self, ask: Ask) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(self._run(ask)))

    async def _run(self, ask: Ask) -> None:
        if not self._early:
            await ask.complete.wait()
        await self._script(ask)
