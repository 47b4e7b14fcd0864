"""What a stream has said so far."""

from msgspec import Struct

from tianji.guardrails.slots.texts import Path
from tianji.guardrails.streaming.channels import Channel
from tianji.guardrails.streaming.events import Piece, Reading


class Mark(Struct, frozen=True):
    """Where in its channel a piece of an event stands."""

    piece: Piece
    channel: Channel
    start: int
    end: int


class Book:
    """Adds up what events say, channel by channel.

    length: code points of all texts; fresh: of these, what came after the last question
    """

    def __init__(self) -> None:
        self.channels: dict[Path, Channel] = {}
        self.length = 0
        self.fresh = 0
        self._open: dict[Path, Channel] = {}
        self._closed: list[Channel] = []  # with something that was not judged

    def read(self, reading: Reading) -> tuple[tuple[Mark, ...], tuple[Channel, ...]]:
        """Take what an event says; return where that stands, and the calls that it is about."""
        calls: list[Channel] = []
        for name in reading.names:
            channel = self._channel(name.channel, call=True)
            channel.named(name.name, name.id, name.kinds, bare=not name.path)
            channel.block = reading.block[0] if reading.block else channel.block
            calls.append(channel)
        marks = [self._mark(piece) for piece in reading.pieces if piece.text]
        calls += [mark.channel for mark in marks if mark.channel.call]
        for key in reading.closed:
            self.close(key)
        return tuple(marks), tuple(calls)

    def _mark(self, piece: Piece) -> Mark:
        channel = self._channel(piece.channel, call=piece.call)
        if not piece.whole:
            return self._added(piece, channel, piece.text, channel.length)
        said = channel.text()
        if piece.text.startswith(said):
            return self._added(piece, channel, piece.text[len(said) :], 0)
        other = self._channel((*piece.channel, piece.text), call=piece.call)  # it says something else: judge that too
        other.named(channel.name, channel.id, channel.kinds, bare=channel.bare)
        other.block = channel.block
        return self._added(piece, other, "" if other.length else piece.text, 0)

    def _added(self, piece: Piece, channel: Channel, text: str, start: int) -> Mark:
        if text:
            channel.add(text)
            channel.judged = False
            self.length += len(text)
            self.fresh += len(text)
            if channel.closed:
                self._closed.append(channel)
        return Mark(piece, channel, start, channel.length)

    def _channel(self, key: Path, *, call: bool) -> Channel:
        channel = self.channels.get(key)
        if channel is None:
            channel = self.channels[key] = self._open[key] = Channel(key, call=call)
        return channel

    def close(self, key: Path) -> None:
        """Take that nothing follows to channels whose names begin so."""
        for name in [name for name in self._open if name[: len(key)] == key]:
            channel = self._open.pop(name)
            channel.closed = True
            if not channel.judged:
                self._closed.append(channel)

    def unjudged(self) -> bool:
        """Return whether anything is closed that was not judged."""
        self._closed = [channel for channel in self._closed if not channel.judged]
        return bool(self._closed)
