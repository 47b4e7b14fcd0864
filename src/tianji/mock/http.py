"""HTTP/1.1 requests out of bytes, strictly, without a socket. RFC 9112 unless a line says otherwise."""

import re
from urllib.parse import unquote

import msgspec

from tianji.errors import HeadersTooLarge, InvalidRequest, PayloadTooLarge, TianjiError
from tianji.mock.faults import HEADER_PREFIX

MAX_HEAD = 65536
MAX_BODY = 1 << 28
MAX_CACHED_HEADS = 512
CHUNKED = -1  # the length of a body that says itself where it ends
_REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e]+) HTTP/1\.1")
_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\x00\r\n]*?)[ \t]*")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[^\x00\r\n]*)?")


class UnsupportedVersionError(TianjiError):
    """Not HTTP/1.1."""

    status = 505


class Head(msgspec.Struct, frozen=True):
    """A request without its body."""

    method: str
    target: str
    path: str  # percent-decoded
    query: str
    headers: tuple[tuple[bytes, bytes], ...]  # lower-case names
    length: int  # of the body in bytes, or CHUNKED
    keep_alive: bool
    mocked: bool  # has an x-mock- header
    expects_continue: bool
    authorization: str


class Request(msgspec.Struct, frozen=True):
    """A whole request; `raw_head` is as received."""

    head: Head
    raw_head: bytes
    body: bytes


def parse_head(raw: bytes) -> Head:
    """Parse a head that ends in an empty line. Raises InvalidRequest or UnsupportedVersionError."""
    first, *lines = raw[:-4].split(b"\r\n")
    line = _REQUEST_LINE.fullmatch(first)
    if line is None:
        if re.fullmatch(rb"[A-Z]+ \S+ HTTP/(?!1\.1)[0-9.]+", first):
            raise UnsupportedVersionError("This server speaks HTTP/1.1 only")
        raise InvalidRequest("The request line is malformed")
    headers = []
    for field in lines:
        match = _FIELD.fullmatch(field)
        if match is None:
            raise InvalidRequest("A header line is malformed")
        headers.append((match[1].lower(), match[2]))
    known = dict(headers)
    if sum(name == b"host" for name, _ in headers) != 1:
        raise InvalidRequest("Exactly one host header is needed")
    target = line[2].decode("ascii")
    path, _, query = target.partition("?")
    tokens = known.get(b"connection", b"").lower()
    return Head(
        method=line[1].decode("ascii"),
        target=target,
        path=unquote(path),
        query=query,
        headers=tuple(headers),
        length=_body_length(headers),
        keep_alive=b"close" not in tokens,
        mocked=any(name.startswith(HEADER_PREFIX) for name, _ in headers),
        expects_continue=known.get(b"expect", b"").lower() == b"100-continue",
        authorization=(
            known.get(b"authorization") or known.get(b"x-api-key") or known.get(b"x-goog-api-key") or b""
        ).decode("latin-1"),
    )


LIVE = "BidiGenerateContent"  # how paths of Google's Live API end
ECHO = "/echo"  # where everything is said back
SOCKETS = ("/realtime", LIVE, ECHO, "/responses", "/v1/listen", "/v3/ws", "/stream-input")
PLAIN = "/plain/"  # how paths begin below which there is no WebSocket


def asks_for_websocket(head: Head) -> bool:
    """Whether a request asks for a WebSocket where there is one."""
    upgrade = next((value for name, value in head.headers if name == b"upgrade"), b"")
    wanted = head.method == "GET" and upgrade.lower() == b"websocket"
    return wanted and head.path.endswith(SOCKETS) and not head.path.startswith(PLAIN)


