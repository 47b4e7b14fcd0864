"""A stream in Anthropic's Messages form (https://docs.anthropic.com/en/docs/build-with-claude/streaming).

Blocks follow each other there, and only one is open. Upstreams of other protocols may write several calls side by
side, so a block that begins while a call is unfinished waits until that is whole; everything else goes out at once.
"""

from typing import Any, Final

import msgspec

from tianji.dialects.arguments import is_whole
from tianji.dialects.messages.answering import (
    call_id,
    ending,
    input_of,
    message_id,
    spoken,
    thinking_block,
    usage_of,
)
from tianji.dialects.messages.failing import failure_event
from tianji.dialects.tool_names import ToolNames
from tianji.protocol.anthropic.turns import SERVER_BLOCKS
from tianji.protocol.chat import citations
from tianji.protocol.chat.answer import Chunk, Delta, ToolCallDelta, Usage
from tianji.protocol.chat.request import ThinkingBlock

_encode: Final = msgspec.json.Encoder().encode
_PING: Final = b'event: ping\ndata: {"type":"ping"}\n\n'
_STOP: Final = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


class _Block:
    """A block of the answer. `arguments`: what was said of a call so far, None for other kinds.

    `free`: the same of a call of a custom tool, which is any text; it becomes an object where the block ends.
    """

    __slots__ = ("arguments", "deltas", "free", "key", "start")

    def __init__(self, key: object, start: dict[str, Any], arguments: list[str] | None = None) -> None:
        self.key = key
        self.start = start
        self.deltas: list[bytes] = []  # those that wait, encoded
        self.arguments = arguments
        self.free = ""

    @property
    def may_end(self) -> bool:
        """Whether another block may begin: a text ends where the next thing begins, a call when it is whole."""
        return self.arguments is None or is_whole(self.arguments)


