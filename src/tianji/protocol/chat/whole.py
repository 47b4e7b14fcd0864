"""Upstreams that answer with one text and never stream: a client's stream then has all of it in one piece."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji.clock import SYSTEM, Clock
from tianji.errors import Header, UpstreamProtocolError
from tianji.protocol.chat.answer import Chunk, Completion, Delta
from tianji.protocol.chat.chunks import Chunks
from tianji.protocol.chat.request import Request
from tianji.protocol.chat.seam import Framing, Target

_LONGEST: Final = 64 << 20  # bytes of an answer
TALKS_ONLY: Final = frozenset(
    {
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "logit_bias",
        "logprobs",
        "top_logprobs",
        "response_format",
        "modalities",
        "audio",
        "prediction",
        "verbosity",
        "reasoning_effort",
        "web_search_options",
        "service_tier",
    }
)
"""What an upstream lacks that goes on with a text and does nothing else."""


class Said(Struct, frozen=True):
    """What an upstream said. reason: why it ended, in its own words; read, made: tokens, None where it does not say."""

    text: str
    reason: str = "stop"
    read: int | None = None
    made: int | None = None


class WholeText:
    """One request: `read` takes a whole answer, `finish` names reasons as OpenAI does."""

    framing: Framing = "whole"
    takes_lists = True

    def __init__(
        self,
        members: Mapping[str, Any],
        suffix: str,
        target: Target,
        read: Callable[[bytes], Said],
        *,
        finish: Mapping[str, str] | None = None,
        headers: tuple[Header, ...] = (),
        clock: Clock = SYSTEM,
    ) -> None:
        self.body = msgspec.json.encode(members)
        self.suffix = suffix
        self.headers = headers
        self._target = target
        self._read = read
        self._finish = finish or {"stop": "stop"}
        self._clock = clock

    def answer(self, body: bytes) -> Completion:
        """Read a whole answer. Raises UpstreamProtocolError."""
        chunks = Chunks(self._target, self._clock)
        return chunks.whole(self.chunks(chunks, body), body)

    def stream(self) -> "WholeDecoder":
        """Begin to read a whole answer for a client who streams."""
        return WholeDecoder(self, Chunks(self._target, self._clock))

    def chunks(self, chunks: Chunks, body: bytes) -> list[Chunk]:
        """Return an answer as chunks. Raises UpstreamProtocolError."""
        said = self._read(body)
        told = chunks.said(Delta(content=said.text)) if said.text else []
        return [*told, *chunks.ended(said.reason, self._finish, said.read, said.made)]


class WholeDecoder:
    """Keeps the pieces of an answer until they are all there."""

    def __init__(self, outbound: WholeText, chunks: Chunks) -> None:
        self.done = False
        self.finished = False
        self._outbound = outbound
        self._chunks = chunks
        self._held: list[bytes] = []
        self._size = 0

    def event(self, name: str, payload: bytes) -> Iterable[Chunk]:  # noqa: ARG002  pieces have no names
        """Take a piece. Raises UpstreamProtocolError for an answer that nobody can hold."""
        self._size += len(payload)
        if self._size > _LONGEST:
            raise UpstreamProtocolError(f"the upstream's answer is over {_LONGEST} bytes")
        self._held.append(payload)
        return ()

    def end(self) -> Iterable[Chunk]:
        """Return all that was said. Raises UpstreamProtocolError."""
        found = self._outbound.chunks(self._chunks, b"".join(self._held))
        self._held = []
        self.finished = True
        return found


def limit_of(request: Request) -> int | None:
    """Return how many tokens may be written."""
    return request.max_completion_tokens if request.max_completion_tokens is not None else request.max_tokens


def stops_of(request: Request) -> list[str] | None:
    """Return what ends an answer, as a list."""
    return [request.stop] if isinstance(request.stop, str) else request.stop or None


def alone(request: Request) -> Request:
    """Return a request without a number of answers that is one, which every upstream gives."""
    return msgspec.structs.replace(request, n=None) if request.n == 1 else request
