"""OpenAI's Responses API, and transcripts, whose events are alike.

https://platform.openai.com/docs/api-reference/responses-streaming. A text comes bit by bit, then as a whole with the
end of its part, of its item, and of the response.
"""

from typing import Any, Final

from tianji.cache.replay.reading import Json, named
from tianji.dialects.responses.failing import failure
from tianji.dialects.responses.items import MessageItem
from tianji.errors import TianjiError
from tianji.guardrails.slots.called import called
from tianji.guardrails.slots.sheet import OPAQUE, listed
from tianji.guardrails.slots.texts import Path, encoded
from tianji.guardrails.streaming.events import Event, Name, Piece, Reading, ServerSent
from tianji.guardrails.streaming.forms.form import Framing, number, rest

_TEXTS: Final = ("text", "refusal", "arguments", "input", "code", "transcript")
_CALLS: Final = (
    "response.function_call_arguments", "response.mcp_call_arguments", "response.custom_tool_call_input",
)  # fmt: skip
OPAQUE_NAMES: Final = OPAQUE | {
    "name", "namespace", "server_label", "output_index", "sequence_number", "obfuscation",
}  # fmt: skip
"""Members that are no text."""
_PARTS: Final = {
    "output_text": ("text", "response.output_text"),
    "refusal": ("refusal", "response.refusal"),
    "summary_text": ("text", "response.reasoning_summary_text"),
    "reasoning_text": ("text", "response.reasoning_text"),
    "text": ("text", "response.output_text"),
    "audio": ("transcript", "response.output_audio_transcript"),
    "output_audio": ("transcript", "response.output_audio_transcript"),
}
_ITEMS: Final = {
    "code_interpreter_call": ("code", "response.code_interpreter_call_code"),
}
_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.failed"})


class Responses:
    """One stream of events."""

    framing: Framing
    opaque = OPAQUE_NAMES

    def __init__(self) -> None:
        self.framing = ServerSent()
        self._number = 0  # of the next event
        self._response: Json = {}
        self._output: dict[int, Json] = {}
        self._open: dict[int, MessageItem] = {}
        self._next = 0
        self._events: list[bytes] | None = None

    def read(self, event: Event) -> Reading:
        """Return what an event says."""
        reading, tree = event.reading, event.tree
        kind = tree.get("type") if isinstance(tree, dict) else None
        if not isinstance(tree, dict) or not isinstance(kind, str):
            reading.pieces += rest(tree, (), ("frame",))
            return reading
        if isinstance(tree.get("output_index"), int):
            reading.block = (tree["output_index"], ("output_index",))
        if isinstance(tree.get("response"), dict):
            self._whole(tree["response"], reading)
        elif kind.startswith("response.output_item.") and isinstance(tree.get("item"), dict):
            channel: Path = ("item", number(tree.get("output_index")))
            self._item(tree["item"], ("item",), channel, (), reading)
            if kind.endswith(".done"):
                reading.closed.append(channel)
        elif isinstance(tree.get("part"), dict):
            _part(tree["part"], ("part",), _place(tree), reading)
        elif not self._text(kind, tree, reading):
            reading.pieces += rest(tree, (), (*_place(tree), kind), opaque=self.opaque, whole=True)
        return reading

    def _text(self, kind: str, tree: Json, reading: Reading) -> bool:
        """Take an event that says a text, or that it has ended; return whether it does."""
        base, _, step = kind.rpartition(".")
        call = base in _CALLS
        channel: Path = (*_place(tree)[:2], "call") if call else (*_place(tree), base)
        echo: Path = ("logprobs",) if tree.get("logprobs") else ()
        if step == "delta" and isinstance(tree.get("delta"), str):
            reading.pieces.append(Piece(channel, ("delta",), tree["delta"], call=call, echo=echo))
            return True
        member = next((name for name in _TEXTS if isinstance(tree.get(name), str)), None)
        if step != "done" or member is None:
            return False
        reading.pieces.append(Piece(channel, (member,), tree[member], whole=True, call=call, echo=echo))
        reading.closed.append(channel)
        return True

    def _whole(self, response: Json, reading: Reading) -> None:
        path: Path = ("response",)
        for index, item in enumerate(listed(response.get("output"))):
            if isinstance(item, dict):
                at: Path = (*path, "output", index)
                self._item(item, at, ("item", index), at, reading)
        for name in ("output_text", "error"):
            reading.pieces += rest(response.get(name), (*path, name), ("response", name), whole=True)

    def _item(self, item: Json, path: Path, channel: Path, entry: Path, reading: Reading) -> None:
        read_item(item, path, channel, entry, reading)

    def passed(self, event: Event) -> None:
        """Take what went out, as far as an early end has to fit it."""
        tree = event.tree
        if not isinstance(tree, dict):
            return
        self._number = number(tree.get("sequence_number"), self._number) + 1
        kind = tree.get("type")
        if kind == "response.created" and isinstance(tree.get("response"), dict):
            self._response = tree["response"]
        if event.reading.block is None:
            return
        index = event.reading.block[0]
        self._next = max(self._next, index + 1)
        item = tree.get("item")
        if kind == "response.output_item.added" and isinstance(item, dict) and item.get("type") == "message":
            self._open[index] = MessageItem(str(item.get("id") or ""), index, self._emit)
        elif kind == "response.output_item.done" and isinstance(item, dict):
            self._open.pop(index, None)
            self._output[index] = event.shown()["item"]
        elif kind == "response.output_text.delta" and index in self._open:
            self._open[index].say("".join(piece.text for piece in event.reading.pieces), [])

    def failed(self, error: TianjiError) -> bytes:
        """Return the event of an error."""
        said = failure({"message": error.message, "code": error.code, "status": error.status})
        return named({"type": "error", **said, "param": error.param, "sequence_number": self._number})

    def refused(self, text: str) -> bytes:
        """Return the events that end what is open, say this text in an item of its own, and end the response."""
        self._events = []
        for index, item in sorted(self._open.items()):
            self._output[index] = item.end("incomplete")
        last = MessageItem(f"msg_{self._response.get('id', '')}_refusal", self._next, self._emit)
        last.begin()
        last.say(text, [])
        self._output[self._next] = last.end("completed")
        output = [self._output[index] for index in sorted(self._output)]
        self._emit("response.completed", {"response": {**self._response, "status": "completed", "output": output}})
        return b"".join(self._events)

    def _emit(self, kind: str, members: dict[str, Any]) -> None:
        if self._events is None:  # the upstream has said it
            return
        self._events.append(named({"type": kind, "sequence_number": self._number, **members}))
        self._number += 1


