"""Forms with files: multipart/form-data (RFC 7578, RFC 2046 section 5.1), read as it comes and written piece by piece.

A reader holds the text of fields and only the places of files. What another program could read differently is refused:
text before the first part or behind the last one, padded boundaries, a boundary that goes on, encoded contents.
"""

import enum
import os
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, Generic, TypeVar

from msgspec import Struct

from tianji.errors import InvalidRequest

MAX_PARTS: Final = 256
MAX_HEAD: Final = 8 * 1024  # bytes of the header lines of a part
MAX_TEXT: Final = 1024 * 1024  # bytes of all fields that are no files
_BOUNDARY: Final = re.compile(rb"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_TYPE: Final = re.compile(rb"\s*multipart/form-data\s*(;.*)?", re.IGNORECASE)
_PARAMETER: Final = re.compile(rb';\s*([!#$%&\'*+.^_`|~0-9A-Za-z-]+)=("(?:[^"\\\r\n]|\\[^\r\n])*"|[^\s;"]*)\s*')
_FIELD: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
_PLAIN: Final = frozenset({b"7bit", b"8bit", b"binary"})
Place = TypeVar("Place")


class Part(Struct, frozen=True):
    """One part of a form. `at` and `size` say where its content lies in the body, bytes; `text` is a field's content.

    filename and content_type are those of a file; filename is None for a field.
    """

    name: str
    filename: str | None
    content_type: bytes | None
    at: int
    size: int
    text: str | None


class Piece(Struct, Generic[Place], frozen=True):
    """One part to be written: `content` is text, or the place of a file, whose length is `size`."""

    name: str
    content: str | Place
    size: int = 0
    filename: str | None = None
    content_type: bytes | None = None


class _State(enum.Enum):
    BEGINNING = enum.auto()  # before the first boundary
    BOUNDARY = enum.auto()  # behind a boundary
    HEAD = enum.auto()
    CONTENT = enum.auto()
    END = enum.auto()


def boundary_of(content_type: bytes | None) -> bytes | None:
    """Return the boundary that a content-type names; None where it is no form. Raises InvalidRequest for a bad one."""
    found = _TYPE.fullmatch(content_type or b"")
    if found is None:
        return None
    boundary = _parameters(found[1] or b"").get(b"boundary", b"")
    if _BOUNDARY.fullmatch(boundary) is None:
        raise _malformed("its content-type names no boundary of 1 to 70 characters")
    return boundary


class Reader:
    """Reads one form: `feed` it in any pieces, then `close`. Both raise InvalidRequest for a malformed one."""

    def __init__(self, boundary: bytes) -> None:
        self._first = b"--" + boundary
        self._between = b"\r\n--" + boundary
        self._state = _State.BEGINNING
        self._buffer = b""
        self._base = 0  # where the buffer begins in the body
        self._parts: list[Part] = []
        self._text_left = MAX_TEXT
        self._name = ""
        self._filename: str | None = None
        self._type: bytes | None = None
        self._at = 0  # where the content of the part began
        self._pieces: list[bytes] = []

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the body."""
        self._buffer = self._buffer + data if self._buffer else data
        while self._step():
            pass

    def close(self) -> list[Part]:
        """Take the end of the body; return the parts in their order."""
        if self._state is not _State.END or self._buffer not in (b"", b"\r\n"):
            raise _malformed("it does not end with its closing boundary")
        return self._parts

    def _step(self) -> bool:
        """Do what can be done with the buffer; whether that was something."""
        match self._state:
            case _State.BEGINNING:
                return self._begin()
            case _State.BOUNDARY:
                return self._pass_boundary()
            case _State.HEAD:
                return self._read_head()
            case _State.CONTENT:
                return self._read_content()
            case _State.END:
                if len(self._buffer) > len(b"\r\n"):
                    raise _malformed("there is something behind its closing boundary")
                return False

    def _take(self, size: int) -> bytes:
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        self._base += size
        return taken

    def _begin(self) -> bool:
        if not self._first.startswith(self._buffer[: len(self._first)]):
            raise _malformed("it does not begin with its boundary")
        if len(self._buffer) < len(self._first):
            return False
        self._take(len(self._first))
        self._state = _State.BOUNDARY
        return True

    def _pass_boundary(self) -> bool:
        if len(self._buffer) < len(b"\r\n"):
            return False
        behind = self._take(2)
        if behind == b"--":
            self._state = _State.END
        elif behind == b"\r\n":
            if len(self._parts) == MAX_PARTS:
                raise _malformed(f"it has more than {MAX_PARTS} parts")
            self._state = _State.HEAD
        else:
            raise _malformed("a boundary is followed by something else than a line end")
        return True

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n", 0, MAX_HEAD)
        if end < 0:
            if len(self._buffer) >= MAX_HEAD:
                raise _malformed(f"the headers of a part are over {MAX_HEAD} bytes")
            return False
        self._note_head(self._take(end + 4)[:-4])
        self._at = self._base
        self._state = _State.CONTENT
        return True

    def _note_head(self, head: bytes) -> None:
        fields: dict[bytes, bytes] = {}
        for line in head.split(b"\r\n"):
            found = _FIELD.fullmatch(line)
            if found is None:
                raise _malformed("a header line of a part is malformed")
            name = found[1].lower()
            if name in fields:
                raise _malformed(f"a part has two headers {name.decode()}")
            fields[name] = found[2].strip()
        kind, _, rest = fields.get(b"content-disposition", b"").partition(b";")
        parameters = _parameters(b";" + rest) if rest else {}
        if kind.strip().lower() != b"form-data" or not parameters.get(b"name"):
            raise _malformed("a part has no content-disposition: form-data; name=...")
        if fields.get(b"content-transfer-encoding", b"binary").lower() not in _PLAIN:
            raise _malformed("a part is encoded; send its bytes as they are (RFC 7578 section 4.7)")
        self._name = _decoded(parameters[b"name"])
        filename = parameters.get(b"filename")
        self._filename = None if filename is None else _decoded(filename)
        self._type = fields.get(b"content-type")

    def _read_content(self) -> bool:
        end = self._buffer.find(self._between)
        if end < 0:
            self._keep(self._take(max(0, len(self._buffer) - len(self._between) + 1)))
            return False
        self._keep(self._take(end))
        size = self._base - self._at
        text = _decoded(b"".join(self._pieces)) if self._filename is None else None
        self._pieces = []
        self._parts.append(Part(self._name, self._filename, self._type, self._at, size, text))
        self._take(len(self._between))
        self._state = _State.BOUNDARY
        return True

    def _keep(self, content: bytes) -> None:
        if self._filename is None and content:
            self._text_left -= len(content)
            if self._text_left < 0:
                raise _malformed(f"its fields are over {MAX_TEXT} bytes; send what is large as a file")
            self._pieces.append(content)


def written(pieces: Iterable[Piece[Place]]) -> tuple[bytes, list[Any], int]:
    """Write a form: its content-type, its body as bytes and places of files in order, and its length in bytes.

    The boundary is random, so that no content holds it.
    """
    boundary = b"tianji-" + os.urandom(16).hex().encode()
    body: list[Any] = []
    length = 0
    for part in _encoded(pieces, boundary):
        body.append(part[0])
        length += part[1]
    return b"multipart/form-data; boundary=" + boundary, body, length


def _encoded(pieces: Iterable[Piece[Place]], boundary: bytes) -> Iterator[tuple[bytes | Place, int]]:
    for piece in pieces:
        head = b'--%b\r\ncontent-disposition: form-data; name="%b"' % (boundary, _quoted(piece.name))
        if piece.filename is not None:
            head += b'; filename="%b"' % _quoted(piece.filename)
        if piece.content_type is not None:
            head += b"\r\ncontent-type: " + piece.content_type
        head += b"\r\n\r\n"
        if isinstance(piece.content, str):
            head += piece.content.encode() + b"\r\n"
            yield head, len(head)
        else:
            yield head, len(head)
            yield piece.content, piece.size
            yield b"\r\n", 2
    yield b"--%b--\r\n" % boundary, len(boundary) + 6


def _parameters(text: bytes) -> dict[bytes, bytes]:
    """Return the parameters of a header by name, in lower case. Raises InvalidRequest."""
    found: dict[bytes, bytes] = {}
    at = 0
    while at < len(text):
        match = _PARAMETER.match(text, at)
        if match is None or match[1].lower() in found:
            raise _malformed("the parameters of a header are malformed")
        value = match[2]
        if value.startswith(b'"'):
            value = re.sub(rb"\\(.)", rb"\1", value[1:-1])
        found[match[1].lower()] = value
        at = match.end()
    return found


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise _malformed("a name or a field is not UTF-8") from None


def _quoted(name: str) -> bytes:
    """Return a name as browsers write it (WHATWG HTML, multipart form data)."""
    return name.encode().replace(b"\r", b"%0D").replace(b"\n", b"%0A").replace(b'"', b"%22")


def _malformed(problem: str) -> InvalidRequest:
    return InvalidRequest(f"the form is malformed: {problem}")
