"""Messages of Google's Live API in which a model answers (https://ai.google.dev/api/live): texts, sound and calls."""

from typing import Any, Final

import msgspec

from tianji.cache.replay.reading import Json
from tianji.errors import TianjiError
from tianji.guardrails.failures import GuardrailBlocked
from tianji.guardrails.slots.gemini import NAMES
from tianji.guardrails.slots.sheet import listed
from tianji.guardrails.slots.texts import Path
from tianji.guardrails.streaming.events import Event, Lines, Name, Piece, Reading
from tianji.guardrails.streaming.forms.form import rest
from tianji.guardrails.streaming.forms.gemini import Gemini

_TURN: Final[Path] = ("turn",)
_SILENT: Final = frozenset(
    {"usageMetadata", "goAway", "sessionResumptionUpdate", "setupComplete", "toolCallCancellation"}
)
"""Messages in which no model says anything."""


class Live(Gemini):
    """One turn of a model, message by message."""

    def __init__(self) -> None:
        super().__init__()
        self.framing = Lines()

    def read(self, event: Event) -> Reading:
        """Return what a message says."""
        reading, tree = event.reading, event.tree
        if not isinstance(tree, dict):
            reading.pieces += rest(tree, (), ("frame",))
            return reading
        for name, value in tree.items():
            if name == "serverContent" and isinstance(value, dict):
                self._content(value, reading)
            elif name == "toolCall" and isinstance(value, dict):
                self._called(value, reading)
            elif name not in _SILENT:
                reading.pieces += rest(value, (name,), (*_TURN, name), opaque=NAMES, whole=True)
        return reading

    def _content(self, content: Json, reading: Reading) -> None:
        path: Path = ("serverContent",)
        for name, value in content.items():
            if name == "modelTurn" and isinstance(value, dict):
                for at, part in enumerate(listed(value.get("parts"))):
                    reading.pieces += self._part(part, (*path, name, "parts", at), _TURN, reading)
            elif name == "outputTranscription":
                reading.pieces += rest(value, (*path, name), (*_TURN, name), opaque=NAMES)
            elif name != "inputTranscription":
                reading.pieces += rest(value, (*path, name), (*_TURN, name), opaque=NAMES, whole=True)

    def _called(self, called: Json, reading: Reading) -> None:
        for at, call in enumerate(listed(called.get("functionCalls"))):
            if isinstance(call, dict):
                self._call(call, ("toolCall", "functionCalls", at), reading)

    def _call(self, call: Json, path: Path, reading: Reading) -> None:
        self._calls += 1
        own: Path = (*_TURN, "call", self._calls)
        reading.names.append(Name(own, (*path, "name"), str(call.get("name") or ""), str(call.get("id") or ""), path))
        if args := call.get("args"):
            given: Any = msgspec.json.encode(args).decode()
            reading.pieces.append(Piece(own, (*path, "args"), given, call=True, raw=True, entry=path))
        reading.closed.append(own)

    def passed(self, event: Event) -> None:
        """Take that a message went out: an end depends on none."""

    def failed(self, error: TianjiError) -> bytes:
        """Return nothing: whoever holds the conversation says what is wrong."""
        del error
        return b""

    def refused(self, text: str) -> bytes:
        """Raise GuardrailBlocked: no text stands in a model's place here."""
        raise GuardrailBlocked(text, "")
