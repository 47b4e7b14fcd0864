"""An answer in Google's form for a client that speaks it too: handed on as it came, and read on the way."""

from collections.abc import Iterable

from tianji.clock import SYSTEM
from tianji.dialects.gemini.failing import error_object
from tianji.dialects.gemini.frames import Frames
from tianji.protocol.chat.answer import Chunk, Completion
from tianji.protocol.chat.seam import Target
from tianji.protocol.gemini.decoder import Decoder

_TARGET = Target(provider="the upstream", model="")


class Reading:
    """Reads the events of one stream, and keeps the last one as it came."""

    done = False
    text_member = "text"
    counts_along = True

    def __init__(self) -> None:
        self.payload = b""
        self._decoder = Decoder(_TARGET, SYSTEM)

    @property
    def finished(self) -> bool:
        """Whether the answer is whole."""
        return self._decoder.finished

    def event(self, name: str, payload: bytes) -> Iterable[Chunk]:
        """Take one event. Raises StreamFailed and UpstreamProtocolError."""
        self.payload = payload
        return list(self._decoder.event(name, payload)) or [Chunk(choices=[])]

    def passed(self, characters: int) -> None:
        """Learn how much text was handed on unread, which changes nothing here."""

    def heard(self, text: str) -> None:
        """Learn what it was."""
        self._decoder.heard(text)

    def counted(self, payload: bytes) -> None:
        """Take what an event that was handed on unread says of tokens so far."""
        self._decoder.counted(payload)

    def end(self) -> Iterable[Chunk]:
        """Take the end, which says what was used."""
        self.payload = b""
        return self._decoder.end()


class Handing:
    """Writes what `reading` has read, as it was."""

    repeats = True

    def __init__(self, reading: Reading, *, as_array: bool) -> None:
        self._reading = reading
        self._frames = Frames(as_array=as_array)

    def chunk(self, chunk: Chunk) -> bytes:  # noqa: ARG002  what came is what goes
        """Hand on the event, once; of what is known at the end the client was told before."""
        payload, self._reading.payload = self._reading.payload, b""
        return self._frames.next(payload) if payload else b""

    def end(self) -> bytes:
        """End the stream: the last event has said why."""
        return self._frames.last()

    def failed(self, error: dict[str, object]) -> bytes:
        """End the stream as one that is not whole."""
        return self._frames.next(error_object(error)) + self._frames.last()


def begin(*, as_array: bool) -> tuple[Reading, Handing]:
    """Begin to read and to hand on a stream."""
    reading = Reading()
    return reading, Handing(reading, as_array=as_array)


def completion_in(body: bytes) -> Completion:
    """Return what a whole answer says, in the hub's form. Raises UpstreamProtocolError for what is no answer."""
    return Decoder(_TARGET, SYSTEM).whole(body)
