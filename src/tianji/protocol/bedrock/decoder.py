"""Reads an answer of Converse, whole or streamed, as chunks of the hub.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStreamOutput.html. A whole answer is told to
the same decoder block by block, so that both say the same.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import UNSET

from tianji.clock import Clock
from tianji.protocol.bedrock import wire
from tianji.protocol.bedrock.citations import cited
from tianji.protocol.bedrock.event_stream import EXCEPTION
from tianji.protocol.bedrock.names import Names
from tianji.protocol.bedrock.usage import usage_of
from tianji.protocol.chat.answer import Chunk, ChunkChoice, Completion, Delta, FunctionDelta, ToolCallDelta, Usage
from tianji.protocol.chat.citations import page
from tianji.protocol.chat.collect import collect
from tianji.protocol.chat.request import ThinkingBlock
from tianji.protocol.chat.seam import StreamFailed, Target
from tianji.protocol.chat.support import decoded, unreadable

Json = dict[str, Any]

JSON_TOOL = "json_tool_call"  # whose input is the answer that the client asked for

_FINISH: Mapping[str, str] = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "refusal": "content_filter",
}
_PLAIN = frozenset({"end_turn", "stop_sequence", "max_tokens", "tool_use"})

# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html#API_runtime_ConverseStream_Errors
_STATUSES: Mapping[str, int] = {
    "validationException": 400,
    "accessDeniedException": 403,
    "resourceNotFoundException": 404,
    "modelTimeoutException": 408,
    "modelErrorException": 424,
    "modelStreamErrorException": 424,
    "throttlingException": 429,
    "modelNotReadyException": 429,
    "serviceQuotaExceededException": 429,
    "internalServerException": 503,
    "serviceUnavailableException": 503,
}


class Decoder:
    """Reads one answer. `json_tool`: what is given to the tool of that purpose is what the model says."""

    text_member = "text"

    def __init__(self, target: Target, names: Names, clock: Clock, *, json_tool: bool) -> None:
        self.done = False
        self._target = target
        self._names = names
        self._json_tool = json_tool
        self._id = f"chatcmpl-{os.urandom(12).hex()}"
        self._created = int(clock.now())
        self._begun = False
        self._calls: dict[int, int] = {}  # numbers of the calls, by their blocks
        self._said: set[int] = set()  # blocks of the tool for JSON
        self._reason: str | None = None
        self._fields: Json = {}
        self._usage: Usage | None = None
        self._tier: str | None = None
        self._so_far = 0  # characters of text
        self._began: dict[int, int] = {}  # where in it the texts of blocks begin

    @property
    def finished(self) -> bool:
        """Whether the model said why it stopped."""
        return self._reason is not None

    def event(self, name: str, payload: bytes) -> Iterable[Chunk]:
        """Take one event. Raises StreamFailed for an exception, UpstreamProtocolError for what is no event."""
        if name.startswith(EXCEPTION):
            raise StreamFailed(failure(name.removeprefix(EXCEPTION), payload))
        delta: Delta | None = None
        if name == "contentBlockStart":
            start = decoded(payload, wire.BlockStart, self._target)
            if start.start is not None and start.start.tool_use is not None:
                delta = self._call(start.content_block_index, start.start.tool_use)
        elif name == "contentBlockDelta":
            found = decoded(payload, wire.BlockDelta, self._target)
            delta = self._piece(found.content_block_index, found.delta)
        elif name == "messageStop":
            stop = decoded(payload, wire.MessageStop, self._target)
            self._stop(stop.stop_reason, stop.additional_model_response_fields)
        elif name == "metadata":
            self._note(decoded(payload, wire.Metadata, self._target))
            self.done = self.finished
        return [] if delta is None else [self._chunk(delta)]

    def end(self) -> Iterable[Chunk]:
        """Return the finish reason and the usage."""
        if self._reason is None:
            return []
        reason = _FINISH.get(self._reason, "stop")
        if reason == "tool_calls" and not self._calls:
            reason = "stop"
        delta = Delta(provider_specific_fields=self._fields) if self._fields else Delta()
        chunks = [self._chunk(delta, reason)]
        if self._usage is not None:
            last = Chunk(id=self._id, created=self._created, model=self._target.model, choices=[], usage=self._usage)
            if self._tier:
                last.service_tier = self._tier
            chunks.append(last)
        return chunks

    def called(self, name: str, created: int) -> None:
        """Name and date the answer otherwise."""
        self._id, self._created = name, created

    def passed(self, characters: int) -> None:
        """Learn how much text was handed on unread."""
        self._so_far += characters

    def whole(self, body: bytes) -> Completion:
        """Read a whole answer. Raises UpstreamProtocolError."""
        found = decoded(body, wire.Converse, self._target)
        if found.output is None or found.output.message is None:
            raise unreadable(self._target, "it has no message", body)
        chunks: list[Chunk] = []
        for index, block in enumerate(found.output.message.content or []):
            chunks += map(self._chunk, self._block(index, block))
        self._stop(found.stop_reason, found.additional_model_response_fields)
        self._note(found)
        completion = collect([*chunks, *self.end()])
        if completion is None:  # the end said something: there is a reason
            raise unreadable(self._target, "it is empty", body)
        return completion

    def _block(self, index: int, block: wire.Block) -> Iterator[Delta]:
        if block.tool_use is not None:
            start = self._call(index, block.tool_use)
            if start is not None:
                yield start
            arguments = msgspec.json.encode(block.tool_use.input or {}).decode()
            yield self._piece(index, wire.Piece(tool_use=wire.InputPiece(arguments)))
        if block.text:
            yield self._piece(index, wire.Piece(text=block.text))
        for piece in _thoughts(block.reasoning_content):
            yield self._piece(index, wire.Piece(reasoning_content=piece))
        if block.citations_content is not None:
            for said in block.citations_content.content or []:
                yield self._piece(index, wire.Piece(text=said.text))
            for citation in block.citations_content.citations or []:
                yield self._piece(index, wire.Piece(citation=citation))

    def _call(self, index: int, use: wire.ToolUse) -> Delta | None:
        if self._json_tool and use.name == JSON_TOOL:
            self._said.add(index)
            return None
        number = self._calls.setdefault(index, len(self._calls))
        function = FunctionDelta(name=self._names.back(use.name), arguments="")
        call_id = use.tool_use_id or f"call_{os.urandom(12).hex()}"
        return Delta(tool_calls=[ToolCallDelta(index=number, id=call_id, type="function", function=function)])

    def _piece(self, index: int, piece: wire.Piece) -> Delta:
        if piece.tool_use is not None:
            if index in self._said:
                return Delta(content=piece.tool_use.input)
            number = self._calls.setdefault(index, len(self._calls))
            function = FunctionDelta(arguments=piece.tool_use.input)
            return Delta(tool_calls=[ToolCallDelta(index=number, function=function)])
        if piece.reasoning_content is not None:
            return _thought(piece.reasoning_content)
        if piece.citation is not None:
            return self._cited(index, piece.citation)
        self._began.setdefault(index, self._so_far)
        self._so_far += len(piece.text or "")
        return Delta(content=piece.text or UNSET)

    def _cited(self, index: int, given: Json) -> Delta:
        found = cited(given)
        delta = Delta(provider_specific_fields={"citations": [[found]]})
        if (url := found.get("url")) is not None:
            start = self._began.get(index, self._so_far)
            delta.annotations = [page(url, found["title"], start, self._so_far)]
        return delta

    def _stop(self, reason: str | None, fields: Json | None) -> None:
        self._reason = reason or "end_turn"
        if self._reason not in _PLAIN:
            self._fields["native_finish_reason"] = self._reason
        if fields:
            self._fields["additional_model_response_fields"] = fields

    def _note(self, metadata: wire.Metadata) -> None:
        if metadata.usage is not None:
            self._usage = usage_of(metadata.usage)
        if metadata.trace:
            self._fields["trace"] = metadata.trace
        self._tier = (metadata.service_tier or {}).get("type")

    def _chunk(self, delta: Delta, reason: str | None = None) -> Chunk:
        if not self._begun:
            self._begun, delta.role = True, "assistant"
        choice = ChunkChoice(index=0, delta=delta, finish_reason=reason)
        return Chunk(id=self._id, created=self._created, model=self._target.model, choices=[choice])


def _thought(piece: wire.ReasoningPiece) -> Delta:
    if piece.redacted_content:
        return Delta(thinking_blocks=[ThinkingBlock(type="redacted_thinking", data=piece.redacted_content)])
    if piece.signature:
        return Delta(thinking_blocks=[ThinkingBlock(type="thinking", signature=piece.signature)])
    if not piece.text:
        return Delta()
    block = ThinkingBlock(type="thinking", thinking=piece.text)
    return Delta(reasoning_content=piece.text, thinking_blocks=[block])


def _thoughts(thought: wire.Reasoning | None) -> Iterator[wire.ReasoningPiece]:
    """Yield a thought as a stream would say it."""
    if thought is None:
        return
    if thought.redacted_content:
        yield wire.ReasoningPiece(redacted_content=thought.redacted_content)
    said = thought.reasoning_text
    if said is not None and said.text:
        yield wire.ReasoningPiece(text=said.text)
    if said is not None and said.signature:
        yield wire.ReasoningPiece(signature=said.signature)


def failure(kind: str, payload: bytes) -> bytes:
    """Return an exception as JSON that says its status too, which stands nowhere else in a stream."""
    try:
        said = msgspec.json.decode(payload)
    except (msgspec.DecodeError, RecursionError):
        said = None
    message = said.get("message") if isinstance(said, dict) else None
    code = str(_STATUSES.get(kind, 500))
    return msgspec.json.encode(
        {"error": {"message": message if isinstance(message, str) else kind, "type": kind, "code": code}}
    )
