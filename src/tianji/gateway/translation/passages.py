"""The way of a request whose client or upstream does not speak OpenAI's form.

Shaping knows OpenAI's names, so a body becomes a chat request first, then is shaped as any other, and only then takes
the upstream's form. Where an upstream speaks what the client does, the bytes go through, as all other bytes do.
"""

import asyncio
import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol

import msgspec
from msgspec import Struct

from tianji._core.bodies.frames import AnswerForm, Frames, Sighting
from tianji._core.bodies.spans import ObjectSpans
from tianji._core.edges.exchange import Exchange
from tianji._core.requests.passing import Passing
from tianji._core.requests.sealing import finished
from tianji._core.requests.shaping import shape_body
from tianji._core.routing.router import Plan, Table
from tianji._core.streams.messages import MessagesStream
from tianji._core.streams.noted import Notebook
from tianji._core.streams.responses import ResponsesStream
from tianji._core.streams.same_form import SameForm
from tianji._core.streams.sse import ChatStream
from tianji._core.streams.stream import AnswerStream
from tianji._core.streams.translated import TranslatedStream
from tianji._core.streams.usage import Usage
from tianji.errors import Header
from tianji.gateway.translation.framings import ARRAY, EVENTS
from tianji.gateway.translation.retelling import Notes
from tianji.lazy import load
from tianji.protocol.chat.seam import Target
from tianji.protocol.openai.answers import ChunkDecoder
from tianji.providers.upstream import OwnForm

GOOGLE: Final = "tianji.dialects.gemini"
GOOGLE_PASSING: Final = "tianji.dialects.gemini.passing"
CHAT: Final = "tianji.dialects.chat"
ALOUD: Final = "tianji.dialects.thinking_aloud"
CHATS: Final = frozenset({CHAT, ALOUD})
"""The dialects whose requests are in the hub's own form."""
LISTS: Final = frozenset({b"anthropic-beta"})  # headers of a request that are lists
USUAL: Final = 1024  # bytes of further headers; longer ones are not remembered
codec: Final = functools.cache(load)  # the import system takes longer than the whole translation of a small body
_LENGTH: Final = b"content-length: "  # the last of a head that is begun


def _google_stream(_model: bytes, as_array: bool) -> AnswerStream:
    reading, handing = codec(GOOGLE_PASSING).begin(as_array=as_array)
    return TranslatedStream(reading, handing, "", None, ARRAY if as_array else None)


NATIVE: Final[Mapping[str, Callable[[bytes, bool], AnswerStream]]] = {
    "messages": lambda model, _as_array: MessagesStream(model),
    "gemini": _google_stream,
}
"""What reads a streamed answer whose bytes go through: of a model's name as JSON text, and as an array or not.

One of the Responses API is read by what is remembered of others: see Native.stream.
"""
_RESPONSES: Final = AnswerForm(b"text", b"delta", b"arguments", b"encrypted_content")
"""Where events of the Responses API have their texts."""


Request = bytes | list[bytes]
"""What goes out, in one piece or several."""


class Sought(Protocol):
    """What a passage has to know of a request; `model_json` is the name that the answer has."""

    @property
    def table(self) -> Table: ...
    @property
    def exchange(self) -> Exchange: ...
    @property
    def spans(self) -> ObjectSpans | None: ...
    @property
    def stream(self) -> bool: ...
    @property
    def model(self) -> str: ...
    @property
    def model_json(self) -> bytes: ...


class Place(Struct, frozen=True):
    """Where requests of a deployment go.

    `query` is without its mark; `sign` gives what changes by the request, once the task that `awaits` gives has ended.
    """

    prefix: str
    query: str
    sign: Callable[[str, bytes], Iterable[Header]] | None = None
    awaits: Callable[[], asyncio.Task[Any] | None] | None = None

    def target(self, suffix: str) -> str:
        """Return the request target: path and query."""
        if not self.query:
            return self.prefix + suffix
        path, _, own = suffix.partition("?")
        return f"{self.prefix}{path}?{own}&{self.query}" if own else f"{self.prefix}{path}?{self.query}"

    def request(self, head: bytes, suffix: str, headers: Iterable[Header], body: bytes) -> Request:
        """Return a request: a planned head with this target and further headers, and the body."""
        return self.finished(self.begun(head, suffix, headers), self.target(suffix), body)

    def finished(self, begun: bytes, target: str, body: bytes) -> Request:
        """Return a request to this target, whose head was begun: signed where that is asked for, and the body."""
        return finished(begun, self.sign, target, body)

    def head(self, head: bytes, suffix: str, headers: Iterable[Header], length: int) -> bytes:
        """Return a planned head with this target and further headers, for a body of `length` bytes."""
        return b"%b%d\r\n\r\n" % (_written(head, self.target(suffix), tuple(headers)), length)

    def begun(self, head: bytes, suffix: str, headers: Iterable[Header]) -> bytes:
        """Return a planned head with this target and further headers, up to the length of the body."""
        given = tuple(headers)
        if sum([len(value) for _, value in given]) <= USUAL:
            return _known(head, self.target(suffix), given)
        return _written(head, self.target(suffix), given)


class Signed(Struct, frozen=True):
    """To an upstream that speaks OpenAI's form as its client does, with a signature or a token that changes."""

    suffix: str
    place: Place

    def begin(self, plan: Plan, sought: Sought, model: bytes, head: bytes) -> "SignedRequest":
        """Write the request. Raises UnsupportedParams."""
        shaped = shape_body(plan, given(sought), model, sought.stream)
        hides = shaped.hides_usage and not sought.table.shows_usage
        return SignedRequest(self.place.request(head, self.suffix, (), shaped.body), sought.model_json, hides)


