"""Reads an answer of Cohere's, whole or streamed, as chunks of the hub.

https://docs.cohere.com/docs/streaming: an event says its type, and nests what is new as the whole answer has it, so
that one function reads a message and a piece of one.
"""

import os
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, Struct

from tianji.clock import Clock
from tianji.protocol.chat.answer import (
    Chunk,
    ChunkChoice,
    Completion,
    Delta,
    FunctionDelta,
    PromptDetails,
    ToolCallDelta,
    Usage,
)
from tianji.protocol.chat.collect import collect
from tianji.protocol.chat.seam import StreamFailed, Target
from tianji.protocol.chat.support import decoded, unreadable
from tianji.protocol.cohere.citations import note

Json = dict[str, Any]

_FINISH: Final[Mapping[str, str]] = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
    "ERROR_TOXIC": "content_filter",
}
_FAILED: Final = frozenset({"ERROR", "TIMEOUT", "ERROR_LIMIT"})


class _Function(Struct):
    name: str | None = None
    arguments: str | None = None


class _Call(Struct):
    id: str | None = None
    function: _Function | None = None


class _Content(Struct):
    type: str = "text"
    text: str | None = None
    thinking: str | None = None


class _Message(Struct):
    content: list[_Content] | _Content | str | None = None
    tool_plan: str | None = None
    tool_calls: list[_Call] | _Call | None = None
    citations: list[Json] | Json | None = None


_Count = Annotated[float, Meta(ge=0, le=1 << 53)]


class _Tokens(Struct):
    input_tokens: _Count | None = None
    output_tokens: _Count | None = None


class _Usage(Struct):
    tokens: _Tokens | None = None
    billed_units: Json | None = None
    cached_tokens: _Count | None = None  # of the prompt's, those that the cache had


class _Delta(Struct):
    message: _Message | None = None
    finish_reason: str | None = None
    usage: _Usage | None = None
    error: str | None = None


class _Logprobs(Struct):
    """A piece of text, and the log probability of each token in it: which of it is whose is not said."""

    text: str | None = None
    logprobs: list[float] | None = None


class _Event(Struct):
    type: str = ""
    id: str | None = None
    index: int = 0
    delta: _Delta | None = None
    logprobs: _Logprobs | None = None


class _Answer(Struct):
    id: str | None = None
    message: _Message | None = None
    finish_reason: str | None = None
    usage: _Usage | None = None
    logprobs: list[_Logprobs] | None = None


