"""Reads what answers say that they used, where that is not an object of OpenAI's or Anthropic's names.

Nothing is translated: of a stream only the events that count are decoded.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct, field

from tianji._core.bodies.spans import scan
from tianji._core.journal.meter import Measures
from tianji._core.streams.aws_events import AwsEvents
from tianji._core.streams.translated import TranslatedStream
from tianji._core.streams.usage import Usage, read_usage
from tianji.errors import Header, MalformedJSON, StreamFailed, UpstreamProtocolError
from tianji.gateway.translation.passages import NATIVE, codec
from tianji.gateway.translation.retelling import usage_in
from tianji.protocol.anthropic.usage import usage_of as anthropic_usage
from tianji.protocol.bedrock.decoder import failure
from tianji.protocol.bedrock.event_stream import EXCEPTION, event_of
from tianji.protocol.bedrock.usage import usage_of as bedrock_usage
from tianji.protocol.bedrock.wire import Metadata
from tianji.protocol.chat.answer import Chunk
from tianji.protocol.chat.answer import Usage as Counts
from tianji.protocol.gemini.usage import usage_of as gemini_usage
from tianji.protocol.gemini.wire import UsageMetadata

_GOOGLE: Final = "tianji.dialects.gemini.passing"
_Headers = list[Header]


class _Tokens(Struct):
    input_tokens: float | None = None
    output_tokens: float | None = None


class _Meta(Struct):
    tokens: _Tokens | None = None
    billed_units: _Tokens | None = None


class _Cohere(Struct):
    """A whole answer, and what an event holds that ends a stream."""

    usage: _Meta | None = None
    meta: _Meta | None = None


class _CohereEvent(Struct):
    type: str = ""
    event_type: str = ""  # of version 1
    delta: _Cohere | None = None
    response: _Cohere | None = None


class _Envelope(Struct):
    bytes: str


class _Metrics(Struct, rename="camel"):
    input_token_count: int = 0
    output_token_count: int = 0


class _Message(Struct):
    usage: dict[str, Any] = {}


class _Invoked(Struct):
    message: _Message | None = None
    usage: dict[str, Any] | None = None
    metrics: _Metrics | None = field(name="amazon-bedrock-invocationMetrics", default=None)


class _Said(Struct):
    counts: UsageMetadata | None = field(name="usageMetadata", default=None)


class _Statistics(Struct, frozen=True):
    token_count: float = 0


class _Embeddings(Struct, frozen=True):
    statistics: _Statistics = _Statistics()


class _Prediction(Struct, frozen=True):
    embeddings: _Embeddings = _Embeddings()


class _Predictions(Struct):
    predictions: list[_Prediction] = []


class _Run(Struct):
    status: str = ""
    num_of_steps: int | None = None


class Reader:
    """Reads the events of one stream: `event` of a subclass returns what one says was used, None for most."""

    done = False
    finished = True

    def event(self, name: str, payload: bytes) -> Iterable[Chunk]:
        """Take one event. Raises StreamFailed for one that reports a failure."""
        if name.startswith(EXCEPTION):
            raise StreamFailed(failure(name.removeprefix(EXCEPTION), payload))
        try:
            found = self.counts(name, payload)
        except (msgspec.DecodeError, binascii.Error, ValueError, RecursionError):  # not ours to judge
            found = None
        return () if found is None else (Chunk(choices=[], usage=found),)

    def counts(self, name: str, payload: bytes) -> Counts | None:
        """Return what an event says was used so far."""
        raise NotImplementedError

    def end(self) -> Iterable[Chunk]:
        """Take the end: all was said."""
        return ()


class Converse(Reader):
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStreamMetadataEvent.html."""

    def counts(self, name: str, payload: bytes) -> Counts | None:
        """Return what the metadata say."""
        if name != "metadata":
            return None
        said = msgspec.json.decode(payload, type=Metadata).usage
        return None if said is None else bedrock_usage(said)


class Invoke(Reader):
    """Events of a model in Bedrock's envelopes: Anthropic's by their usage, others by the metrics of the last one."""

    def __init__(self) -> None:
        self._said: dict[str, Any] = {}

    def counts(self, name: str, payload: bytes) -> Counts | None:
        """Return what was said up to this event."""
        if name != "chunk":
            return None
        inner = base64.b64decode(msgspec.json.decode(payload, type=_Envelope).bytes)
        event = msgspec.json.decode(inner, type=_Invoked)
        said = event.message.usage if event.message is not None else event.usage
        if said:
            self._said |= {member: value for member, value in said.items() if value is not None}
        if self._said:
            return anthropic_usage(self._said)
        return None if event.metrics is None else _of_metrics(event.metrics)