class SignedRequest(Passing):
    """One request under way whose bytes are OpenAI's on both sides."""

    def __init__(self, request: Request, model: bytes, hides_usage: bool) -> None:
        self.request = request
        self._model = model
        self._hides_usage = hides_usage

    def stream(self, content_type: bytes) -> AnswerStream | None:
        """Return what reads a streamed answer of this type; None where the type says that it is none."""
        return ChatStream(self._model, self._hides_usage) if content_type.startswith(EVENTS) else None

    def answer(self, body: bytes) -> tuple[bytes, Usage | None]:
        """Return a whole answer as it is; the gateway reads its usage as that of any other."""
        self.filtered = b'"content_filter"' in body
        return body, None


class Aloud(Struct, frozen=True):
    """To an upstream that speaks OpenAI's form, for a client who reads what it thinks within the text of streams."""

    suffix: str
    place: Place
    provider: str

    def begin(self, plan: Plan, sought: Sought, model: bytes, head: bytes) -> "AloudRequest":
        """Write the request. Raises UnsupportedParams."""
        shaped = shape_body(plan, given(sought), model, sought.stream)
        hides = shaped.hides_usage and not sought.table.shows_usage
        request = self.place.request(head, self.suffix, (), shaped.body)
        return AloudRequest(request, sought.model_json, hides, Target(provider=self.provider, model=sought.model))


class AloudRequest(SignedRequest):
    """One request under way whose stream is told otherwise than it comes."""

    def __init__(self, request: Request, model: bytes, hides_usage: bool, target: Target) -> None:
        super().__init__(request, model, hides_usage)
        self._target = target

    def stream(self, content_type: bytes) -> AnswerStream | None:
        """Return what reads a streamed answer of this type; None where the type says that it is none."""
        if not content_type.startswith(EVENTS):
            return None
        encoder = codec(ALOUD).AloudEncoder(with_usage=not self._hides_usage)
        return TranslatedStream(ChunkDecoder(self._target), encoder, msgspec.json.decode(self._model))


class Native(SameForm):
    """Between a client and an upstream that speak the same form, which is not OpenAI's.

    frames: the shapes that are remembered of answers; streams: the lines that are remembered of streams.
    """

    def __init__(self, operation: str, form: OwnForm, place: Place, frames: Frames, streams: Frames) -> None:
        notes = Notes(frames, codec(GOOGLE_PASSING), streams) if operation == "gemini" else None
        super().__init__(
            form.names_model,
            form.carries,
            operation == "gemini",
            place.sign,
            notes,
            None if notes is None else notes.telling,
        )
        self.place = place
        self._operation = operation
        self._form = form
        self._notes = notes
        self._notebook = Notebook(_RESPONSES, streams) if operation == "responses" else None

    def write_head(
        self, head: bytes, model: bytes, streamed: bool, carried: tuple[Header, ...]
    ) -> tuple[bytes, str]:  # fmt: skip
        """Return the head of a request, up to the length of its body, and its target."""
        suffix = self._form.suffix(msgspec.json.decode(model), streamed)
        return _written(head, self.place.target(suffix), carried), self.place.target(suffix)

    def read(self, sighting: Sighting | None, body: bytes) -> tuple[bool, Usage | None]:
        """Tell whether a content filter cut an answer, and what it used, where the gateway cannot read that itself."""
        return (False, None) if self._notes is None else self._notes.noted(sighting, body)

    def stream(self, model: bytes, as_array: bool, content_type: bytes) -> AnswerStream | None:
        """Return what reads a streamed answer of this type; None where the type says that it is none."""
        if not content_type.startswith(EVENTS):
            return None
        if self._notebook is not None:
            return ResponsesStream(model, self._notebook)
        if self._notes is not None:
            return self._notes.through(as_array=as_array)
        return NATIVE[self._operation](model, as_array)


def _written(head: bytes, target: str, headers: tuple[Header, ...]) -> bytes:
    _, _, rest = head.partition(b"\r\n")
    fields, end, _ = rest.rpartition(_LENGTH)
    if headers:
        fields = merged(fields, headers)
    return b"POST %b HTTP/1.1\r\n%b%b" % (target.encode("ascii"), fields, end)


_known: Final = functools.lru_cache(64)(_written)  # most requests to an upstream have the same


def given(sought: Sought) -> ObjectSpans:
    """Return the body, which is there as long as attempts are made."""
    if sought.spans is None:
        raise RuntimeError("the body of the request was let go of already")
    return sought.spans


def merged(fields: bytes, headers: Iterable[Header]) -> bytes:
    """Return the fields of a head with further ones; of a list that is there already, both are sent as one.

    The second stands as it was written (RFC 9110 section 5.6.1); of every other field the further one counts.
    """
    lines = fields.split(b"\r\n")
    for name, value in headers:
        start = name + b": "
        own = next((line.removeprefix(start) for line in lines if line.startswith(start)), b"")
        lines = [line for line in lines if not line.startswith(start)]
        said = {item.strip() for item in value.split(b",")}
        kept = [item for item in map(bytes.strip, own.split(b",")) if item and item not in said]
        lines.insert(-1, start + b",".join([*kept, value] if name in LISTS else [value]))
    return b"\r\n".join(lines)
