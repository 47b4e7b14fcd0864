"""From events to spans: one of the request, told when that has ended, below it one of each attempt and each guardrail.

An answer out of the cache is an attempt without a call; what was read of the cache is a span below it.

Ids are those that the gateway gave to the request and told upstreams of, so what is told twice is the same span. An
event that is in no trace, of a batch's result say, is the root of one of its own.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tianji.callbacks.event import LogEvent
from tianji.callbacks.otlp.facts import Facts, Value, identity, method, tool_failed
from tianji.callbacks.otlp.roots import Roots
from tianji.callbacks.tools import LISTED, NOTED

INTERNAL, SERVER, CLIENT = 1, 2, 3  # opentelemetry.proto.trace.v1.Span.SpanKind
UNSET, OK, ERROR = 0, 1, 2  # opentelemetry.proto.trace.v1.Status.StatusCode
_NANO: Final = 1_000_000_000
_OF_GUARDRAILS: Final = {
    "guardrail_name": "guardrail_name",
    "guardrail_mode": "guardrail_mode",
    "guardrail_status": "guardrail_status",
    "guardrail_action": "guardrail_action",
    "guardrail_response": "guardrail_response",
    "masked_entity_count": "masked_entity_count",
    "violation_categories": "guardrail_violation_categories",
}
_encode: Final = msgspec.json.Encoder().encode


class Happening(Struct, frozen=True):
    """Something that happened at one moment of a span; at: nanoseconds since 1970."""

    name: str
    at: int
    attributes: Facts


class Span(Struct, frozen=True):
    """A span; start, end: nanoseconds since 1970; parent_id: empty for a root; said: why it failed."""

    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    name: str
    kind: int
    start: int
    end: int
    attributes: Facts
    status: int = OK
    said: str = ""
    happenings: tuple[Happening, ...] = ()


class Vocabulary(Struct, frozen=True):
    """How a destination calls things.

    attempt: names and values of an attempt, with what was said only where that is asked for
    title: the name of an attempt's span; request_title: that of a request's
    whole: requests have spans, too
    above: names of what an attempt says and its request's span is to say, too
    guardrail: what a guardrail's span says beside its run
    lineage: the trace and the parent that the client chose by other means than a header; None: it did not
    """

    attempt: Callable[[LogEvent, bool], Facts]
    title: Callable[[LogEvent], str] = lambda _: "litellm_request"
    request_title: Callable[[LogEvent], str] = lambda _: "Received Proxy Server Request"
    whole: bool = True
    above: frozenset[str] = frozenset()
    guardrail: tuple[tuple[str, Value], ...] = (("openinference.span.kind", "GUARDRAIL"),)
    lineage: Callable[[LogEvent], tuple[bytes, bytes] | None] = lambda _: None


def spans_of(
    events: Iterable[LogEvent], vocabulary: Vocabulary, *, content: bool, roots: Roots | None = None
) -> Sequence[Span]:
    """Return the spans of events; `content`: with what was said; `roots`: knows what earlier ones said."""
    known = Roots(vocabulary.above) if roots is None else roots
    found: list[Span] = []
    for event in events:
        made = span_of(event, vocabulary, content=content)
        if made is None:
            continue
        if made.kind == SERVER:
            made = replace(made, attributes=made.attributes | known.of(made.span_id))
        else:
            known.keep(made.parent_id, made.attributes)
        found.append(made)
        if event.cache_hit and vocabulary.whole:
            found.append(_cache(made))
        found += (_list(made, i, asked) for i, asked in enumerate(event.metadata.get(LISTED) or ()))
        if made.kind == SERVER or not vocabulary.whole or event.trace is None:
            found += (_guardrail(made, i, run, vocabulary) for i, run in enumerate(event.guardrail_information or ()))
    return found


def span_of(event: LogEvent, vocabulary: Vocabulary, *, content: bool) -> Span | None:
    """Return the span of an event; None where the destination is not told of it."""
    if event.trace is not None and event.trace.http_status:
        return _request(event, vocabulary) if vocabulary.whole else None
    trace_id, span_id, parent_id = ids(event, whole=vocabulary.whole)
    trace_id, parent_id = vocabulary.lineage(event) or (trace_id, parent_id)
    failed, tool = event.failed or tool_failed(event), event.metadata[NOTED]
    return Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_id=parent_id,
        name=vocabulary.title(event) if tool is None else f"{method(event)} {tool['name']}",
        kind=INTERNAL if event.cache_hit or not (event.api_base or tool) else CLIENT,
        start=nanoseconds(event.started),
        end=nanoseconds(event.ended),
        attributes=vocabulary.attempt(event, content),
        status=ERROR if failed else OK,
        said=event.error_str or "" if failed else "",
        happenings=(_exception(event),) if event.failed else (),
    )


def ids(event: LogEvent, *, whole: bool) -> tuple[bytes, bytes, bytes]:
    """Return the ids of the trace, of an attempt's span and of its parent: the client's where requests have none."""
    trace = event.trace
    if trace is None:
        return _digest(event.call_id, 16), _digest(event.id, 8), b""
    parent = trace.parent_id if whole else trace.caller_id
    return bytes.fromhex(trace.trace_id), bytes.fromhex(trace.span_id), bytes.fromhex(parent or "")


def _request(event: LogEvent, vocabulary: Vocabulary) -> Span:
    """Return the span of a request (https://opentelemetry.io/docs/specs/semconv/http/http-spans/ server)."""
    trace_id, span_id, parent_id = ids(event, whole=True)
    trace = event.trace
    status = 0 if trace is None else trace.http_status
    attributes: Facts = {f"metadata.{name}": value for name, value in identity(event).items()}
    if trace is not None:
        attributes |= {"http.request.method": trace.method, "url.path": trace.path}
    attributes |= {"http.response.status_code": status, "litellm.call_id": event.call_id}
    if (of_tools := method(event)) is not None:
        attributes["mcp.method.name"] = of_tools
    if event.model_group:
        attributes["litellm.model_group"] = event.model_group
    if event.ip:
        attributes["client.address"] = event.ip
    if event.agent:
        attributes["user_agent.original"] = event.agent
    if status >= 500:
        attributes["error.type"] = str(status)
    return Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_id=parent_id,
        name=vocabulary.request_title(event),
        kind=SERVER,
        start=nanoseconds(event.started),
        end=nanoseconds(event.ended),
        attributes=attributes,
        status=ERROR if status >= 500 else UNSET,  # what the client did wrong is no error of the server
    )


