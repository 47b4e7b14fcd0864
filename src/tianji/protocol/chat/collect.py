"""The chunks of a streamed answer become the whole answer that says the same."""

import base64
import binascii
from collections.abc import Iterable
from typing import Any

from msgspec import UNSET, UnsetType

from tianji.protocol.chat.answer import AnswerMessage, Choice, Chunk, ChunkChoice, Completion, Delta, ToolCallDelta
from tianji.protocol.chat.request import FunctionCall, ThinkingBlock, ToolCall


def collect(chunks: Iterable[Chunk]) -> Completion | None:
    """Return what the chunks say together, None for none. A finish reason that never came is null."""
    found: dict[int, _Gathered] = {}
    whole: Completion | None = None
    for chunk in chunks:
        if whole is None:
            whole = Completion(id=chunk.id, created=chunk.created, model=chunk.model, choices=[])
        if chunk.usage is not None and chunk.usage is not UNSET:
            whole.usage = chunk.usage
        if chunk.service_tier is not UNSET:
            whole.service_tier = chunk.service_tier
        if chunk.system_fingerprint is not UNSET:
            whole.system_fingerprint = chunk.system_fingerprint
        for choice in chunk.choices:
            found.setdefault(choice.index, _Gathered()).add(choice)
    if whole is not None:
        whole.choices = [found[index].choice(index) for index in sorted(found)]
    return whole


class _Gathered:
    """One choice of a stream so far."""

    def __init__(self) -> None:
        self._message = AnswerMessage(role="assistant", content=None)
        self._calls: dict[int, ToolCall] = {}
        self._sound: list[bytes] = []
        self._finish: str | None = None
        self._logprobs: dict[str, Any] | None = None

    def add(self, choice: ChunkChoice) -> None:
        """Take one piece."""
        self._finish = choice.finish_reason or self._finish
        self._say(choice.delta)
        if isinstance(choice.logprobs, dict):
            kept = self._logprobs = self._logprobs or {}
            for name, value in choice.logprobs.items():
                kept[name] = [*(kept.get(name) or []), *value] if isinstance(value, list) else value

    def choice(self, index: int) -> Choice:
        """Return the whole."""
        message = self._message
        if self._calls:
            message.tool_calls = [self._calls[at] for at in sorted(self._calls)]
        if self._sound and isinstance(message.audio, dict):
            message.audio["data"] = base64.b64encode(b"".join(self._sound)).decode()
        logprobs = UNSET if self._logprobs is None else self._logprobs
        return Choice(index=index, message=message, finish_reason=self._finish, logprobs=logprobs)

    def _say(self, delta: Delta) -> None:
        message = self._message
        if delta.role is not UNSET:
            message.role = delta.role
        if isinstance(delta.content, str):
            message.content = (message.content or "") + delta.content
        if isinstance(delta.refusal, str):
            message.refusal = (message.refusal or "") + delta.refusal
        if delta.reasoning_content is not UNSET:
            message.reasoning_content = (message.reasoning_content or "") + delta.reasoning_content
        for block in delta.thinking_blocks or []:
            message.thinking_blocks = _with_block(message.thinking_blocks, block)
        for call in delta.tool_calls or []:
            self._call(call)
        message.annotations = _longer(message.annotations, delta.annotations)
        message.images = _longer(message.images, delta.images)
        if isinstance(delta.audio, dict):
            self._hear(delta.audio)
        if isinstance(delta.provider_specific_fields, dict):
            message.provider_specific_fields = merged(message.provider_specific_fields, delta.provider_specific_fields)

    def _call(self, piece: ToolCallDelta) -> None:
        call = self._calls.get(piece.index)
        if call is None:
            call = self._calls[piece.index] = ToolCall(id="", type="function")
        if piece.id is not UNSET:
            call.id = piece.id
        if piece.type is not UNSET:
            call.type = piece.type
        if piece.function is not UNSET:
            said = call.function = call.function or FunctionCall("", "")
            said.name += piece.function.name or ""
            said.arguments += piece.function.arguments or ""
        if isinstance(piece.custom, dict):
            custom = call.custom = call.custom or {}
            for name, value in piece.custom.items():
                custom[name] = custom.get(name, "") + value if isinstance(value, str) else value
        if isinstance(piece.provider_specific_fields, dict):
            call.provider_specific_fields = merged(call.provider_specific_fields, piece.provider_specific_fields)

    def _hear(self, piece: dict[str, Any]) -> None:
        heard = self._message.audio
        if not isinstance(heard, dict):
            heard = self._message.audio = {}
        for name, value in piece.items():
            if name == "data":
                try:
                    self._sound.append(base64.b64decode(value))
                except (binascii.Error, TypeError, ValueError):
                    continue
            elif name == "transcript" and isinstance(value, str):
                heard[name] = heard.get(name, "") + value
            else:
                heard[name] = value


def _with_block(blocks: list[ThinkingBlock] | UnsetType, piece: ThinkingBlock) -> list[ThinkingBlock]:
    """Append a piece: to the block that is open, which a signature closes, or as a block of its own."""
    kept = blocks or []
    last = kept[-1] if kept else None
    if piece.type != "thinking" or last is None or last.type != "thinking" or last.signature:
        kept.append(ThinkingBlock(type=piece.type, thinking=piece.thinking, signature=piece.signature, data=piece.data))
        return kept
    if piece.thinking:
        last.thinking = (last.thinking or "") + piece.thinking
    last.signature = piece.signature
    return kept


def _longer(
    kept: list[dict[str, Any]] | UnsetType, more: list[dict[str, Any]] | UnsetType
) -> list[dict[str, Any]] | UnsetType:
    return kept if more is UNSET else [*(kept or []), *more]


def merged(kept: dict[str, Any] | UnsetType | None, more: dict[str, Any]) -> dict[str, Any]:
    """Return a provider's own fields of several pieces: lists become longer, everything else is what came last."""
    found = dict(kept or {})
    for name, value in more.items():
        old = found.get(name)
        found[name] = [*old, *value] if isinstance(old, list) and isinstance(value, list) else value
    return found
