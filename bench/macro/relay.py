"""A bare relay on Granian: hands each request to the mock and its answer back, byte for byte, and looks at neither.

    python -m bench.macro.relay PORT UPSTREAM_HOST:PORT

What a gateway costs beyond this is what it does for its users. Plain Python, keep-alive, one answer at a time on a
connection; it knows just as much HTTP as the mock speaks.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from bench.macro.asgi import App, Message, Receive, Send, serve, whole_body


class Upstream(asyncio.Protocol):
    """One connection to the mock."""

    def __init__(self) -> None:
        self.begin: Callable[[bytes], None]
        self.data: Callable[[bytes], None]
        self.done: asyncio.Future[None]
        self._transport: Any  # uvloop has transports of its own
        self._chunked = False
        self._left = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def ask(self, request: bytes) -> None:
        self._left = -1
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        if self._left < 0:
            head, _, data = data.partition(b"\r\n\r\n")
            lower = head.lower()
            self._chunked = b"chunked" in lower
            if not self._chunked:
                self._left = int(lower.partition(b"content-length: ")[2].partition(b"\r\n")[0])
            else:
                self._left = 1
            self.begin(b"text/event-stream" if self._chunked else b"application/json")
        if self._chunked:
            last = data.endswith(b"0\r\n\r\n")
            lines = data.split(b"\r\n")
            body = b"".join(lines[1::2])
        else:
            body = data
            self._left -= len(body)
            last = self._left == 0
        if body:
            self.data(body)
        if last:
            self.done.set_result(None)


def application(host: str, port: int) -> App:
    idle: list[Upstream] = []

    async def relay(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = await whole_body(receive)
        loop = asyncio.get_running_loop()
        upstream = idle.pop() if idle else (await loop.create_connection(Upstream, host, port))[1]
        upstream.done = loop.create_future()
        upstream.begin = lambda kind: _drop(
            send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
        )
        upstream.data = lambda piece: _drop(send({"type": "http.response.body", "body": piece, "more_body": True}))
        upstream.ask(
            b"POST %b HTTP/1.1\r\nhost: mock\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
            % (scope["path"].encode(), len(body), body)
        )
        await upstream.done
        idle.append(upstream)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    return relay


def _drop(_sent: Awaitable[None]) -> None:
    """Granian does the work of `send` at call time; nothing here sends faster than it takes."""


if __name__ == "__main__":
    upstream_host, _, upstream_port = sys.argv[2].partition(":")
    serve(application(upstream_host, int(upstream_port)), int(sys.argv[1]))
