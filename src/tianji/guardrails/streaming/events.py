"""A stream cut into events, and events put together again."""

import re
from collections.abc import Iterator
from typing import Any, Final

from msgspec import Struct, field

from tianji.guardrails.content import FUNCTION
from tianji.guardrails.slots.texts import Changes, Path, Unmaskable, Unreadable, decoded, put, quoted, rewritten

_BLANK: Final = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r)")
_LINE: Final = re.compile(rb"\r\n|\n|\r")
_MARKS_UTF8: Final = b"\xef\xbb\xbf"  # before the first event, and no part of it (WHATWG HTML, section 9.2.5)
_MARK: Final = re.compile(rb'["{}\[\]]')


class Piece(Struct, frozen=True):
    """A text in an event.

    channel: what texts belong together; those of one channel follow on one another
    whole: it repeats all that the channel has said, or begins it
    call: it is the arguments of a call, which are judged when they are whole
    raw: a JSON text stands there itself, not in a string
    entry: what is taken out of the event where the call is
    echo: what repeats the text piece by piece
    """

    channel: Path
    path: Path
    text: str
    whole: bool = False
    call: bool = False
    raw: bool = False
    entry: Path = ()
    echo: Path = ()


class Name(Struct, frozen=True):
    """The name of the tool that a channel of arguments is for. `path`: () where none is said; kinds: see ToolCall."""

    channel: Path
    path: Path
    name: str
    id: str = ""
    entry: Path = ()
    kinds: tuple[str, ...] = FUNCTION


class Reading(Struct):
    """What an event says.

    closed: channels, by what their names begin with, to which nothing follows
    block: the number of the thing that the event belongs to, and where that stands; things are counted without gaps
    reason: where it stands that the answer ended to have tools called, and what it says where none is
    idle: it says nothing, and may come whenever it likes
    """

    pieces: list[Piece] = field(default_factory=list)
    names: list[Name] = field(default_factory=list)
    closed: list[Path] = field(default_factory=list)
    block: tuple[int, Path] | None = None
    reason: tuple[Path, str] | None = None
    idle: bool = False


class Event(Struct, eq=False):
    """One event: its bytes, the payload between those that frame it, and what is to be changed in that."""

    raw: bytes
    payload: bytes = b""
    before: bytes = b""
    after: bytes = b""
    tree: Any = None
    changes: Changes = field(default_factory=dict)
    reading: Reading = field(default_factory=Reading)

    def change(self, path: Path, value: bytes | None) -> None:
        """Note that another JSON text stands at a place, None for nothing. Raises Mismatched where that cannot be."""
        at = self.changes
        for key in path[:-1]:
            inner = at.get(key)
            if not isinstance(inner, dict):
                break
            at = inner
        else:
            at.pop(path[-1], None)
        put(self.changes, path, value)

    def written(self) -> bytes:
        """Return its bytes: as they came, where nothing changed."""
        if not self.changes:
            return self.raw
        payload = rewritten(self.payload, self.changes)
        if self.before.endswith(b"data: "):  # each of its lines is marked (WHATWG HTML, section 9.2.6)
            payload = b"\ndata: ".join(_LINE.split(payload))
        return self.before + payload + self.after

    def shown(self) -> Any:
        """Return what it holds now."""
        return decoded(rewritten(self.payload, self.changes)) if self.changes else self.tree


class ServerSent:
    """Cuts server-sent events."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Event]:
        """Yield the events that are whole now. Raises Unreadable for one that is no JSON where it should be."""
        seen = max(0, len(self._rest) - 3)
        self._rest += data
        begin = 0
        while found := _BLANK.search(self._rest, max(seen, begin)):
            if found[0].endswith(b"\r") and found.end() == len(self._rest):
                break  # half of a line end, it may be
            raw, begin = self._rest[begin : found.end()], found.end()
            yield _server_sent(raw)
        self._rest = self._rest[begin:]

    def end(self) -> Iterator[Event]:
        """Yield what came after the last event that was whole."""
        if self._rest:
            rest, self._rest = self._rest, b""
            yield _server_sent(rest)


def _server_sent(raw: bytes) -> Event:
    lines = _LINE.split(raw.removeprefix(_MARKS_UTF8))
    data = [line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:")]
    if not data:
        return Event(raw, reading=Reading(idle=True))
    payload = b"\n".join(data)
    if payload.strip() == b"[DONE]":
        return Event(raw)
    others = b"".join(line + b"\n" for line in lines if line and not line.startswith(b"data:"))
    return Event(raw, payload, others + b"data: ", b"\n\n", decoded(payload))


class Array:
    """Cuts one JSON array whose elements are the events, as Google streams where nobody asks for server-sent ones."""

    def __init__(self) -> None:
        self._rest = b""
        self._at = 0  # what was looked at
        self._begin = 0  # where the element that is open begins
        self._depth = 0
        self._quoted = False

    def feed(self, data: bytes) -> Iterator[Event]:
        """Yield the events that are whole now. Raises Unreadable for one that is no JSON."""
        self._rest += data
        while True:
            if self._quoted:
                if not self._skip_string():
                    return
                continue
            found = _MARK.search(self._rest, self._at)
            if found is None:
                self._at = len(self._rest)
                return
            self._at = found.end()
            event = self._mark(found[0], found.start())
            if event is not None:
                yield event

    def _skip_string(self) -> bool:
        """Go on to the end of the string that is open; return whether it is there."""
        for found in re.finditer(rb'"|\\.', self._rest[self._at :], re.DOTALL):
            if found[0] == b'"':
                self._at += found.end()
                self._quoted = False
                return True
        return False

    def _mark(self, mark: bytes, at: int) -> Event | None:
        if mark == b'"':
            self._quoted = True
        elif mark in b"{[":
            self._depth += 1
            if self._depth == 2:
                self._begin = at
        else:
            self._depth -= 1
            if self._depth == 1:
                payload, before = self._rest[self._begin : self._at], self._rest[: self._begin]
                self._rest, self._at = self._rest[self._at :], 0
                return Event(before + payload, payload, before, b"", decoded(payload))
        return None

    def end(self) -> Iterator[Event]:
        """Yield what came after the last event: the end of the array, or what is no event."""
        rest, self._rest = self._rest, b""
        if self._depth or self._quoted:
            raise Unreadable("the answer ends within an event")
        if rest:
            yield Event(rest)


class Lines:
    """Takes messages of a conversation, each one line: see `lined`."""

    def feed(self, data: bytes) -> Iterator[Event]:
        """Yield the message. Raises Unreadable for one that is no JSON."""
        if data:
            payload = data.removesuffix(b"\n")
            yield Event(data, payload, b"", b"\n", decoded(payload))

    def end(self) -> Iterator[Event]:
        """Yield nothing: no message is cut."""
        return iter(())


def lined(message: bytes) -> bytes:
    """Return a message of JSON as one line: line ends are white space in it (RFC 8259 section 2)."""
    return message.replace(b"\n", b" ").replace(b"\r", b" ") + b"\n"


def unlined(lines: bytes) -> list[bytes]:
    """Return the messages that are in lines."""
    return lines.split(b"\n")[:-1]


def changed(event: Event, piece: Piece, text: str) -> None:
    """Put another text in the place of a piece. Raises Unmaskable where that is the whole event."""
    if not piece.path:
        raise Unmaskable("an event that is nothing but a text cannot be another one")
    event.change(piece.path, text.encode() if piece.raw else quoted(text))
    if piece.echo:
        event.change(piece.echo, b"null")