class Decoder:
    """Reads one answer."""

    text_member = "text"

    def __init__(self, target: Target, clock: Clock) -> None:
        self.done = False
        self._target = target
        self._id = f"chatcmpl-{os.urandom(12).hex()}"
        self._created = int(clock.now())
        self._begun = False
        self._calls = 0
        self._reason: str | None = None
        self._usage: _Usage | None = None

    @property
    def finished(self) -> bool:
        """Whether Cohere said why the answer ended."""
        return self._reason is not None

    def event(self, name: str, payload: bytes) -> Iterable[Chunk]:  # noqa: ARG002  the data says its type too
        """Take one event. Raises StreamFailed where generating failed, UpstreamProtocolError for what is no event."""
        event = decoded(payload, _Event, self._target)
        delta = event.delta
        self._id = event.id or self._id
        if delta is None:
            return []
        if event.type == "message-end":
            if delta.error or delta.finish_reason in _FAILED:
                why = delta.error or f"it ended with {delta.finish_reason}"
                raise StreamFailed(msgspec.json.encode({"error": {"message": why, "type": "server_error"}}))
            self._end(delta.finish_reason, delta.usage)
            self.done = True
        if delta.message is None or not event.type.endswith(("-start", "-delta")):
            return []
        said = self._said(delta.message, begins=event.type == "tool-call-start")
        likely = _likely(event.logprobs)
        return [] if said == Delta() and not likely else [self._chunk(said, likely=likely)]

    def end(self) -> Iterable[Chunk]:
        """Return the finish reason and the usage."""
        if self._reason is None:
            return []
        delta = Delta()
        if self._reason not in _FINISH:
            delta.provider_specific_fields = {"native_finish_reason": self._reason}
        chunks = [self._chunk(delta, _FINISH.get(self._reason, "stop"))]
        if self._usage is not None:
            usage = _usage_of(self._usage)
            chunks.append(Chunk(id=self._id, created=self._created, model=self._target.model, choices=[], usage=usage))
        return chunks

    def called(self, name: str, created: int) -> None:
        """Name and date the answer otherwise."""
        self._id, self._created = name, created

    def passed(self, characters: int) -> None:
        """Learn how much text was handed on unread, which changes nothing here."""

    def whole(self, body: bytes) -> Completion:
        """Read a whole answer. Raises UpstreamProtocolError."""
        answer = decoded(body, _Answer, self._target)
        if answer.message is None:
            raise unreadable(self._target, "it has no message", body)
        self._id = answer.id or self._id
        likely = [token for piece in answer.logprobs or () for token in _likely(piece)]
        first = self._chunk(self._said(answer.message, begins=True), likely=likely)
        self._end(answer.finish_reason, answer.usage)
        found = collect([first, *self.end()])
        if found is None:
            raise unreadable(self._target, "it is empty", body)
        return found

    def _said(self, message: _Message, *, begins: bool) -> Delta:
        """Return what a message, or a piece of one, says. begins: its calls are new ones."""
        delta = Delta()
        content = message.content
        if isinstance(content, str):
            delta.content = content or UNSET
        for part in content if isinstance(content, list) else [content] if isinstance(content, _Content) else []:
            if part.text:
                delta.content = (delta.content or "") + part.text
            if part.thinking:
                delta.reasoning_content = (delta.reasoning_content or "") + part.thinking
        if message.tool_plan:
            delta.reasoning_content = (delta.reasoning_content or "") + message.tool_plan
        calls = message.tool_calls
        found = [self._call(call, begins=begins) for call in (calls if isinstance(calls, list) else [calls]) if call]
        if found:
            delta.tool_calls = found
        if message.citations:
            note(delta, message.citations if isinstance(message.citations, list) else [message.citations])
        return delta

    def _call(self, call: _Call, *, begins: bool) -> ToolCallDelta:
        """Return a call or a piece of one; calls come one after the other."""
        said = call.function or _Function()
        function = FunctionDelta(arguments=said.arguments or "")
        if not begins:
            return ToolCallDelta(index=max(self._calls - 1, 0), function=function)
        self._calls += 1
        function.name = said.name or ""
        call_id = call.id or f"call_{os.urandom(12).hex()}"
        return ToolCallDelta(index=self._calls - 1, id=call_id, type="function", function=function)

    def _end(self, reason: str | None, usage: _Usage | None) -> None:
        self._reason = reason or "COMPLETE"
        self._usage = usage

    def _chunk(self, delta: Delta, reason: str | None = None, likely: list[Json] | None = None) -> Chunk:
        if not self._begun:
            self._begun, delta.role = True, "assistant"
        choice = ChunkChoice(index=0, delta=delta, finish_reason=reason)
        if likely:
            choice.logprobs = {"content": likely, "refusal": None}
        return Chunk(id=self._id, created=self._created, model=self._target.model, choices=[choice])


def _likely(piece: _Logprobs | None) -> list[Json]:
    """Return the tokens of a piece as OpenAI has them.

    Cohere sends a token a piece. Where it is several, the first stands for the text, and the others for no text.
    """
    if piece is None or not piece.logprobs:
        return []
    texts = [piece.text or "", *([""] * (len(piece.logprobs) - 1))]
    return [
        {"token": text, "logprob": logprob, "bytes": list(text.encode("utf-8", "replace")), "top_logprobs": []}
        for text, logprob in zip(texts, piece.logprobs, strict=True)
    ]


def _usage_of(usage: _Usage) -> Usage:
    """Return the tokens that were read and made, whatever of them is billed."""
    tokens = usage.tokens or _Tokens()
    prompt, made = int(tokens.input_tokens or 0), int(tokens.output_tokens or 0)
    found = Usage(prompt_tokens=prompt, completion_tokens=made, total_tokens=prompt + made)
    if usage.cached_tokens:
        cached = int(usage.cached_tokens)
        found.prompt_tokens_details = PromptDetails(cached_tokens=cached)
        found.cache_read_input_tokens = cached
    return found
