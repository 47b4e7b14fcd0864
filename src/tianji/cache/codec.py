"""Turns what was kept into the other form: whole answers into streams, streams into whole answers."""

import msgspec
from msgspec import Struct

from tianji._core.streams.usage import Usage
from tianji.errors import TianjiError
from tianji.lazy import load

# what reading an answer raises that is not of the form it should have
_UNREADABLE = (TianjiError, msgspec.MsgspecError, UnicodeError, LookupError, TypeError, AttributeError, ValueError)


class Codec(Struct, frozen=True):
    """How one form of answers is turned. `module`: of `tianji.cache.replay`, loaded when there is one to turn."""

    module: str

    def whole(self, events: bytes, usage: Usage | None) -> bytes | None:
        """Return the answer that all events of a stream say, None for what cannot be read.

        usage: what it used; a stream may have kept that from its reader
        """
        try:
            body: bytes = load(f"tianji.cache.replay.{self.module}").whole(events, usage)
        except _UNREADABLE:
            return None
        return body

    def events(self, body: bytes, shows_usage: bool) -> bytes | None:
        """Return all events of a stream that says what a whole answer does, None for what cannot be read."""
        try:
            events: bytes = load(f"tianji.cache.replay.{self.module}").events(body, shows_usage)
        except _UNREADABLE:
            return None
        return events
