"""A WebSocket client of the tests' own: it says what it is told, well-formed or not, and shows what it hears."""

import socket
import struct
from contextlib import suppress
from typing import NamedTuple, Self

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455 section 1.3, with its answer
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
MASK = bytes.fromhex("37fa213d")


class Frame(NamedTuple):
    """A frame that came."""

    opcode: int
    payload: bytes
    fin: bool = True

    @property
    def code(self) -> int:
        """Of a close frame: its code, 1005 where it has none."""
        assert self.opcode == CLOSE, self
        return struct.unpack("!H", self.payload[:2])[0] if self.payload else 1005


class RefusedError(Exception):
    """The server answered with something else than a WebSocket."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body


def frame(
    opcode: int, payload: bytes = b"", *, fin: bool = True, reserved: int = 0, mask: bytes | None = MASK
) -> bytes:
    """Write a frame; `reserved`: the three reserved bits; `mask` None: as servers send them."""
    size, flag = len(payload), 0 if mask is None else 0x80
    head = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
    if size < 126:
        head += bytes([flag | size])
    elif size < 1 << 16:
        head += bytes([flag | 126]) + struct.pack("!H", size)
    else:
        head += bytes([flag | 127]) + struct.pack("!Q", size)
    return head + payload if mask is None else head + mask + masked(payload, mask)


def masked(payload: bytes, mask: bytes) -> bytes:
    """Apply a mask, or take it away."""
    pad = (mask * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")).to_bytes(len(payload), "big")


def close(code: int, reason: bytes = b"") -> bytes:
    """Write a close frame."""
    return frame(CLOSE, struct.pack("!H", code) + reason)


def handshake(path: str, **headers: str) -> bytes:
    """Write a request for a WebSocket. Underscores in header names become dashes."""
    fields = {
        "host": "t",
        "connection": "keep-alive, Upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": KEY,
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode()


class Client:
    """A client that blocks, on a connected socket."""

    def __init__(self, sock: socket.socket, path: str, **headers: str) -> None:
        """Open a WebSocket. Raises RefusedError."""
        self.sock = sock
        self._file = sock.makefile("rb")
        sock.sendall(handshake(path, **headers))
        line = self._file.readline().decode()
        self.headers = {}
        while field := self._file.readline().decode().strip():
            name, _, value = field.partition(":")
            self.headers[name.lower()] = value.strip()
        if " 101 " not in line:
            body = self._file.read(int(self.headers.get("content-length", 0)))
            self.drop()
            raise RefusedError(int(line.split()[1]), body)
        assert self.headers["sec-websocket-accept"] == ACCEPT

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.sock.sendall(data)

    def say(self, text: str | bytes) -> None:
        """Send a message."""
        self.send(frame(TEXT, text.encode()) if isinstance(text, str) else frame(BINARY, text))

    def hear(self) -> Frame:
        """Wait for a frame, pings left out. Raises EOFError at the end of the connection."""
        while True:
            first, second = self._read(2)
            assert not second & 0x80, "a server masks nothing"
            size = second & 0x7F
            if size == 126:
                size = struct.unpack("!H", self._read(2))[0]
            elif size == 127:
                size = struct.unpack("!Q", self._read(8))[0]
            came = Frame(first & 15, self._read(size), bool(first & 0x80))
            if came.opcode != PING:
                return came

    def message(self) -> Frame:
        """Wait for a message, its fragments joined."""
        came = self.hear()
        while not came.fin:
            more = self.hear()
            came = Frame(came.opcode, came.payload + more.payload, more.fin)
        return came

    def last(self) -> Frame | None:
        """Read to the end of the connection; the close frame, which is answered, or None."""
        try:
            while (came := self.hear()).opcode != CLOSE:
                pass
        except (EOFError, ConnectionError):
            return None
        with suppress(OSError):  # it may be the answer to ours, and the connection be closed
            self.send(frame(CLOSE, came.payload))
        return came

    def ended(self) -> bool:
        """Whether nothing follows."""
        try:
            return self._file.read(1) == b""
        except ConnectionError:
            return True

    def drop(self, *, reset: bool = False) -> None:
        """Close without a word; `reset`: by RST."""
        if reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._file.close()
        self.sock.close()

    def _read(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) < size:
            raise EOFError
        return data

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.drop()
