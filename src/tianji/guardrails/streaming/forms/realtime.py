"""Events of OpenAI's realtime API in which a model answers: those of the Responses API, and sound.

https://platform.openai.com/docs/api-reference/realtime-server-events. Nobody reads sound: it waits behind the words
that came before it. Events are called as they are since the API is generally available; in its beta form a few differ.
"""

from typing import Final

from tianji.cache.replay.reading import Json
from tianji.errors import TianjiError
from tianji.guardrails.failures import GuardrailBlocked
from tianji.guardrails.slots.sheet import listed
from tianji.guardrails.slots.texts import Path
from tianji.guardrails.streaming.events import Event, Lines, Reading
from tianji.guardrails.streaming.forms.responses import OPAQUE_NAMES, Responses

SOUND: Final = frozenset(
    {"response.output_audio.delta", "response.output_audio.done", "response.audio.delta", "response.audio.done"}
)
_BETA: Final = {
    "response.text": "response.output_text",
    "response.audio_transcript": "response.output_audio_transcript",
}
Places = dict[object, Path]


class Realtime(Responses):
    """One answer, message by message."""

    opaque = OPAQUE_NAMES | {"event_id", "response_id", "previous_item_id", "conversation_id"}

    def __init__(self) -> None:
        super().__init__()
        self.framing = Lines()
        self._places: Places = {}  # of its items, by their ids

    def read(self, event: Event) -> Reading:
        """Return what an event says."""
        tree = event.tree
        kind = tree.get("type") if isinstance(tree, dict) else None
        if kind in SOUND:
            return event.reading
        item = tree.get("item") if isinstance(tree, dict) else None
        if not isinstance(item, dict):
            return super().read(event)
        if isinstance(tree.get("output_index"), int):
            self._places[item.get("id")] = ("item", tree["output_index"])
            event.reading.block = (tree["output_index"], ("output_index",))
        channel = self._places.get(item.get("id"), ("item", str(item.get("id"))))
        self._item(item, ("item",), channel, (), event.reading)
        if kind == "response.output_item.done":
            event.reading.closed.append(channel)
        return event.reading

    def _text(self, kind: str, tree: Json, reading: Reading) -> bool:
        base, _, step = kind.rpartition(".")
        return super()._text(f"{_BETA.get(base, base)}.{step}", tree, reading)

    def _item(self, item: Json, path: Path, channel: Path, entry: Path, reading: Reading) -> None:
        super()._item(silent(item), path, channel, entry, reading)

    def passed(self, event: Event) -> None:
        """Take that an event went out: an end depends on none."""

    def failed(self, error: TianjiError) -> bytes:
        """Return nothing: whoever holds the conversation says what is wrong."""
        del error
        return b""

    def refused(self, text: str) -> bytes:
        """Raise GuardrailBlocked: no text stands in a model's place here."""
        raise GuardrailBlocked(text, "")


def silent(item: Json) -> Json:
    """Return an item without what is sound in it."""
    parts = [
        {name: value for name, value in part.items() if name != "audio" or not isinstance(value, str)}
        if isinstance(part, dict)
        else part
        for part in listed(item.get("content"))
    ]
    return {**item, "content": parts} if parts else item
