"""Bytes to a server as they are, and a strict reading of all that comes back (RFC 9112)."""

import re
import select
import socket
from typing import NamedTuple, Self

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9]) [\t\x20-\x7e]*")
_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)")
_CHUNK_SIZE = re.compile(rb"[0-9a-fA-F]{1,16}")
_BODILESS = (204, 304)


class Answer(NamedTuple):
    """One final answer; interim ones are skipped."""

    status: int
    headers: dict[str, str]  # lower-case names
    body: bytes

    @property
    def closes(self) -> bool:
        """Whether the server says that it closes the connection."""
        return "close" in self.headers.get("connection", "").lower()


class Incomplete(Exception):  # noqa: N818 - it is no error: more bytes may come
    """The bytes end within an answer."""


def read_answers(data: bytes, *, whole: bool) -> list[Answer]:
    """Take the answers of one connection apart.

    `whole`: nothing more comes; raises AssertionError for anything that is not a row of complete answers.
    Otherwise an answer that has only begun is left out.
    """
    found = []
    at = 0
    try:
        while at < len(data):
            answer, at = _read_answer(data, at)
            if answer.status >= 200:
                found.append(answer)
    except Incomplete:
        assert not whole, f"the connection ends within an answer: {data[at:]!r}"
    return found


def _line(data: bytes, at: int) -> tuple[bytes, int]:
    end = data.find(b"\r\n", at)
    if end < 0:
        raise Incomplete
    return data[at:end], end + 2


def _read_answer(data: bytes, at: int) -> tuple[Answer, int]:
    line, at = _line(data, at)
    status_line = _STATUS_LINE.fullmatch(line)
    assert status_line, f"no status line: {line!r}"
    status = int(status_line[1])
    headers: dict[str, str] = {}
    while True:
        line, at = _line(data, at)
        if not line:
            break
        field = _FIELD.fullmatch(line)
        assert field, f"no header field: {line!r}"
        name, value = field[1].decode().lower(), field[2].decode("latin-1").rstrip(" \t")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    if status < 200 or status in _BODILESS:
        return Answer(status, headers, b""), at
    if "transfer-encoding" in headers:
        assert headers["transfer-encoding"] == "chunked", headers
        assert "content-length" not in headers, headers
        body, at = _read_chunks(data, at)
        return Answer(status, headers, body), at
    assert re.fullmatch("[0-9]+", headers.get("content-length", "")), f"an answer without a length: {headers}"
    end = at + int(headers["content-length"])
    if end > len(data):
        raise Incomplete
    return Answer(status, headers, data[at:end]), end


def _read_chunks(data: bytes, at: int) -> tuple[bytes, int]:
    pieces = []
    while True:
        line, at = _line(data, at)
        assert _CHUNK_SIZE.fullmatch(line), f"no chunk size: {line!r}"
        size = int(line, 16)
        if size + at + 2 > len(data):
            raise Incomplete
        assert data[at + size : at + size + 2] == b"\r\n", f"a chunk that does not end: {data[at:]!r}"
        pieces.append(data[at : at + size])
        at += size + 2
        if not size:
            return b"".join(pieces), at


class Wire:
    """A plain connection. A reset counts as a close: whoever refuses bytes may leave some of them unread."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=15)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.data = b""
        self.closed = False

    def send(self, data: bytes) -> None:
        """Send as much as the server takes."""
        try:
            self._socket.sendall(data)
        except (ConnectionResetError, BrokenPipeError):
            return

    def trickle(self, data: bytes, every: float) -> None:
        """Send a byte, and another one every so many seconds, until the server says something or the bytes are out."""
        for byte in data:
            self.send(bytes((byte,)))
            if select.select([self._socket], [], [], every)[0]:
                return

    def no_more(self) -> None:
        """Say that nothing more is sent."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            return

    def answers(self, count: int) -> list[Answer]:
        """Read until `count` answers are there or the server closes; TimeoutError when neither happens."""
        while len(found := read_answers(self.data, whole=self.closed)) < count and not self.closed:
            self._receive()
        return found

    def until(self, mark: bytes, count: int = 1) -> None:
        """Read until `mark` has come `count` times. Raises TimeoutError."""
        while self.data.count(mark) < count:
            self._receive()
            assert not self.closed, f"closed after {self.data!r}"

    def rest(self) -> list[Answer]:
        """Read until the server closes, and return all answers since the beginning. Raises TimeoutError."""
        while not self.closed:
            self._receive()
        return read_answers(self.data, whole=True)

    def _receive(self) -> None:
        try:
            piece = self._socket.recv(65536)
        except ConnectionResetError:
            piece = b""
        self.data += piece
        self.closed = not piece

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
