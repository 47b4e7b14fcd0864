"""What all forms of streams have in common."""

from collections.abc import Iterator
from typing import Any, Protocol

from tianji.errors import TianjiError
from tianji.guardrails.content import Direction
from tianji.guardrails.slots.sheet import OPAQUE, Sheet, Voice
from tianji.guardrails.slots.texts import Path
from tianji.guardrails.streaming.events import Event, Piece, Reading

_VOICE = Voice("assistant")


class Framing(Protocol):
    """Cuts the bytes of a stream into events. Raises Unreadable."""

    def feed(self, data: bytes) -> Iterator[Event]:
        """Take the next bytes; yield the events that are whole."""

    def end(self) -> Iterator[Event]:
        """Yield what is left."""


class Form(Protocol):
    """Reads the events of one stream before they are judged, and follows those that went out."""

    @property
    def framing(self) -> Framing:
        """What cuts its bytes into events."""

    def read(self, event: Event) -> Reading:
        """Return what an event says."""

    def passed(self, event: Event) -> None:
        """Take that an event went out."""

    def failed(self, error: TianjiError) -> bytes:
        """Return what ends the stream as one that is not whole: an error, and nothing that looks like an end."""

    def refused(self, text: str) -> bytes:
        """Return what ends the stream well, with a last text in the model's place."""


def rest(
    value: object, path: Path, channel: Path, *, opaque: frozenset[str] = OPAQUE, whole: bool = False
) -> list[Piece]:
    """Return every text of what has no place of its own in a form; `channel` begins the names of its channels.

    whole: it is said again and again, instead of bit by bit
    """
    sheet = Sheet(Direction.RESPONSE)
    sheet.said(value, path, _VOICE, opaque)
    return [Piece((*channel, *at[len(path) :]), at, text, whole=whole) for at, text in sheet.found]


def number(value: Any, otherwise: int = 0) -> int:
    """Return what numbers a thing, if it does."""
    return value if isinstance(value, int) else otherwise
