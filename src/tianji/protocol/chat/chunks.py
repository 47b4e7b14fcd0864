"""The chunks of one answer, for decoders of upstreams that name neither it nor its time."""

import os
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from tianji.clock import Clock
from tianji.protocol.chat.answer import Chunk, ChunkChoice, Completion, Delta, FunctionDelta, ToolCallDelta, Usage
from tianji.protocol.chat.collect import collect
from tianji.protocol.chat.seam import Target
from tianji.protocol.chat.support import decoded, unreadable

T = TypeVar("T")


class Chunks:
    """Makes them: id, time and model stand in each, the role in the first, and calls are counted."""

    def __init__(self, target: Target, clock: Clock) -> None:
        self.id = f"chatcmpl-{os.urandom(12).hex()}"
        self._target = target
        self._created = int(clock.now())
        self._begun = False
        self._calls = 0

    def said(self, delta: Delta) -> list[Chunk]:
        """Return the chunk of a piece, none for one that says nothing."""
        return [] if delta == Delta() else [self._chunk(delta)]

    def ended(self, reason: str, finish: Mapping[str, str], prompt: int | None, made: int | None) -> list[Chunk]:
        """Return the last chunks. `finish` names reasons as OpenAI does; the usage is told where both counts are known.

        A reason that `finish` lacks is `stop`, and stands in the provider's own fields.
        """
        delta = Delta()
        if reason not in finish:
            delta.provider_specific_fields = {"native_finish_reason": reason}
        called = self._calls and finish.get(reason, "stop") == "stop"
        chunks = [self._chunk(delta, "tool_calls" if called else finish.get(reason, "stop"))]
        if prompt is not None and made is not None:
            usage = Usage(prompt_tokens=prompt, completion_tokens=made, total_tokens=prompt + made)
            chunks.append(Chunk(id=self.id, created=self._created, model=self._target.model, choices=[], usage=usage))
        return chunks

    def call(self, name: str, arguments: str, call_id: str | None = None) -> ToolCallDelta:
        """Return a whole call: the next one."""
        at = self._calls
        self._calls += 1
        return ToolCallDelta(
            index=at,
            id=call_id or f"call_{os.urandom(12).hex()}",
            type="function",
            function=FunctionDelta(name=name, arguments=arguments),
        )

    def more(self, arguments: str) -> ToolCallDelta:
        """Return further arguments of the last call."""
        return ToolCallDelta(index=max(self._calls - 1, 0), function=FunctionDelta(arguments=arguments))

    def whole(self, chunks: Iterable[Chunk], body: bytes) -> Completion:
        """Make one answer of its chunks. Raises UpstreamProtocolError, showing `body`, when there are none."""
        found = collect(chunks)
        if found is None or not found.choices:
            raise unreadable(self._target, "it is empty", body)
        return found

    def read(self, payload: bytes, kind: type[T]) -> T:
        """Decode what the upstream sent. Raises UpstreamProtocolError."""
        return decoded(payload, kind, self._target)

    def _chunk(self, delta: Delta, reason: str | None = None) -> Chunk:
        if not self._begun:
            self._begun, delta.role = True, "assistant"
        choice = ChunkChoice(index=0, delta=delta, finish_reason=reason)
        return Chunk(id=self.id, created=self._created, model=self._target.model, choices=[choice])


def arguments_of(value: Any) -> str:
    """Return the arguments of a call as the hub has them: JSON text, whatever the upstream made of it."""
    return value if isinstance(value, str) else msgspec.json.encode(value or {}).decode()
