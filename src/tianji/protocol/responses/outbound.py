"""The Responses API as an upstream's form, for models that speak nothing else."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from tianji.errors import Header
from tianji.protocol.chat.answer import Chunk, ChunkChoice, Completion, Delta, FunctionDelta, ToolCallDelta
from tianji.protocol.chat.request import Request, ThinkingBlock, ToolCall
from tianji.protocol.chat.seam import Framing, StreamFailed, Target
from tianji.protocol.chat.support import unreadable
from tianji.protocol.loose import object_of
from tianji.protocol.responses.reading import (
    SEARCH,
    Json,
    call_of,
    completion_of,
    created_of,
    finish_reason,
    image_of,
    logprobs_of,
    nested_annotation,
    usage_of,
)
from tianji.protocol.responses.thoughts import block_of
from tianji.protocol.responses.writing import body_of

SUFFIX: Final = "/responses"
_FAILED: Final = frozenset({"error", "response.failed"})
_ENDED: Final = frozenset({"response.completed", "response.incomplete"})
_REPEATING: Final = frozenset(  # say again what was said, or will be
    {
        "response.in_progress",
        "response.queued",
        "response.content_part.added",
        "response.content_part.done",
        "response.output_text.done",
        "response.refusal.done",
        "response.function_call_arguments.done",
        "response.custom_tool_call_input.done",
        "response.reasoning_summary_part.done",
        "response.reasoning_summary_text.done",
        "response.reasoning_text.done",
    }
)
_TEXTS: Final[Mapping[str, Callable[[str], Delta]]] = {
    "response.output_text.delta": lambda text: Delta(content=text),
    "response.refusal.delta": lambda text: Delta(refusal=text),
    "response.reasoning_summary_text.delta": lambda text: Delta(reasoning_content=text),
    "response.reasoning_text.delta": lambda text: Delta(reasoning_content=text),
}


class ResponsesOutbound:
    """One request: a `protocol.chat.seam.Outbound`. Raises InvalidRequest and UnsupportedParams."""

    framing: Framing = "sse"
    suffix = SUFFIX
    headers: tuple[Header, ...] = ()
    plain = True

    def __init__(self, request: Request, target: Target) -> None:
        self.body = msgspec.json.encode(body_of(request, target))
        self._target = target

    def answer(self, body: bytes) -> Completion:
        """Read a whole answer. Raises UpstreamProtocolError, and StreamFailed for a response that failed."""
        response = _object(body, self._target)
        if response.get("error"):
            raise StreamFailed(body)
        if not isinstance(response.get("output"), list):
            raise unreadable(self._target, "it has no list of output", body)
        return completion_of(response)

    def stream(self) -> "ResponsesDecoder":
        """Begin to read a streamed answer."""
        return ResponsesDecoder(self._target)


class _Kind(msgspec.Struct):
    type: str = ""


_KIND: Final = msgspec.json.Decoder(_Kind)


class _Last(msgspec.Struct):
    """Of the response that ends a stream what was not told before."""

    status: Any = None
    incomplete_details: Any = None
    usage: Any = None
    service_tier: Any = None
    tool_usage: Any = None


class _End(msgspec.Struct):
    response: _Last = msgspec.field(default_factory=_Last)


_END: Final = msgspec.json.Decoder(_End)


class _Call:
    """A call that has begun. `index` is chat's, which counts calls alone; `spoke`: whether arguments came."""

    __slots__ = ("custom", "index", "spoke")

    def __init__(self, index: int, custom: bool) -> None:
        self.index = index
        self.custom = custom
        self.spoke = False


