"""Text generation servers, words in and words out: https://huggingface.github.io/text-generation-inference.

A whole answer is an object or a list of one; a stream has an event a token, and the last one says the whole text.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Final

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

UNSUPPORTED: Final = frozenset(
    {
        "n",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "presence_penalty",
        "logit_bias",
        "logprobs",
        "top_logprobs",
        "response_format",
        "modalities",
        "audio",
        "prediction",
        "verbosity",
        "web_search_options",
        "service_tier",
    }
)
_FINISH: Final[Mapping[str, str]] = {
    "eos_token": "stop",
    "eos": "stop",
    "stop_sequence": "stop",
    "stop": "stop",
    "length": "length",
}
_NEARLY: Final = 0.01  # the servers refuse temperatures and shares of 0, and a share of 1
_Count = Annotated[int, Meta(ge=0, le=1 << 53)]


def outbound(request: Request, target: Target) -> "TgiOutbound":
    """Write a request. Raises InvalidRequest or UnsupportedParams for what cannot be said."""
    return TgiOutbound(request, target)


class TgiOutbound:
    """One request to a text generation server."""

    framing: Framing = "sse"
    headers: tuple[Header, ...] = ()
    takes_lists: ClassVar[bool] = True

    def __init__(self, request: Request, target: Target, clock: Clock = SYSTEM) -> None:
        self._target = target
        self._clock = clock
        self.suffix = "/generate_stream" if request.stream else "/generate"
        self.body = msgspec.json.encode(body_of(request, target))

    def answer(self, body: bytes) -> Completion:
        """Read a whole answer. Raises UpstreamProtocolError."""
        return self.stream().whole(body)

    def stream(self) -> "Decoder":
        """Begin to read a streamed answer."""
        return Decoder(self._target, self._clock)


def body_of(request: Request, target: Target) -> dict[str, Any]:
    """Return the body: the conversation as one text, and what is to become of it."""
    if request.n == 1:
        request = msgspec.structs.replace(request, n=None)
    limit = request.max_completion_tokens if request.max_completion_tokens is not None else request.max_tokens
    temperature, share = request.temperature, request.top_p
    parameters = lacking(request, target, UNSUPPORTED) | without_none(
        {
            "max_new_tokens": limit,
            "temperature": None if temperature is None else max(temperature, _NEARLY),
            "top_p": None if share is None else min(max(share, _NEARLY), 1 - _NEARLY),
            "top_k": request.top_k,
            "seed": request.seed,
            "frequency_penalty": request.frequency_penalty,
            "stop": [request.stop] if isinstance(request.stop, str) else request.stop or None,
            "details": True,
            "return_full_text": False,
            **(request.extra or {}),
        }
    )
    found: dict[str, Any] = {"inputs": prompt_of(request.messages, target.provider), "parameters": parameters}
    return found | {"stream": True} if request.stream else found


class _Token(Struct):
    text: str = ""
    special: bool = False


class _Details(Struct):
    finish_reason: str | None = None
    generated_tokens: _Count | None = None
    input_length: _Count | None = None
    prefill: list[Any] | None = None


class _Said(Struct):
    token: _Token | None = None
    generated_text: str | None = None
    details: _Details | None = None
    error: Any = None


class Decoder:
    """Reads one answer."""

    def __init__(self, target: Target, clock: Clock) -> None:
        self.done = False
        self.finished = False
        self._target = target
        self._chunks = Chunks(target, clock)
        self._details = _Details()

    def event(self, name: str, payload: bytes) -> Iterable[Chunk]:  # noqa: ARG002  events have no names
        """Take one event. Raises StreamFailed for an error, UpstreamProtocolError for what is no event."""
        said = self._chunks.read(payload, _Said)
        if said.error:
            raise StreamFailed(payload)
        delta = Delta()
        if said.token is not None and said.token.text and not said.token.special:
            delta.content = said.token.text
        if said.details is not None or said.generated_text is not None:
            self.done = self.finished = True
            self._details = said.details or self._details
        return self._chunks.said(delta)

    def end(self) -> Iterable[Chunk]:
        """Return the finish reason, and the usage where both counts are known."""
        if not self.finished:
            return []
        found = self._details
        read = found.input_length if found.prefill is None else len(found.prefill)
        return self._chunks.ended(found.finish_reason or "eos_token", _FINISH, read or None, found.generated_tokens)

    def whole(self, body: bytes) -> Completion:
        """Read a whole answer."""
        found = self._chunks.read(body, list[_Said] | _Said)  # type: ignore[arg-type]  # a union is no class
        said = found if isinstance(found, _Said) else next(iter(found), _Said())
        if said.error:
            raise StreamFailed(body)
        if said.generated_text is None:
            raise unreadable(self._target, "it has no generated_text", body)
        self.finished = True
        self._details = said.details or self._details
        first = self._chunks.said(Delta(content=said.generated_text))
        return self._chunks.whole([*first, *self.end()], body)