def _guardrail(above: Span, number: int, run: Mapping[str, Any], vocabulary: Vocabulary) -> Span:
    """Return the span of one run of a guardrail, below the request, or the attempt where requests have no spans."""
    began, ended = run.get("start_time"), run.get("end_time")
    failed = run.get("guardrail_status") == "guardrail_failed_to_respond"
    attributes: Facts = dict(vocabulary.guardrail)
    for name, attribute in _OF_GUARDRAILS.items():
        value = run.get(name)
        if value is not None:
            attributes[attribute] = value if isinstance(value, str) else _encode(value).decode()
    return Span(
        trace_id=above.trace_id,
        span_id=_digest(f"{above.span_id.hex()} {number}", 8),
        parent_id=above.span_id,
        name="guardrail",
        kind=INTERNAL,
        start=nanoseconds(began) if isinstance(began, int | float) else above.start,
        end=nanoseconds(ended) if isinstance(ended, int | float) else above.end,
        attributes=attributes,
        status=ERROR if failed else OK,
        said=str(run.get("guardrail_response") or "") if failed else "",
    )


def _cache(above: Span) -> Span:
    """Return the span of an answer that was in the cache. One that was not takes no time worth a span."""
    return Span(
        trace_id=above.trace_id,
        span_id=_digest(f"{above.span_id.hex()} cache", 8),
        parent_id=above.span_id,
        name="cache",
        kind=INTERNAL,
        start=above.start,
        end=above.end,
        attributes={"litellm.service.name": "cache", "litellm.service.call_type": "get", "cache.hit": True},
    )


def _list(above: Span, number: int, asked: Mapping[str, Any]) -> Span:
    """Return the span of what one server of tools was asked to list."""
    failure = asked["failure"]
    attributes: Facts = {"mcp.method.name": asked["method"], "litellm.mcp.server.name": asked["server"]}
    if failure is not None:
        attributes |= {"error.type": "error", "error.message": failure}
    return Span(
        trace_id=above.trace_id,
        span_id=_digest(f"{above.span_id.hex()} list {number}", 8),
        parent_id=above.span_id,
        name=asked["method"],
        kind=CLIENT,
        start=asked["began"] * 1000,
        end=asked["ended"] * 1000,
        attributes=attributes,
        status=OK if failure is None else ERROR,
        said=failure or "",
    )


def _exception(event: LogEvent) -> Happening:
    said = event.error_information or {}
    attributes: Facts = {"exception.type": said.get("error_class") or said.get("error_code") or "error"}
    if event.error_str:
        attributes["exception.message"] = event.error_str
    return Happening("exception", nanoseconds(event.ended), attributes)


def _digest(text: str, size: int) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:size]


def nanoseconds(seconds: float) -> int:
    """Return a time of an event as OTLP has it."""
    return round(seconds * 1_000_000) * (_NANO // 1_000_000)  # events are told to the microsecond
