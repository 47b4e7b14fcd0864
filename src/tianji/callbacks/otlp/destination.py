"""A destination of OTLP: spans of requests and attempts, and beside them metrics and events where they are wanted."""

import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from typing import Any, Final

from tianji.callbacks.event import ENDED, LogEvent
from tianji.callbacks.forms import packed
from tianji.callbacks.otlp import environment
from tianji.callbacks.otlp.environment import CONSOLE, GRPC, JSON, Target
from tianji.callbacks.otlp.instruments import Meter, chosen
from tianji.callbacks.otlp.record import Records, details, usual
from tianji.callbacks.otlp.roots import Roots
from tianji.callbacks.otlp.rows import ROWS, Aim, Row
from tianji.callbacks.otlp.sampling import sampler
from tianji.callbacks.otlp.span import spans_of
from tianji.callbacks.otlp.vocabularies.genai import LATEST
from tianji.callbacks.sink import BATCH, INTERVAL, Delivery, Given, Sink
from tianji.callbacks.vendors import ALIASES
from tianji.errors import ConfigurationError
from tianji.lazy import load

_WIRE: Final = "tianji.callbacks.otlp.wire"
EVERYTHING: Final = frozenset({*ENDED, *ENDED.values()})  # attempts, and the ends of requests
_TYPES: Final = {JSON: "application/json", GRPC: "application/grpc"}


def build(given: Given) -> Sink:
    """Make it of the row that has its name. Raises ConfigurationError for what is missing, packages among it."""
    row = ROWS[ALIASES.get(given.name, given.name)]
    aim = row.aim(given)
    _require(given, "opentelemetry.proto", "otel", "opentelemetry-proto")
    if GRPC in {target.protocol for target in (aim.traces, aim.metrics, aim.events) if target is not None}:
        _require(given, "h2", "otel-grpc", "h2")
    resource = environment.resource(given, aim.resource)
    scope = given.text("tracer_name", "OTEL_TRACER_NAME", default=environment.NAME)
    longest = environment.number(given, "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", 0) or None
    content = environment.tells_content(given, environment.IN_SPANS) and aim.content
    sampled, wished = sampler(given), aim.sampled
    vocabulary = row.vocabulary(given)
    roots = Roots(vocabulary.above)

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        told = (one for one in events if sampled(one) and wished(one))
        spans = spans_of(told, vocabulary, content=content, roots=roots)
        if spans:
            yield from sent(aim.traces, load(_WIRE).traces(spans, resource, scope, longest))

    return Sink(
        given.name,
        write,
        apart=aim.traces.compressed,
        batch=environment.number(given, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", BATCH),
        interval=environment.number(given, "OTEL_BSP_SCHEDULE_DELAY", round(INTERVAL * 1000)) / 1000,
        hears=EVERYTHING,
        beside=tuple(_beside(given, row, aim)),
        complete=aim.complete,
    )


def sent(target: Target, message: Any) -> Iterable[Delivery]:
    """Yield the request that carries a message of protobuf. To the console it goes at once, a line each."""
    if target.protocol == CONSOLE:
        sys.stdout.write(load(_WIRE).as_json(message).decode() + "\n")
        sys.stdout.flush()
        return
    body = load(_WIRE).as_json(message) if target.protocol == JSON else message.SerializeToString()
    headers = {"content-type": _TYPES.get(target.protocol, "application/x-protobuf")} | target.headers
    if target.compressed:
        body = packed(body)
        headers["grpc-encoding" if target.protocol == GRPC else "content-encoding"] = "gzip"
    if target.protocol == GRPC:  # a Length-Prefixed-Message, see tianji.egress.grpc
        body = bytes([target.compressed]) + len(body).to_bytes(4, "big") + body
    yield Delivery(target.url, body, headers)


def _beside(given: Given, row: Row, aim: Aim) -> Iterable[Sink]:
    if aim.metrics is not None:
        yield _metrics(given, row, aim.metrics)
    if aim.events is not None:
        yield _events(given, details if row.vocabulary(given) is LATEST else usual, aim.events)


def _events(given: Given, records: Records, target: Target) -> Sink:
    resource = environment.resource(given)
    scope = given.text("logger_name", "LITELLM_LOGGER_NAME", default=environment.NAME)
    content = environment.tells_content(given, environment.IN_EVENTS)
    sampled = sampler(given)

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        told = [record for event in events if sampled(event) for record in records(event, content)]
        if told:
            yield from sent(target, load(_WIRE).logs(told, resource, scope))

    return Sink("events", write, hears=frozenset(ENDED), bare=not content)


def _metrics(given: Given, row: Row, target: Target) -> Sink:
    preference = given.variable("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE") or row.temporality
    if preference.lower() not in {"cumulative", "delta", "lowmemory"}:
        raise ConfigurationError(f"callback {given.name}: the temporality {preference!r} is not known; write delta")
    delta = preference.lower() != "cumulative"
    meter = Meter(delta=delta, labels=_labels(given))
    resource = environment.resource(given)
    scope = given.text("meter_name", "LITELLM_METER_NAME", default=environment.NAME)

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        measured = meter.take(events)
        if measured:
            yield from sent(target, load(_WIRE).metrics(measured, resource, scope, delta=delta))

    often = environment.number(given, "OTEL_METRIC_EXPORT_INTERVAL", round(INTERVAL * 1000)) / 1000
    return Sink("metrics", write, interval=often, bare=True)


def _labels(given: Given) -> Callable[[str], bool]:
    """Return which labels metrics have, by `attributes: {include_list, exclude_list}`."""
    lists = given.params.get("attributes")
    wished = lists if isinstance(lists, dict) else {}
    included, excluded = wished.get("include_list"), wished.get("exclude_list")
    return chosen(
        frozenset(map(str, included)) if isinstance(included, list) else None,
        frozenset(map(str, excluded)) if isinstance(excluded, list) else frozenset(),
    )


def _require(given: Given, module: str, extra: str, package: str) -> None:
    try:
        found = find_spec(module) is not None
    except ModuleNotFoundError:  # not even what it would be a part of
        found = False
    if not found:
        raise ConfigurationError(
            f"callback {given.name}: needs the package {package}, which is not installed: pip install 'tianji[{extra}]'"
        )
