"""IBM watsonx.ai's text generation (https://cloud.ibm.com/apidocs/watsonx-ai#text-generation): words in, words out."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from tianji.clock import SYSTEM, Clock
from tianji.errors import Header
from tianji.protocol.chat.answer import Chunk, Completion, Delta
from tianji.protocol.chat.chunks import Chunks
from tianji.protocol.chat.request import Request
from tianji.protocol.chat.seam import Framing, StreamFailed, Target
from tianji.protocol.chat.support import lacking, unreadable, without_none
from tianji.protocol.chat.words import prompt_of
from tianji.protocol.vendors.tgi import UNSUPPORTED
from tianji.protocol.vendors.watsonx import path, placed

_FINISH: Final[Mapping[str, str]] = {
    "eos_token": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "token_limit": "length",
    "time_limit": "length",
}
_UNFINISHED: Final = "not_finished"
_PLACES: Final = ("project_id", "space_id")
_Count = Annotated[int, Meta(ge=0, le=1 << 53)]


def outbound(request: Request, target: Target) -> "TextOutbound":
    """Write a request. Raises InvalidRequest or UnsupportedParams for what cannot be said."""
    return TextOutbound(request, target)


class TextOutbound:
    """One request for a text."""

    framing: Framing = "sse"
    headers: tuple[Header, ...] = ()

    def __init__(self, request: Request, target: Target, clock: Clock = SYSTEM) -> None:
        self._target = target
        self._clock = clock
        self.suffix = path(target, "generation", streamed=bool(request.stream))
        self.body = msgspec.json.encode(_body(request, target))

    def answer(self, body: bytes) -> Completion:
        """Read a whole answer. Raises UpstreamProtocolError."""
        return self.stream().whole(body)

    def stream(self) -> "Decoder":
        """Begin to read a streamed answer."""
        return Decoder(self._target, self._clock)


def _body(request: Request, target: Target) -> dict[str, Any]:
    if request.n == 1:
        request = msgspec.structs.replace(request, n=None)
    extra: dict[str, Any] = dict(request.extra or {})
    where: dict[str, Any] = {name: extra.pop(name) for name in _PLACES if name in extra}
    limit = request.max_completion_tokens if request.max_completion_tokens is not None else request.max_tokens
    parameters = lacking(request, target, UNSUPPORTED) | without_none(
        {
            "max_new_tokens": limit,
            "temperature": request.temperature,
            "top_p": request.top_p,
            "top_k": request.top_k,
            "random_seed": request.seed,
            "repetition_penalty": request.frequency_penalty,
            "stop_sequences": [request.stop] if isinstance(request.stop, str) else request.stop or None,
            **extra,
        }
    )
    members: dict[str, Any] = {"model_id": target.model, "input": prompt_of(request.messages, target.provider), **where}
    return placed(members | ({"parameters": parameters} if parameters else {}), target)


class _Result(Struct):
    generated_text: str | None = None
    generated_token_count: _Count | None = None
    input_token_count: _Count | None = None
    stop_reason: str | None = None


class _Said(Struct):
    results: list[_Result] = []
    errors: Any = None


class Decoder:
    """Reads one answer; counts grow from event to event."""

    def __init__(self, target: Target, clock: Clock) -> None:
        self.done = False
        self._target = target
        self._chunks = Chunks(target, clock)
        self._reason: str | None = None
        self._read: int | None = None
        self._made: int | None = None

    @property
    def finished(self) -> bool:
        """Whether it was said why the text ends."""
        return self._reason is not None

    def event(self, name: str, payload: bytes) -> Iterable[Chunk]:  # noqa: ARG002  events have no names that matter
        """Take one event. Raises StreamFailed for an error, UpstreamProtocolError for what is no event."""
        said = self._chunks.read(payload, _Said)
        if said.errors:
            raise StreamFailed(payload)
        result = said.results[0] if said.results else _Result()
        if result.stop_reason and result.stop_reason != _UNFINISHED:
            self._reason = result.stop_reason
        self._read = max(self._read or 0, result.input_token_count or 0) or None
        self._made = max(self._made or 0, result.generated_token_count or 0) or None
        return self._chunks.said(Delta(content=result.generated_text)) if result.generated_text else ()

    def end(self) -> Iterable[Chunk]:
        """Return the finish reason, and the usage where both counts are known."""
        return [] if self._reason is None else self._chunks.ended(self._reason, _FINISH, self._read, self._made)

    def whole(self, body: bytes) -> Completion:
        """Read a whole answer."""
        said = [*self.event("", body), *self.end()]
        if not self.finished:
            raise unreadable(self._target, "it has no results that are finished", body)
        return self._chunks.whole(said, body)
