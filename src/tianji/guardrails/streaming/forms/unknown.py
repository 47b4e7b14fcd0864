"""Streams of no form that is known here: the texts at some places, or all of them."""

from collections.abc import Callable

from tianji.cache.replay.reading import written
from tianji.errors import TianjiError
from tianji.guardrails.content import Direction
from tianji.guardrails.failures import GuardrailBlocked
from tianji.guardrails.slots.sheet import Sheet
from tianji.guardrails.streaming.events import Event, Lines, Piece, Reading, ServerSent
from tianji.guardrails.streaming.forms.form import Framing, rest
from tianji.protocol.openai_errors import error_event


class Unknown:
    """One stream of server-sent events. `fields`: reads the places that are judged, every text without it."""

    framing: Framing

    def __init__(self, fields: Callable[[Sheet, object], None] | None = None) -> None:
        self.framing = ServerSent()
        self._fields = fields

    def read(self, event: Event) -> Reading:
        """Return what an event says: what stands at the same place in several is one text."""
        if self._fields is None:
            event.reading.pieces += rest(event.tree, (), ("field",))
        else:
            sheet = Sheet(Direction.RESPONSE)
            self._fields(sheet, event.tree)
            event.reading.pieces += [Piece(("field", *path), path, text) for path, text in sheet.found]
        return event.reading

    def passed(self, event: Event) -> None:
        """Take that an event went out: an end depends on none."""

    def failed(self, error: TianjiError) -> bytes:
        """Return the event of an error."""
        return error_event(error)

    def refused(self, text: str) -> bytes:
        """Return an event that says the text."""
        return written({"text": text})


class Message(Unknown):
    """One message of a conversation, every text of it."""

    def __init__(self) -> None:
        super().__init__()
        self.framing = Lines()

    def failed(self, error: TianjiError) -> bytes:
        """Return nothing: whoever holds the conversation says what is wrong."""
        del error
        return b""

    def refused(self, text: str) -> bytes:
        """Raise GuardrailBlocked: no text stands in the place of a message."""
        raise GuardrailBlocked(text, "")
