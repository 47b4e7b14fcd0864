"""The events of a streamed message become chunks of the hub.

https://docs.anthropic.com/en/api/messages-streaming: blocks one after another, each with a start, deltas and a stop;
the counts of the end replace those of the beginning.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from tianji.protocol.anthropic.answers import annotation, custom_input
from tianji.protocol.anthropic.finish import finish_reason
from tianji.protocol.anthropic.names import ToolNames
from tianji.protocol.anthropic.structured import JSON_TOOL
from tianji.protocol.anthropic.turns import SERVER_BLOCKS
from tianji.protocol.anthropic.usage import tier_of, usage_of
from tianji.protocol.chat.answer import Chunk, ChunkChoice, Delta, FunctionDelta, ToolCallDelta
from tianji.protocol.chat.request import ThinkingBlock
from tianji.protocol.chat.seam import StreamFailed, Target
from tianji.protocol.chat.support import decoded_object, unreadable

Json = dict[str, Any]
_NONE: tuple[Chunk, ...] = ()


class _Opening(Struct):
    id: str = ""
    usage: Json | None = None


class _Change(Struct):
    """Members of all kinds of deltas."""

    type: str = ""
    text: str = ""
    partial_json: str = ""
    thinking: str = ""
    signature: str = ""
    citation: Json | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None


class _Event(Struct):
    type: str
    index: int = 0
    message: _Opening | None = None
    content_block: Json | None = None
    delta: _Change | None = None
    usage: Json | None = None


_EVENT = msgspec.json.Decoder(_Event)


class _Block:
    """A block that is open. `call`: its number among the calls of tools, -1: it is none for the client."""

    def __init__(self, given: Json, call: int = -1) -> None:
        self.given = given
        self.kind = given.get("type")
        self.name = str(given.get("name") or "")
        self.call = call
        self.json: list[str] = []


class Decoder:
    """Reads one stream."""

    text_member = "text"

    def __init__(self, names: ToolNames, target: Target, created: int, *, json_mode: bool) -> None:
        self.done = False
        self.finished = False
        self._names = names
        self._target = target
        self._created = created
        self._json_mode = json_mode
        self._answered = False
        self._id = ""
        self._usage: Json = {}
        self._blocks: dict[int, _Block] = {}
        self._calls = 0
        self._said = 0  # characters of text

    def event(self, name: str, payload: bytes) -> Iterable[Chunk]:
        """Take one event. Raises StreamFailed for an error, UpstreamProtocolError for what is no event of a message."""
        try:
            event = _EVENT.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            if name == "error":
                raise StreamFailed(payload) from None
            raise unreadable(self._target, str(error), payload) from None
        take = _TAKERS.get(event.type)  # None: a ping, and what comes in years to come
        if event.type == "error":
            raise StreamFailed(payload)
        return _NONE if take is None else take(self, event)

    def end(self) -> Iterable[Chunk]:
        """Take the end of a stream, which may lack its message_stop."""
        return self._counted() if self.finished and not self.done else _NONE

    def called(self, name: str, created: int) -> None:  # noqa: ARG002  it has its own
        """Date the answer otherwise."""
        self._created = created

    def passed(self, characters: int) -> None:
        """Learn how much text was handed on unread."""
        self._said += characters

    def _opened(self, event: _Event) -> Iterable[Chunk]:
        message = event.message or _Opening()
        self._id = message.id
        self._usage = dict(message.usage or {})
        return self._chunk(Delta(role="assistant", content=""))

    def _started(self, event: _Event) -> Iterable[Chunk]:
        given = event.content_block or {}
        block = self._blocks[event.index] = _Block(given)
        if block.kind == "text":
            return self._text(str(given.get("text") or ""))
        if block.kind == "thinking" and given.get("thinking"):
            return self._thought(str(given["thinking"]))
        if block.kind == "redacted_thinking":
            return self._block(ThinkingBlock(type=block.kind, data=str(given.get("data") or "")))
        if block.kind != "tool_use" or (self._json_mode and block.name == JSON_TOOL):
            self._answered = self._answered or block.kind == "tool_use"
            return _NONE
        block.call, self._calls = self._calls, self._calls + 1
        delta = ToolCallDelta(index=block.call, id=str(given.get("id") or ""))
        if block.name in self._names.customs:
            delta.type = "custom"
            delta.custom = {"name": self._names.own(block.name), "input": ""}
        else:
            delta.type = "function"
            delta.function = FunctionDelta(name=self._names.own(block.name), arguments="")
        return self._chunk(Delta(tool_calls=[delta]))

    def _changed(self, event: _Event) -> Iterable[Chunk]:
        block, delta = self._blocks.get(event.index), event.delta
        if block is None or delta is None:
            return _NONE
        if delta.type == "input_json_delta":
            return self._more_input(block, delta.partial_json)
        if delta.type == "text_delta":
            return self._text(delta.text)
        if delta.type == "thinking_delta":
            return self._thought(delta.thinking)
        if delta.type == "signature_delta":
            return self._block(ThinkingBlock(type="thinking", thinking="", signature=delta.signature))
        return _NONE if delta.citation is None else self._cited(delta.citation)

    def _more_input(self, block: _Block, text: str) -> Iterable[Chunk]:
        if text:
            block.json.append(text)
        if block.call < 0:
            return self._text(text) if block.kind == "tool_use" else _NONE
        if block.name in self._names.customs or not text:
            return _NONE  # the text of a tool that takes one is known when it is whole
        return self._arguments(block, text)

    def _stopped(self, event: _Event) -> Iterable[Chunk]:
        block = self._blocks.pop(event.index, None)
        if block is None or block.kind in {"text", "thinking", "redacted_thinking"}:
            return _NONE
        written = "".join(block.json)
        if block.kind == "tool_use":
            whole = written or _input(block.given)
            if block.call < 0:
                return _NONE if written else self._text(whole)
            if block.name in self._names.customs:
                custom = ToolCallDelta(index=block.call, custom={"input": custom_input(whole)})
                return self._chunk(Delta(tool_calls=[custom]))
            return _NONE if written else self._arguments(block, whole)
        whole_block = dict(block.given)  # of a tool of the provider's own
        if written:
            whole_block["input"] = decoded_object(written) or {}
        return self._chunk(Delta(provider_specific_fields={SERVER_BLOCKS: [whole_block]}))

    def _changed_message(self, event: _Event) -> Iterable[Chunk]:
        self._usage.update((name, value) for name, value in (event.usage or {}).items() if value is not None)
        delta = event.delta
        if delta is None or delta.stop_reason is None:
            return _NONE
        self.finished = True
        said = Delta()
        if delta.stop_sequence:
            said.provider_specific_fields = {"stop_sequence": delta.stop_sequence}
        return self._chunk(said, finish_reason(delta.stop_reason, json_mode=self._answered))

    def _ended(self, _event: _Event) -> Iterable[Chunk]:
        self.done = self.finished = True
        return self._counted()

    def _text(self, text: str) -> Iterable[Chunk]:
        self._said += len(text)
        return self._chunk(Delta(content=text)) if text else _NONE

    def _thought(self, text: str) -> Iterable[Chunk]:
        piece = ThinkingBlock(type="thinking", thinking=text)
        return self._chunk(Delta(reasoning_content=text, thinking_blocks=[piece])) if text else _NONE

    def _block(self, block: ThinkingBlock) -> Iterable[Chunk]:
        return self._chunk(Delta(thinking_blocks=[block]))

    def _arguments(self, block: _Block, text: str) -> Iterable[Chunk]:
        delta = ToolCallDelta(index=block.call, function=FunctionDelta(arguments=text))
        return self._chunk(Delta(tool_calls=[delta]))

    def _cited(self, citation: Json) -> Iterable[Chunk]:
        """Hand on a citation: it belongs to the text that follows it, whose end is not known yet."""
        delta = Delta(provider_specific_fields={"citations": [[citation]]})
        note = annotation(citation, self._said, self._said)
        if note is not None:
            delta.annotations = [note]
        return self._chunk(delta)

    def _counted(self) -> Iterable[Chunk]:
        if not self._usage:
            return _NONE
        tier = tier_of(self._usage)
        last = Chunk(id=self._id, created=self._created, model=self._target.model, choices=[])
        last.usage = usage_of(self._usage)
        last.service_tier = tier or UNSET
        return (last,)

    def _chunk(self, delta: Delta, reason: str | None = None) -> Iterable[Chunk]:
        choice = ChunkChoice(index=0, delta=delta, finish_reason=reason)
        return (Chunk(id=self._id, created=self._created, model=self._target.model, choices=[choice]),)


_TAKERS: Mapping[str, Callable[[Decoder, _Event], Iterable[Chunk]]] = {
    "message_start": Decoder._opened,
    "content_block_start": Decoder._started,
    "content_block_delta": Decoder._changed,
    "content_block_stop": Decoder._stopped,
    "message_delta": Decoder._changed_message,
    "message_stop": Decoder._ended,
}


def _input(given: Mapping[str, Any]) -> str:
    """Return the arguments of a call whose block came whole."""
    return msgspec.json.encode(given.get("input") or {}).decode()