def _place(tree: Json) -> Path:
    """Return how the names of the channels begin that an event points to."""
    return (
        "item",
        number(tree.get("output_index")),
        number(tree.get("content_index", tree.get("summary_index"))),
    )


def read_item(item: Json, path: Path, channel: Path, entry: Path, reading: Reading) -> None:
    """Read an item that stands at `path`. `channel`: how the names of its channels begin; entry: see Piece."""
    kind = item.get("type")
    own: set[str] = set()
    found = called(item)
    if found is not None:
        member = found.member(item)
        own = {member}
        call: Path = (*channel, "call")
        at: Path = (*path, "name") if found.named else ()
        name_id = str(item.get("call_id") or item.get("id") or "")
        reading.names.append(Name(call, at, found.name(item), name_id, entry, found.kinds))
        given, at = item.get(member), (*path, member)
        if isinstance(given, str):
            reading.pieces.append(Piece(call, at, given, whole=True, call=True, entry=entry))
        elif given:
            text = encoded(given).decode()
            reading.pieces.append(Piece(call, at, text, whole=True, call=True, raw=True, entry=entry))
    elif kind in _ITEMS:
        member, base = _ITEMS[kind]
        own = {member}
        if isinstance(item.get(member), str):
            reading.pieces.append(Piece((*channel, 0, base), (*path, member), item[member], whole=True))
    for name in ("content", "summary"):
        if isinstance(item.get(name), list):
            own.add(name)
            for index, part in enumerate(item[name]):
                if isinstance(part, dict):
                    _part(part, (*path, name, index), (*channel, index), reading)
    others = {name: value for name, value in item.items() if name not in own}
    reading.pieces += rest(others, path, (*channel, "item"), opaque=OPAQUE_NAMES, whole=True)


def _part(part: Json, path: Path, channel: Path, reading: Reading) -> None:
    member, base = _PARTS.get(part.get("type", ""), ("", ""))
    text = part.get(member)
    if isinstance(text, str):
        echo: Path = (*path, "logprobs") if part.get("logprobs") else ()
        reading.pieces.append(Piece((*channel, base), (*path, member), text, whole=True, echo=echo))
    others = {name: value for name, value in part.items() if name not in (member, "logprobs")}
    reading.pieces += rest(others, path, (*channel, "part"), opaque=OPAQUE_NAMES, whole=True)
