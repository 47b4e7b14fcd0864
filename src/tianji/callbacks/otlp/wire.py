"""Spans, histograms and events as messages of OTLP (https://opentelemetry.io/docs/specs/otlp/), in both encodings.

The types are those of opentelemetry-proto; whoever imports this module has seen to it that they are installed.
"""

from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1 import trace_pb2

from tianji.callbacks.otlp.facts import Facts, Value
from tianji.callbacks.otlp.instruments import Instrument, Series
from tianji.callbacks.otlp.record import Record
from tianji.callbacks.otlp.span import Span

_SAMPLED: Final = 1  # of the flags of a span
_LARGEST: Final = 1 << 63
_encode: Final = msgspec.json.Encoder().encode


def traces(spans: Sequence[Span], resource: Facts, scope: str, longest: int | None) -> ExportTraceServiceRequest:
    """Return the message that tells of spans. `longest`: characters of a text that are told; None: all."""
    told = trace_pb2.ScopeSpans(scope=InstrumentationScope(name=scope), spans=[_span(span, longest) for span in spans])
    return ExportTraceServiceRequest(
        resource_spans=[trace_pb2.ResourceSpans(resource=_resource(resource), scope_spans=[told])]
    )


def metrics(
    measured: Mapping[Instrument, Sequence[Series]], resource: Facts, scope: str, *, delta: bool
) -> ExportMetricsServiceRequest:
    """Return the message that tells of histograms; `delta`: since the last one, else since they began."""
    temporality = metrics_pb2.AGGREGATION_TEMPORALITY_DELTA if delta else metrics_pb2.AGGREGATION_TEMPORALITY_CUMULATIVE
    told = metrics_pb2.ScopeMetrics(
        scope=InstrumentationScope(name=scope),
        metrics=[
            metrics_pb2.Metric(
                name=instrument.name,
                unit=instrument.unit,
                description=instrument.description,
                histogram=metrics_pb2.Histogram(
                    aggregation_temporality=temporality, data_points=[_point(instrument, one) for one in series]
                ),
            )
            for instrument, series in measured.items()
        ],
    )
    return ExportMetricsServiceRequest(
        resource_metrics=[metrics_pb2.ResourceMetrics(resource=_resource(resource), scope_metrics=[told])]
    )


def logs(records: Sequence[Record], resource: Facts, scope: str) -> ExportLogsServiceRequest:
    """Return the message that tells of events."""
    told = logs_pb2.ScopeLogs(
        scope=InstrumentationScope(name=scope),
        log_records=[
            logs_pb2.LogRecord(
                time_unix_nano=record.at,
                observed_time_unix_nano=record.at,
                severity_number=logs_pb2.SEVERITY_NUMBER_INFO,
                event_name=record.name,
                trace_id=record.trace_id,
                span_id=record.span_id,
                flags=_SAMPLED,
                attributes=_attributes(record.attributes, None),
                body=AnyValue(string_value=_text(record.body)) if record.body else None,
            )
            for record in records
        ],
    )
    return ExportLogsServiceRequest(
        resource_logs=[logs_pb2.ResourceLogs(resource=_resource(resource), scope_logs=[told])]
    )


def named(told: bytes, name: str, value: str) -> bytes:
    """Return a message that tells of spans with one more word on the gateway itself."""
    message = ExportTraceServiceRequest.FromString(told)
    for one in message.resource_spans:
        one.resource.attributes.append(KeyValue(key=name, value=AnyValue(string_value=value)))
    return message.SerializeToString()


def as_json(message: Message) -> bytes:
    """Return a message as OTLP's JSON: that of protobuf, but ids in hex and enumerations as numbers."""
    document = MessageToDict(message, use_integers_for_enums=True)
    for resources, scopes, members in (
        ("resourceSpans", "scopeSpans", "spans"),
        ("resourceLogs", "scopeLogs", "logRecords"),
    ):
        for resource in document.get(resources, ()):
            for scope in resource[scopes]:
                for member in scope[members]:
                    _hex_ids(member)
    return _encode(document)


def _hex_ids(member: dict[str, Any]) -> None:
    for name in ("traceId", "spanId", "parentSpanId"):
        if name in member:
            member[name] = b64decode(member[name]).hex()  # protobuf's JSON has bytes in base64


def _span(span: Span, longest: int | None) -> trace_pb2.Span:
    return trace_pb2.Span(
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_span_id=span.parent_id,
        flags=_SAMPLED,
        name=span.name,
        kind=trace_pb2.Span.SpanKind.ValueType(span.kind),
        start_time_unix_nano=span.start,
        end_time_unix_nano=span.end,
        attributes=_attributes(span.attributes, longest),
        events=[
            trace_pb2.Span.Event(name=one.name, time_unix_nano=one.at, attributes=_attributes(one.attributes, longest))
            for one in span.happenings
        ],
        status=trace_pb2.Status(code=trace_pb2.Status.StatusCode.ValueType(span.status), message=_text(span.said)),
    )


def _point(instrument: Instrument, series: Series) -> metrics_pb2.HistogramDataPoint:
    return metrics_pb2.HistogramDataPoint(
        attributes=_attributes(dict(series.attributes), None),
        start_time_unix_nano=series.start,
        time_unix_nano=series.end,
        count=series.count,
        sum=series.total,
        min=series.least,
        max=series.most,
        bucket_counts=series.buckets,
        explicit_bounds=instrument.bounds,
    )


def _resource(attributes: Facts) -> Resource:
    return Resource(attributes=_attributes(attributes, None))


def _attributes(facts: Facts, longest: int | None) -> list[KeyValue]:
    return [KeyValue(key=_text(name), value=_value(value, longest)) for name, value in facts.items()]


def _value(value: Value, longest: int | None) -> AnyValue:
    if isinstance(value, str):
        return AnyValue(string_value=_text(value[:longest]))
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int) and -_LARGEST <= value < _LARGEST:
        return AnyValue(int_value=value)
    if isinstance(value, int | float):
        return AnyValue(double_value=value)
    return AnyValue(array_value=ArrayValue(values=[_value(one, longest) for one in value]))


def _text(text: str) -> str:
    """Return a text as protobuf takes it: without halves of surrogate pairs, which JSON may have."""
    return text.encode("utf-8", "replace").decode()