class ResponsesDecoder:
    """Reads events. `done` comes with the end, since the last event holds the usage."""

    text_member = "delta"

    def __init__(self, target: Target) -> None:
        self.done = False
        self.finished = False
        self._target = target
        self._base: Json = {"id": "", "created": 0, "model": target.model}
        self._calls: dict[int, _Call] = {}  # by output_index
        self._searches = 0

    def event(self, name: str, payload: bytes) -> Iterable[Chunk]:
        """Take one event. Raises StreamFailed, UpstreamProtocolError."""
        kind = _kind_of(payload, name)
        if kind in _REPEATING:
            return ()
        if kind in _ENDED and (last := _last_of(payload)) is not None:
            return self._end(last)
        event = _object(payload, self._target)
        kind = str(event.get("type") or name)
        if kind in _FAILED:
            raise StreamFailed(_error(event))
        if kind in _ENDED:
            return self._end(object_of(event.get("response")))
        if kind == "response.created":
            response = object_of(event.get("response"))
            self._base = {
                "id": str(response.get("id") or ""),
                "created": created_of(response),
                "model": str(response.get("model") or self._target.model),
            }
            return (self._chunk(Delta(role="assistant", content="")),)
        delta = self._delta(kind, event)
        if delta is None:
            return ()
        chunk = self._chunk(delta)
        chunk.choices[0].logprobs = logprobs_of(event.get("logprobs"))
        return (chunk,)

    def end(self) -> Iterable[Chunk]:
        """Take the end of the stream; all that belongs to an answer has been handed on before."""
        return ()

    def passed(self, characters: int) -> None:
        """Learn how much text was handed on unread, which changes nothing here."""

    def _delta(self, kind: str, event: Json) -> Delta | None:
        text = event.get("delta")
        if isinstance(text, str):
            make = _TEXTS.get(kind)
            return make(text) if make else self._argue(event, text)
        if kind == "response.output_item.added":
            return self._begin_call(_index(event), call_of(object_of(event.get("item"))))
        if kind == "response.output_item.done":
            return self._done(event, object_of(event.get("item")))
        if kind == "response.output_text.annotation.added":
            return Delta(annotations=[nested_annotation(object_of(event.get("annotation")))])
        if kind == "response.reasoning_summary_part.added" and event.get("summary_index"):
            return Delta(reasoning_content="\n\n")
        return None

    def _begin_call(self, output_index: int, call: ToolCall | None) -> Delta | None:
        if call is None or output_index in self._calls:
            return None
        piece = ToolCallDelta(index=len(self._calls), id=call.id, type=call.type)
        self._calls[output_index] = _Call(piece.index, call.custom is not None)
        if call.function is not None:
            piece.function = FunctionDelta(name=call.function.name, arguments="")
        elif call.custom is not None:
            piece.custom = {"name": call.custom.get("name"), "input": ""}
        return Delta(tool_calls=[piece])

    def _argue(self, event: Json, text: str) -> Delta | None:
        call = self._calls.get(_index(event))
        if call is None or not text:
            return None
        call.spoke = True
        if call.custom:
            return Delta(tool_calls=[ToolCallDelta(index=call.index, custom={"input": text})])
        return Delta(tool_calls=[ToolCallDelta(index=call.index, function=FunctionDelta(arguments=text))])

    def _done(self, event: Json, item: Json) -> Delta | None:
        """Return what only the whole item tells: ciphertext, a picture, arguments that came in one piece."""
        if item.get("type") == "image_generation_call" and (image := image_of(item)) is not None:
            return Delta(images=[image])
        self._searches += item.get("type") == SEARCH
        if item.get("type") == "reasoning" and (block := block_of(item)) is not None:
            return Delta(thinking_blocks=[ThinkingBlock(type=block.type, thinking="", signature=block.signature)])
        call = self._calls.get(_index(event))
        if call is None or call.spoke:
            return None
        return self._argue(event, str(item.get("input" if call.custom else "arguments") or ""))

    def _end(self, response: Json) -> Iterable[Chunk]:
        self.done = self.finished = True
        reason = finish_reason(response, called=bool(self._calls))
        chunks = [Chunk(**self._base, choices=[ChunkChoice(index=0, delta=Delta(), finish_reason=reason)])]
        usage = usage_of(response, self._searches)
        if usage is not None:
            tier = response.get("service_tier")
            last = Chunk(**self._base, choices=[], usage=usage)
            if isinstance(tier, str):
                last.service_tier = tier
            chunks.append(last)
        return chunks

    def _chunk(self, delta: Delta) -> Chunk:
        return Chunk(**self._base, choices=[ChunkChoice(index=0, delta=delta)])


def _kind_of(payload: bytes, name: str) -> str:
    """Return the type of an event, "" for one that has to be read to say what is wrong with it."""
    try:
        return _KIND.decode(payload).type or name
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


def _last_of(payload: bytes) -> Json | None:
    """Return what counts of the response in the last event, None where it has another form."""
    try:
        return msgspec.structs.asdict(_END.decode(payload).response)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def outbound(request: Request, target: Target) -> ResponsesOutbound:
    """Write a request."""
    return ResponsesOutbound(request, target)


def _object(payload: bytes, target: Target) -> Json:
    try:
        value: Any = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise unreadable(target, str(error), payload) from None
    if not isinstance(value, dict):
        raise unreadable(target, "expected an object", payload)
    return value


def _error(event: Json) -> bytes:
    """Return an error as chat has it."""
    error = event.get("error") or object_of(event.get("response")).get("error") or event
    return msgspec.json.encode({"error": error})


def _index(event: Json) -> int:
    index = event.get("output_index")
    return index if isinstance(index, int) else -1
