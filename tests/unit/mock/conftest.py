"""A mock on a free port of loopback, and a way to talk to it without any HTTP client."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from tianji.mock import MockServer, start

HELLO = {"model": "demo", "messages": [{"role": "user", "content": "one two three"}]}


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    payload: bytes
    chunks: list[bytes] = field(default_factory=list)
    complete: bool = True  # by the rules of HTTP

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.payload)

    @property
    def events(self) -> list[Any]:
        """The payloads of the `data:` lines."""
        found = [line[6:] for line in self.payload.split(b"\n") if line.startswith(b"data: ")]
        return [data if data == b"[DONE]" else msgspec.json.decode(data) for data in found]


class Raw:
    """A connection that reads what really comes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, body: Any = None, path: str = "/v1/chat/completions", method: str = "POST", **headers: str) -> None:
        data = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
        lines = [f"{method} {path} HTTP/1.1", "host: mock", f"content-length: {len(data)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + data)

    async def read(self) -> Reply:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head[:-4].split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        reply = Reply(int(first.split()[1]), headers, b"")
        try:
            if headers.get("transfer-encoding") == "chunked":
                while size := int((await self.reader.readuntil(b"\r\n"))[:-2], 16):
                    reply.chunks.append((await self.reader.readexactly(size + 2))[:-2])
                await self.reader.readexactly(2)
            else:
                reply.chunks.append(await self.reader.readexactly(int(headers["content-length"])))
        except asyncio.IncompleteReadError as error:
            reply.complete = False
            reply.chunks.append(error.partial)
        reply.payload = b"".join(reply.chunks)
        return reply

    async def ask(self, body: Any = None, **options: str) -> Reply:
        self.send(body, **options)
        return await self.read()

    async def close(self) -> None:
        self.writer.close()


@pytest.fixture
async def mock() -> AsyncIterator[MockServer]:
    server = await start()
    yield server
    await server.close()


@pytest.fixture
async def raw(mock: MockServer) -> AsyncIterator[Raw]:
    connection = Raw(*await asyncio.open_connection(mock.host, mock.port))
    yield connection
    await connection.close()
