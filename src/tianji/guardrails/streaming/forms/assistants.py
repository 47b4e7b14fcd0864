"""Runs of OpenAI's assistants (https://platform.openai.com/docs/api-reference/assistants-streaming/events).

A text comes bit by bit, and then as a whole with the end of its message; calls of tools likewise, with their step, and
with a run that waits for what becomes of them.
"""

from typing import Final

from tianji.cache.replay.reading import Json
from tianji.errors import TianjiError
from tianji.guardrails.failures import GuardrailBlocked
from tianji.guardrails.slots.assistants import AROUND, HOLDERS, NAMES
from tianji.guardrails.slots.sheet import listed
from tianji.guardrails.slots.texts import Path
from tianji.guardrails.streaming.events import Event, Name, Piece, Reading, ServerSent
from tianji.guardrails.streaming.forms.form import Framing, number, rest
from tianji.protocol.openai_errors import error_event

_DELTA: Final = ".delta"


class Assistants:
    """One stream of events."""

    framing: Framing

    def __init__(self) -> None:
        self.framing = ServerSent()

    def read(self, event: Event) -> Reading:
        """Return what an event says."""
        reading, tree = event.reading, event.tree
        if not isinstance(tree, dict):
            reading.pieces += rest(tree, (), ("frame",))
            return reading
        kind = str(tree.get("object"))
        own: Path = (kind.removesuffix(_DELTA), str(tree.get("id")))
        if kind.endswith(_DELTA) and isinstance(tree.get("delta"), dict):
            _object(tree["delta"], ("delta",), own, reading, whole=False)
        else:
            _object(tree, (), own, reading, whole=True)
            if tree.get("status") in ("completed", "incomplete", "requires_action"):
                reading.closed.append(own)
        return reading

    def passed(self, event: Event) -> None:
        """Take that an event went out: an end depends on none."""

    def failed(self, error: TianjiError) -> bytes:
        """Return the event of an error."""
        return b"event: error\n" + error_event(error)

    def refused(self, text: str) -> bytes:
        """Raise GuardrailBlocked: no text stands in the place of a message that is kept."""
        raise GuardrailBlocked(text, "")


def _object(tree: Json, path: Path, channel: Path, reading: Reading, *, whole: bool) -> None:
    """Read a message, a step or a run, or what is new in it."""
    around = {*AROUND, *HOLDERS, "content"}
    others = {name: value for name, value in tree.items() if name not in around}
    reading.pieces += rest(others, path, (*channel, "rest"), opaque=NAMES, whole=whole)
    if tree.get("role") != "user":
        for at, part in enumerate(listed(tree.get("content"))):
            place = number(part.get("index"), at) if isinstance(part, dict) else at
            reading.pieces += rest(part, (*path, "content", at), (*channel, place), opaque=NAMES, whole=whole)
    for holder, inner in HOLDERS.items():
        held, at_holder = tree.get(holder), (*path, holder)
        if inner and isinstance(held, dict):
            held, at_holder = held.get(inner), (*at_holder, inner)
        if isinstance(held, dict):
            _calls(held, at_holder, channel, reading, whole=whole)


def _calls(held: Json, path: Path, channel: Path, reading: Reading, *, whole: bool) -> None:
    others = {name: value for name, value in held.items() if name != "tool_calls"}
    reading.pieces += rest(others, path, (*channel, "details"), opaque=NAMES, whole=whole)
    for at, call in enumerate(listed(held.get("tool_calls"))):
        entry: Path = (*path, "tool_calls", at)
        function = call.get("function") if isinstance(call, dict) else None
        place = number(call.get("index"), at) if isinstance(call, dict) else at
        own: Path = (*channel, "call", place)
        if not isinstance(call, dict) or not isinstance(function, dict):
            reading.pieces += rest(call, entry, own, opaque=NAMES, whole=whole)
            continue
        if isinstance(function.get("name"), str):
            call_id = str(call.get("id") or "")
            reading.names.append(Name(own, (*entry, "function", "name"), function["name"], call_id, entry))
        given = function.get("arguments")
        if isinstance(given, str):
            place_of: Path = (*entry, "function", "arguments")
            reading.pieces.append(Piece(own, place_of, given, whole=whole, call=True, entry=entry))
        output = function.get("output")
        reading.pieces += rest(output, (*entry, "function", "output"), (*own, "output"), whole=whole)
