"""A whole answer in the model's place, as the dialect of the request says it, streamed or not.

What the model should have said is the verdict's text; clients see from the reason of the end that it was not the model.
"""

import os
from collections.abc import Callable, Mapping
from typing import Final, Literal

import msgspec
from msgspec import UNSET, Struct

from tianji.cache.replay import completions
from tianji.clock import SYSTEM, Clock
from tianji.dialects.rows import CODECS
from tianji.lazy import load
from tianji.protocol.chat.answer import AnswerMessage, Choice, Chunk, ChunkChoice, Completion, Delta, Usage
from tianji.protocol.chat.seam import Inbound

Shape = Literal["whole", "events", "array"]
"""Of an answer: one body, server-sent events, or Google's stream as one JSON array."""
_EVENTS: Final = "text/event-stream"
_JSON: Final = "application/json"
_REASONS: Final[Mapping[str, str]] = {"messages": "stop", "responses": "stop"}
"""Where an answer that was filtered would look like one that failed."""


class Said(Struct, frozen=True):
    """A body, and its type."""

    body: bytes
    content_type: str


def answered(
    operation: str,
    request: bytes,
    model: str,
    text: str,
    shape: Shape,
    *,
    usage: Usage | None = None,
    clock: Clock = SYSTEM,
) -> Said | None:
    """Return the answer to a request, None for an operation whose answers are no texts.

    usage: what the model has used, where it was asked
    Raises InvalidRequest for a request that its dialect cannot read.
    """
    reason = _REASONS.get(operation, "content_filter")
    answer = Completion(
        id=f"chatcmpl-{os.urandom(12).hex()}",
        created=int(clock.now()),
        model=model,
        choices=[Choice(message=AnswerMessage(content=text), finish_reason=reason)],
        usage=usage or Usage(),
    )
    if operation == "completions":
        return _completed(answer, text, shape)
    if operation not in CODECS:
        return None
    inbound = load(CODECS[operation]).inbound(request, model, shape != "whole")
    if shape == "whole":
        return Said(inbound.answer(answer), _JSON)
    if shape == "array":
        inbound.as_array = True
    return Said(_streamed(inbound, answer, text, reason), _JSON if shape == "array" else _EVENTS)


def _streamed(inbound: Inbound, answer: Completion, text: str, reason: str) -> bytes:
    frame: Callable[..., Chunk] = lambda choices, usage: Chunk(  # noqa: E731
        id=answer.id, created=answer.created, model=answer.model, choices=choices, usage=usage
    )
    encoder = inbound.stream()
    chunks = (
        frame([ChunkChoice(delta=Delta(role="assistant", content=text))], UNSET),
        frame([ChunkChoice(delta=Delta(), finish_reason=reason)], UNSET),
        frame([], answer.usage),
    )
    return b"".join(map(encoder.chunk, chunks)) + encoder.end()


def _completed(answer: Completion, text: str, shape: Shape) -> Said:
    """Return an answer of OpenAI's older completions, also to what their codec cannot read, as several prompts."""
    choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": "content_filter"}
    body = msgspec.json.encode(
        {
            "id": answer.id.replace("chatcmpl-", "cmpl-"),
            "object": "text_completion",
            "created": answer.created,
            "model": answer.model,
            "choices": [choice],
            "usage": answer.usage,
        }
    )
    return Said(body, _JSON) if shape == "whole" else Said(completions.events(body, False), _EVENTS)
