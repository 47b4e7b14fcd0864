"""Single calls of gRPC (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md), a connection each.

h2 does the protocol. A connection that was kept would save a handshake every few seconds, for what happens no oftener.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote, urlsplit

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import ProtocolError

from tianji.egress.tls import client_context

OK: Final = 0
CHUNK: Final = 65_536  # bytes of one reading
_HEADERS: Final = (ResponseReceived, TrailersReceived)


class Outcome:
    """How a call ended. status: gRPC's, None where the server did not say; http: that of the answer's head."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.message = ""
        self.http = 0
        self.over = False

    def hear(self, event: Event) -> None:
        """Take note of an event of the call's stream."""
        if isinstance(event, _HEADERS):
            fields = {bytes(name): bytes(value) for name, value in event.headers or ()}
            if b":status" in fields:
                self.http = int(fields[b":status"])
            if fields.get(b"grpc-status", b"").isdigit():
                self.status = int(fields[b"grpc-status"])
                self.message = unquote(fields.get(b"grpc-message", b"").decode("latin-1"))
        elif isinstance(event, StreamEnded):
            self.over = True
        elif isinstance(event, StreamReset | ConnectionTerminated) and not self.over:
            raise ConnectionError(f"it ended the call with {_named(event.error_code)}")


async def call(
    url: str, headers: Mapping[str, str], message: bytes, *, connect: float, address: str | None = None
) -> Outcome:
    """Make a call and return how it ended.

    url: grpc://, or grpcs:// for TLS, a host, and the method as its path; message: with gRPC's prefix of five bytes
    connect: seconds for the connection; the whole is the caller's to limit; address: of the host, where it was checked
    Raises OSError where nothing came of it.
    """
    parts = urlsplit(url)
    secure = parts.scheme == "grpcs"
    host, port = parts.hostname or "", parts.port or (443 if secure else 80)
    context = None
    if secure:
        context = client_context()
        context.set_alpn_protocols(["h2"])
    async with asyncio.timeout(connect):
        reader, writer = await asyncio.open_connection(
            address or host, port, ssl=context, server_hostname=host if secure else None
        )
    try:
        return await _Call(reader, writer).make(parts.scheme, parts.netloc, parts.path, headers, message)
    except ProtocolError as error:
        raise ConnectionError(f"it does not speak HTTP/2: {type(error).__name__}") from error
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


class _Call:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._h2 = H2Connection(H2Configuration(client_side=True, header_encoding=None))
        self._outcome = Outcome()

    async def make(
        self, scheme: str, authority: str, method: str, headers: Mapping[str, str], message: bytes
    ) -> Outcome:
        self._h2.initiate_connection()
        stream = self._h2.get_next_available_stream_id()
        fields = [
            (":method", "POST"),
            (":scheme", "https" if scheme == "grpcs" else "http"),
            (":path", method),
            (":authority", authority),
            ("te", "trailers"),
            *headers.items(),
        ]
        self._h2.send_headers(stream, fields)
        rest = memoryview(message)
        while not self._outcome.over:
            while rest and (room := self._room(stream)):
                self._h2.send_data(stream, bytes(rest[:room]), end_stream=room >= len(rest))
                rest = rest[room:]
            await self._flush()
            await self._hear()
        if rest:
            self._h2.reset_stream(stream, ErrorCodes.NO_ERROR)  # the server has heard enough
        self._h2.close_connection()
        await self._flush()
        return self._outcome

    def _room(self, stream: int) -> int:
        return min(self._h2.local_flow_control_window(stream), self._h2.max_outbound_frame_size)

    async def _hear(self) -> None:
        data = await self._reader.read(CHUNK)
        if not data:
            raise ConnectionError("it closed the connection in the middle of a call")
        for event in self._h2.receive_data(data):
            if isinstance(event, DataReceived):
                self._h2.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id or 1)
            self._outcome.hear(event)

    async def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data:
            self._writer.write(data)
            await self._writer.drain()


def _named(code: ErrorCodes | int | None) -> str:
    return code.name if isinstance(code, ErrorCodes) else str(code)
