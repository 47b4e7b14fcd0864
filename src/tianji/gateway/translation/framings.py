"""How the bodies of streamed answers are cut into events."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final, Protocol

from msgspec import Struct

from tianji._core.streams.aws_events import AwsEvents
from tianji.protocol.bedrock.event_stream import event_of
from tianji.protocol.chat.seam import Framing
from tianji.protocol.framing import JsonLines, Pieces


class Framer(Protocol):
    """Cuts the body of an answer into events."""

    def feed(self, data: bytes) -> Iterable[tuple[str, bytes]]:
        """Take the next bytes; return the events that are whole, name and data. Raises UpstreamProtocolError."""


class Shape(Struct, frozen=True):
    """What a framing looks like: the types of content it has, and what cuts it; None where that is compiled."""

    content_types: tuple[bytes, ...]
    framer: Callable[[], Framer] | None


ARRAY: Final = b"application/json"  # a stream that is one JSON array
EVENTS: Final = b"text/event-stream"
FRAMINGS: Final[Mapping[Framing, Shape]] = {
    "sse": Shape((EVENTS,), None),
    "aws": Shape((b"application/vnd.amazon.eventstream",), partial(AwsEvents, event_of)),
    "whole": Shape((b"application/json",), Pieces),
    "json-lines": Shape((b"application/x-ndjson", b"application/jsonl", b"application/json"), JsonLines),
}