class MessagesEncoder:
    """Writes one stream. `prompt_tokens`: an estimate for the first event, which some clients read and no other."""

    repeats = True

    def __init__(self, names: ToolNames, prompt_tokens: int) -> None:
        self._names = names
        self._prompt_tokens = prompt_tokens
        self._begun = False
        self._index = 0
        self._blocks: list[_Block] = []  # the first is open, the others wait
        self._calls: dict[int, _Block] = {}
        self._finish: str | None = None
        self._refused = False
        self._stop_sequence: object = None
        self._usage: Usage | None = None

    def chunk(self, chunk: Chunk) -> bytes:
        """Take the next piece of the answer."""
        out: list[bytes] = []
        if not self._begun:
            self._begin(chunk.id, chunk.model, out)
        if chunk.usage:
            self._usage = chunk.usage
        for choice in chunk.choices:
            if choice.index == 0:
                self._take(choice.delta, out)
                self._finish = choice.finish_reason or self._finish
        return b"".join(out)

    def end(self) -> bytes:
        """End the stream as one that is whole."""
        out: list[bytes] = []
        if not self._begun:
            self._begin("", "", out)
        while self._blocks:
            self._close(out)
        delta = ending(self._finish, self._stop_sequence, refused=self._refused)
        usage = usage_of(self._usage, None) if self._usage else {"output_tokens": 0}
        out.append(_event(b"message_delta", {"type": "message_delta", "delta": delta, "usage": usage}))
        out.append(_STOP)
        return b"".join(out)

    def failed(self, error: dict[str, object]) -> bytes:
        """End the stream as one that is not."""
        return failure_event(error)

    def _begin(self, upstream_id: str, model: str, out: list[bytes]) -> None:
        self._begun = True
        message: dict[str, Any] = {
            "id": message_id(upstream_id),
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": self._prompt_tokens, "output_tokens": 0},
        }
        out.append(_event(b"message_start", {"type": "message_start", "message": message}))
        out.append(_PING)

    def _take(self, delta: Delta, out: list[bytes]) -> None:
        if delta.thinking_blocks:
            for block in delta.thinking_blocks:
                self._think(block, out)
        elif delta.reasoning_content:
            self._add("thinking", _thinking(), _text_delta(b"thinking", delta.reasoning_content), out)
        if delta.content:
            self._add("text", _text(), _text_delta(b"text", delta.content), out)
        elif delta.audio and (transcript := spoken(delta.audio)):
            self._add("text", _text(), _text_delta(b"text", transcript), out)
        if delta.refusal:
            self._refused = True
            self._add("text", _text(), _text_delta(b"text", delta.refusal), out)
        if delta.annotations or delta.provider_specific_fields:
            self._note(delta.annotations or [], delta.provider_specific_fields or {}, out)
        for call in delta.tool_calls or ():
            self._call(call, out)

    def _note(self, annotations: list[dict[str, Any]], fields: dict[str, Any], out: list[bytes]) -> None:
        """Take what has no place of its own in the hub's form."""
        self._stop_sequence = fields.get("stop_sequence") or self._stop_sequence
        for one in citations.all_of(annotations, fields):
            self._add("text", _text(), _encode({"type": "citations_delta", "citation": one}), out)
        for block in fields.get(SERVER_BLOCKS) or ():
            self._add(object(), block, b"", out)

    def _think(self, block: ThinkingBlock, out: list[bytes]) -> None:
        if block.type == "redacted_thinking":
            self._add(object(), thinking_block(block), b"", out)
            return
        if block.thinking:
            self._add("thinking", _thinking(), _text_delta(b"thinking", block.thinking), out)
        if block.signature:
            self._add("thinking", _thinking(), _text_delta(b"signature", block.signature), out)
            self._blocks[-1].key = None  # what is thought after a signature is another block

    def _call(self, call: ToolCallDelta, out: list[bytes]) -> None:
        known = self._calls.get(call.index)
        custom = call.custom or None
        if known is None:
            named = custom.get("name") if custom else call.function.name if call.function else None
            made = call_id(call.id or f"call_{call.index}")
            start = {"type": "tool_use", "id": made, "name": self._names.original(str(named or "")), "input": {}}
            known = self._calls[call.index] = _Block(call.index, start, None if custom else [])
            self._append(known, out)
        if custom:
            known.free += str(custom.get("input") or "")
        given = call.function.arguments if call.function else None
        if given and known.arguments is not None and known in self._blocks:
            known.arguments.append(given)
            self._put(known, _input_delta(given), out)

    def _add(self, key: object, start: dict[str, Any], delta: bytes, out: list[bytes]) -> None:
        """Add to the last block where that is of the same kind, else to a new one."""
        last = self._blocks[-1] if self._blocks else None
        if last is None or last.key != key:
            last = _Block(key, start)
            self._append(last, out)
        if delta:
            self._put(last, delta, out)

    def _append(self, block: _Block, out: list[bytes]) -> None:
        self._blocks.append(block)
        if len(self._blocks) == 1:
            self._open(out)
        else:
            self._advance(out)

    def _put(self, block: _Block, delta: bytes, out: list[bytes]) -> None:
        if block is not self._blocks[0]:
            block.deltas.append(delta)
            return
        out.append(self._delta(delta))
        if len(self._blocks) > 1:
            self._advance(out)

    def _advance(self, out: list[bytes]) -> None:
        while len(self._blocks) > 1 and self._blocks[0].may_end:
            self._close(out)

    def _open(self, out: list[bytes]) -> None:
        block = self._blocks[0]
        payload = {"type": "content_block_start", "index": self._index, "content_block": block.start}
        out.append(_event(b"content_block_start", payload))
        out.extend(map(self._delta, block.deltas))

    def _close(self, out: list[bytes]) -> None:
        """End the block that is open and begin the next one, if one waits."""
        if free := self._blocks[0].free:
            out.append(self._delta(_input_delta(_encode(input_of(free)).decode())))
        out.append(
            b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n' % self._index,
        )
        self._index += 1
        del self._blocks[0]
        if self._blocks:
            self._open(out)

    def _delta(self, delta: bytes) -> bytes:
        return b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":%b}\n\n' % (
            self._index,
            delta,
        )


def _event(name: bytes, payload: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name, _encode(payload))


def _text_delta(kind: bytes, text: str) -> bytes:
    """Encode a piece of text: `thinking` in a thinking_delta, and so on."""
    return b'{"type":"%b_delta","%b":%b}' % (kind, kind, _encode(text))


def _input_delta(arguments: str) -> bytes:
    return b'{"type":"input_json_delta","partial_json":%b}' % _encode(arguments)


def _text() -> dict[str, Any]:
    return {"type": "text", "text": ""}


def _thinking() -> dict[str, Any]:
    return {"type": "thinking", "thinking": "", "signature": ""}
