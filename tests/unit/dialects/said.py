"""Answers made up for the dialects' tests: as a whole, and as the same thing said in chunks."""

from dataclasses import dataclass, field
from typing import Any

import msgspec
from hypothesis import strategies as st

from tianji.protocol.chat.answer import (
    AnswerMessage,
    Choice,
    Chunk,
    ChunkChoice,
    Completion,
    Delta,
    FunctionDelta,
    ToolCallDelta,
    Usage,
)
from tianji.protocol.chat.request import FunctionCall, ThinkingBlock, ToolCall

USAGE = Usage(prompt_tokens=12, completion_tokens=5, total_tokens=17)
BASE: dict[str, Any] = {"id": "chatcmpl-1", "created": 1_700_000_000, "model": "some-model"}


@dataclass
class Said:
    """What a model said. Calls: id, name, arguments."""

    thinking: str = ""
    signature: str = ""
    text: str = ""
    calls: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    finish: str = "stop"

    def whole(self) -> Completion:
        calls = [
            ToolCall(id=call_id, type="function", function=FunctionCall(name, msgspec.json.encode(given).decode()))
            for call_id, name, given in self.calls
        ]
        message = AnswerMessage(role="assistant", content=self.text or None)
        if calls:
            message.tool_calls = calls
        if self.thinking:
            message.reasoning_content = self.thinking
        if self.thinking and self.signature:
            block = ThinkingBlock(type="thinking", thinking=self.thinking, signature=self.signature)
            message.thinking_blocks = [block]
        choice = Choice(index=0, message=message, finish_reason=self.finish)
        return Completion(**BASE, choices=[choice], usage=USAGE)

    def pieces(self, cut: int) -> list[list[Delta]]:
        """The deltas of each strand: thinking, text, and one of each call. `cut`: characters a piece."""
        strands = []
        if self.thinking:
            signed = [ThinkingBlock(type="thinking", thinking="", signature=self.signature)] if self.signature else []
            strands.append([_thought(piece, bool(self.signature)) for piece in _cut(self.thinking, cut)])
            strands[-1] += [Delta(thinking_blocks=[block]) for block in signed]
        if self.text:
            strands.append([Delta(content=piece) for piece in _cut(self.text, cut)])
        for index, (call_id, name, given) in enumerate(self.calls):
            first = ToolCallDelta(index=index, id=call_id, type="function", function=FunctionDelta(name=name))
            arguments = msgspec.json.encode(given).decode()
            rest = [ToolCallDelta(index=index, function=FunctionDelta(arguments=one)) for one in _cut(arguments, cut)]
            strands.append([Delta(tool_calls=[call]) for call in (first, *rest)])
        return strands


def chunk(delta: Delta, finish: str | None = None) -> Chunk:
    return Chunk(**BASE, choices=[ChunkChoice(index=0, delta=delta, finish_reason=finish)])


def chunks_of(deltas: list[Delta], finish: str) -> list[Chunk]:
    """A stream as upstreams send it: a role first, the reason by itself, and the usage at the end."""
    return [
        chunk(Delta(role="assistant", content="")),
        *map(chunk, deltas),
        chunk(Delta(), finish),
        Chunk(**BASE, choices=[], usage=USAGE),
    ]


def in_order(said: Said, cut: int = 3) -> list[Chunk]:
    return chunks_of([delta for strand in said.pieces(cut) for delta in strand], said.finish)


def _cut(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def _thought(piece: str, signed: bool) -> Delta:
    delta = Delta(reasoning_content=piece)
    if signed:
        delta.thinking_blocks = [ThinkingBlock(type="thinking", thinking=piece)]
    return delta


_text = st.text(st.characters(codec="utf-8"), max_size=12)
_calls = st.lists(st.tuples(st.just("f"), st.dictionaries(_text, _text | st.integers(0, 9), max_size=3)), max_size=3)


@st.composite
def answers(draw: st.DrawFn) -> Said:
    calls = [(f"call_{number}", name, given) for number, (name, given) in enumerate(draw(_calls))]
    finish = "tool_calls" if calls else draw(st.sampled_from(["stop", "length", "content_filter"]))
    return Said(draw(_text), draw(st.sampled_from(["", "c2ln"])), draw(_text), calls, finish)


@st.composite
def streams(draw: st.DrawFn) -> tuple[Said, list[Chunk]]:
    """An answer, and chunks of it: reasoning before all else, text and calls woven into each other at random."""
    said = draw(answers())
    strands = said.pieces(draw(st.integers(1, 5)))
    deltas = strands.pop(0) if said.thinking else []
    while strands := [strand for strand in strands if strand]:
        deltas.append(draw(st.sampled_from(strands)).pop(0))
    return said, chunks_of(deltas, said.finish)


def events_of(data: bytes) -> list[dict[str, Any]]:
    """Read events; each must say its name twice."""
    found = []
    for frame in data.decode().split("\n\n")[:-1]:
        name, payload = frame.split("\n")
        found.append(msgspec.json.decode(payload.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    return found