def _body_length(headers: list[tuple[bytes, bytes]]) -> int:
    lengths = [value for name, value in headers if name == b"content-length"]
    codings = [value.lower() for name, value in headers if name == b"transfer-encoding"]
    if codings:
        if lengths or codings != [b"chunked"]:
            raise InvalidRequest("The body's length is ambiguous: send content-length or chunked, once")
        return CHUNKED
    if not lengths:
        return 0
    if len(lengths) > 1 or not re.fullmatch(rb"[0-9]{1,15}", lengths[0]):
        raise InvalidRequest("The content-length is not one plain number")
    return int(lengths[0])


class RequestParser:
    """Bytes in, requests out. After an error the connection is of no more use."""

    def __init__(self, heads: dict[bytes, Head]) -> None:
        self._heads = heads  # parsed heads by their bytes, shared by all connections of a server
        self._buffer = bytearray()
        self._raw = b""
        self._chunks: list[bytes] = []
        self.head: Head | None = None  # of the request that is being read

    @property
    def waiting(self) -> bool:
        """Whether part of a request was received."""
        return self.head is not None or bool(self._buffer)

    def feed(self, data: bytes) -> None:
        """Take bytes."""
        self._buffer += data

    def read_head(self) -> Head | None:
        """Parse the next request's head as soon as it is there. Raises TianjiError."""
        if self.head is None:
            if self._buffer.startswith(b"\r\n"):  # section 2.2: an empty line before a request is ignored
                del self._buffer[:2]
            end = self._buffer.find(b"\r\n\r\n") + 4
            if end < 4 or end > MAX_HEAD:
                if len(self._buffer) > MAX_HEAD:
                    raise HeadersTooLarge(f"The head is longer than {MAX_HEAD} bytes")
                return None
            self._raw = bytes(self._buffer[:end])
            head = self._heads.get(self._raw)
            if head is None:
                head = parse_head(self._raw)
                if len(self._heads) >= MAX_CACHED_HEADS:
                    self._heads.clear()
                self._heads[self._raw] = head
            if head.length > MAX_BODY:
                raise PayloadTooLarge(f"The body is longer than {MAX_BODY} bytes")
            self.head = head
            del self._buffer[:end]
        return self.head

    def read(self) -> Request | None:
        """Return the next request when all of it is there. Raises TianjiError."""
        head = self.read_head()
        if head is None:
            return None
        if head.length == CHUNKED:
            if not self._read_chunks():
                return None
            body = b"".join(self._chunks)
            self._chunks.clear()
        else:
            if len(self._buffer) < head.length:
                return None
            body = bytes(self._buffer[: head.length])
            del self._buffer[: head.length]
        self.head = None
        return Request(head, self._raw, body)

    def _read_chunks(self) -> bool:
        """Take whole chunks off the buffer; true after the last one and its trailers."""
        while True:
            end = self._buffer.find(b"\r\n")
            if end < 0:
                if len(self._buffer) > MAX_HEAD:
                    raise InvalidRequest("A chunk's size line is too long")
                return False
            line = _CHUNK_SIZE.fullmatch(bytes(self._buffer[:end]))
            if line is None:
                raise InvalidRequest("A chunk's size is malformed")
            size = int(line[1], 16)
            if not size:
                return self._read_trailers(end)
            stop = end + 2 + size
            if stop + sum(map(len, self._chunks)) > MAX_BODY:
                raise PayloadTooLarge(f"The body is longer than {MAX_BODY} bytes")
            if len(self._buffer) < stop + 2:
                return False
            if self._buffer[stop : stop + 2] != b"\r\n":
                raise InvalidRequest("A chunk is longer than its size says")
            self._chunks.append(bytes(self._buffer[end + 2 : stop]))
            del self._buffer[: stop + 2]

    def _read_trailers(self, end: int) -> bool:
        if self._buffer[end + 2 : end + 4] == b"\r\n":
            del self._buffer[: end + 4]
            return True
        stop = self._buffer.find(b"\r\n\r\n", end)
        if stop < 0:
            if len(self._buffer) > MAX_HEAD:
                raise HeadersTooLarge(f"The trailers are longer than {MAX_HEAD} bytes")
            return False
        del self._buffer[: stop + 4]
        return True