class Cohere(Reader):
    """https://docs.cohere.com/docs/streaming: the last event says what was used."""

    def counts(self, name: str, payload: bytes) -> Counts | None:  # noqa: ARG002 - the payload says it too
        """Return what the end says."""
        event = msgspec.json.decode(payload, type=_CohereEvent)
        said = event.delta if event.type == "message-end" else event.response
        return None if said is None else _of_cohere(said)


class _Silence:
    """Writes nothing: the client gets the events as they came."""

    def chunk(self, chunk: Chunk) -> bytes:  # noqa: ARG002
        return b""

    def end(self) -> bytes:
        return b""

    def failed(self, error: dict[str, object]) -> bytes:  # noqa: ARG002
        return b""


_READERS: Final[Mapping[str, type[Reader]]] = {"converse": Converse, "invoke": Invoke, "cohere": Cohere}


def stream(name: str, *, framed: bool) -> TranslatedStream:
    """Return what reads a stream. `framed`: it is AWS's, else one of server-sent events."""
    return TranslatedStream(_READERS[name](), _Silence(), "", AwsEvents(event_of) if framed else None)


def _counted(counts: Counts | None) -> Usage | None:
    return None if counts is None else read_usage(scan(msgspec.json.encode({"usage": counts})))


def _gemini(body: bytes, _headers: _Headers) -> Usage | None:
    """Read an answer, or the array of pieces that a stream without `alt=sse` is."""
    if not body.lstrip().startswith(b"["):
        try:
            return usage_in(codec(_GOOGLE).completion_in(body))
        except UpstreamProtocolError:  # it says nothing, as where the prompt was refused
            said = _decoded(body, _Said)
            return None if said is None or said.counts is None else _counted(gemini_usage(said.counts))
    reader = NATIVE["gemini"](b'""', False)
    for piece in _decoded(body, list[msgspec.Raw]) or ():
        reader.feed(b"data: " + msgspec.json.format(piece, indent=-1) + b"\n\n")
    reader.close()
    return reader.usage


def _predictions(body: bytes, _headers: _Headers) -> Usage | None:
    """https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api#response_body."""
    said = _decoded(body, _Predictions)
    tokens = sum(int(one.embeddings.statistics.token_count) for one in said.predictions) if said is not None else 0
    return _counted(Counts(prompt_tokens=tokens, total_tokens=tokens)) if tokens else None


def _converse(body: bytes, _headers: _Headers) -> Usage | None:
    said = _decoded(body, Metadata)
    return None if said is None or said.usage is None else _counted(bedrock_usage(said.usage))


def _invoke(body: bytes, headers: _Headers) -> Usage | None:
    """Read the body of an answer that is Anthropic's, else the headers, which say it of every model."""
    said = _decoded(body, _Invoked)
    if said is not None and said.usage and "input_tokens" in said.usage:
        return _counted(anthropic_usage(said.usage))
    fields = dict(headers)
    try:
        prompt, made = (int(fields[b"x-amzn-bedrock-%b-token-count" % kind]) for kind in (b"input", b"output"))
    except (KeyError, ValueError):
        return None
    return _counted(Counts(prompt_tokens=prompt, completion_tokens=made, total_tokens=prompt + made))


def _cohere(body: bytes, _headers: _Headers) -> Usage | None:
    said = _decoded(body, _Cohere)
    if said is None:
        return _of_openai(body)
    counts = _of_cohere(said)
    return _of_openai(body) if counts is None else _counted(counts)


def _steps(body: bytes, _headers: _Headers) -> Measures:
    """https://docs.tinyfish.ai/agent-api/reference: only a run that is completed is paid for."""
    run = _decoded(body, _Run)
    return Measures(queries=max(0, run.num_of_steps or 0) if run is not None and run.status == "COMPLETED" else 0)


def _of_openai(body: bytes) -> Usage | None:
    try:
        return read_usage(scan(body))
    except MalformedJSON:
        return None


def _of_cohere(said: _Cohere) -> Counts | None:
    meta = said.usage or said.meta
    tokens = None if meta is None else meta.tokens or meta.billed_units
    if tokens is None or (tokens.input_tokens is None and tokens.output_tokens is None):
        return None
    prompt, made = int(tokens.input_tokens or 0), int(tokens.output_tokens or 0)
    return Counts(prompt_tokens=prompt, completion_tokens=made, total_tokens=prompt + made)


def _of_metrics(metrics: _Metrics) -> Counts:
    prompt, made = metrics.input_token_count, metrics.output_token_count
    return Counts(prompt_tokens=prompt, completion_tokens=made, total_tokens=prompt + made)


def _decoded(body: bytes, kind: Any) -> Any:
    """Return what a body says; None where it is nothing of the kind, which is not ours to judge."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, RecursionError):
        return None


WHOLE: Final = {
    "gemini": _gemini,
    "predictions": _predictions,
    "converse": _converse,
    "invoke": _invoke,
    "cohere": _cohere,
    "steps": _steps,
}
