"""Framings of streams that are no server-sent events."""

from collections.abc import Iterable
from typing import Final

from tianji.errors import UpstreamProtocolError

_LONGEST: Final = 8 << 20  # bytes of an event


class JsonLines:
    """A JSON value a line (https://jsonlines.org); events have no names."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> Iterable[tuple[str, bytes]]:
        """Take the next bytes; return the lines that are whole and not empty. Raises UpstreamProtocolError."""
        *lines, self._held = (self._held + data).split(b"\n")
        if len(self._held) > _LONGEST:
            raise UpstreamProtocolError(f"the upstream sent an event of more than {_LONGEST} bytes")
        return [("", line) for line in lines if line.strip()]


class Pieces:
    """A body that is one answer: each piece of it is an event without a name."""

    def feed(self, data: bytes) -> Iterable[tuple[str, bytes]]:
        """Take the next bytes; return them."""
        return [("", data)]
