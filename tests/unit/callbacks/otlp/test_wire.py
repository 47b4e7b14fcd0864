"""What goes over the wire, read back by the official types."""

import gzip
from typing import Any

import msgspec
import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from tests.unit.callbacks.otlp.events import CALLER, REQUEST, SPAN, TRACE, answered, ended, failed

from tianji.callbacks.event import LogEvent
from tianji.callbacks.otlp import wire
from tianji.callbacks.otlp.span import ERROR, OK, SERVER, Span
from tianji.callbacks.settings import sinks_of
from tianji.callbacks.sink import Delivery, Sink
from tianji.config.schema import Config, Settings

HTTP = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_HEADERS": "a=b, c=d%20e"}


def sinks(environ: dict[str, str], **params: Any) -> list[Sink]:
    config = Config(litellm_settings=Settings(callbacks=("otel",)), callback_settings={"otel": params})
    made, problems = sinks_of(config, environ)
    assert problems == []
    return made


def sent(environ: dict[str, str], *events: LogEvent, **params: Any) -> Delivery:
    (request,) = sinks(environ, **params)[0].write(events)
    return request


def attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: value(pair.value) for pair in pairs}


def value(told: AnyValue) -> Any:
    kind = told.WhichOneof("value")
    if kind == "array_value":
        return [value(one) for one in told.array_value.values]
    return getattr(told, str(kind))


def test_spans_come_back_as_they_were_told() -> None:
    request = sent(HTTP, answered(), failed(), ended())
    assert (request.url, request.method) == ("http://collector:4318/v1/traces", "POST")
    assert request.headers == {"content-type": "application/x-protobuf", "a": "b", "c": "d e"}
    (resource,) = ExportTraceServiceRequest.FromString(request.body).resource_spans
    told = attributes(resource.resource.attributes)
    assert (told["service.name"], told["deployment.environment"], told["model_id"]) == (
        "litellm",
        "production",
        "litellm",
    )
    (scope,) = resource.scope_spans
    assert scope.scope.name == "litellm"
    attempt, wrong, whole = scope.spans
    assert (attempt.trace_id, attempt.span_id, attempt.parent_span_id) == (TRACE, SPAN, REQUEST)
    assert (whole.span_id, whole.parent_span_id, whole.kind) == (REQUEST, CALLER, SERVER)
    assert (attempt.status.code, wrong.status.code, wrong.status.message) == (OK, ERROR, "slow")
    assert wrong.events[0].name == "exception"
    assert attempt.end_time_unix_nano - attempt.start_time_unix_nano == 250_000_000
    said = attributes(attempt.attributes)
    assert said["gen_ai.usage.input_tokens"] == 10
    assert said["litellm.request_tags"] == ["a", "b"]
    assert said["gen_ai.cost.total_cost"] == 2.0
    assert sent(HTTP, answered(), failed(), ended()).body == request.body, "told twice it is the same"


def test_json_is_the_same_message() -> None:
    binary = sent(HTTP, answered(), ended())
    text = sent({**HTTP, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, answered(), ended())
    assert text.headers["content-type"] == "application/json"
    document = msgspec.json.decode(text.body)
    for span in document["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        assert bytes.fromhex(span["traceId"]) == TRACE
        assert isinstance(span["kind"], int)
        for name, size in (("traceId", 16), ("spanId", 8), ("parentSpanId", 8)):
            raw = bytes.fromhex(span[name])
            assert len(raw) == size
            span[name] = msgspec.to_builtins(raw)
    assert ParseDict(document, ExportTraceServiceRequest()) == ExportTraceServiceRequest.FromString(binary.body)


def test_grpc_has_a_prefix_and_may_be_packed() -> None:
    plain = sent({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317/x", "OTEL_EXPORTER": "otlp_grpc"}, answered())
    assert plain.url == "grpc://c:4317/opentelemetry.proto.collector.trace.v1.TraceService/Export"
    assert plain.headers["content-type"] == "application/grpc"
    assert (plain.body[0], int.from_bytes(plain.body[1:5], "big")) == (0, len(plain.body) - 5)
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "https://c",
        "OTEL_EXPORTER": "grpc",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
    }
    packed = sent(environ, answered())
    assert packed.url.startswith("grpcs://c/")
    assert (packed.body[0], packed.headers["grpc-encoding"]) == (1, "gzip")
    assert gzip.decompress(packed.body[5:]) == plain.body[5:]
    posted = sent({**HTTP, "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}, answered())
    assert posted.headers["content-encoding"] == "gzip"
    assert gzip.decompress(posted.body) == plain.body[5:]


def test_the_console(capsys: pytest.CaptureFixture[str]) -> None:
    (made,) = sinks({})
    assert list(made.write([answered(), ended()])) == []
    (line,) = capsys.readouterr().out.splitlines()
    assert len(msgspec.json.decode(line)["resourceSpans"][0]["scopeSpans"][0]["spans"]) == 2


def test_what_was_said_may_be_kept_back() -> None:
    for environ, params in (
        ({**HTTP, "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "NO_CONTENT"}, {}),
        ({**HTTP, "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true"}, {}),
        (HTTP, {"message_logging": False}),
        (HTTP, {"turn_off_message_logging": True}),
    ):
        body = sent(environ, answered(), **params).body
        assert b"hello" not in body
        assert b"gen_ai.usage.input_tokens" in body
    assert (
        b"hello" in sent({**HTTP, "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY"}, answered()).body
    )


def test_long_texts_may_be_cut() -> None:
    body = sent({**HTTP, "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "3"}, answered()).body
    (resource,) = ExportTraceServiceRequest.FromString(body).resource_spans
    texts = attributes(resource.scope_spans[0].spans[0].attributes)
    assert texts["gen_ai.request.model"] == "gpt"
    assert texts["gen_ai.usage.input_tokens"] == 10


def test_metrics_go_beside_the_spans() -> None:
    traces, measured = sinks(HTTP, enable_metrics=True)
    assert (traces.name, measured.name) == ("otel", "otel metrics")
    assert traces.hears == {"success", "failure", "request_success", "request_failure"}
    assert measured.hears == {"success", "failure"}
    (request,) = measured.write([answered(), failed()])
    assert request.url == "http://collector:4318/v1/metrics"
    (resource,) = ExportMetricsServiceRequest.FromString(request.body).resource_metrics
    metrics = {metric.name: metric for metric in resource.scope_metrics[0].metrics}
    duration = metrics["gen_ai.client.operation.duration"]
    assert (duration.unit, duration.histogram.aggregation_temporality) == ("s", 2)
    assert sum(point.count for point in duration.histogram.data_points) == 2
    tokens = metrics["gen_ai.client.token.usage"].histogram.data_points
    assert {attributes(point.attributes)["gen_ai.token.type"]: point.sum for point in tokens} == {
        "input": 10,
        "output": 5,
    }
    for point in tokens:
        assert len(point.bucket_counts) == len(point.explicit_bounds) + 1
        assert sum(point.bucket_counts) == point.count
    environ = {**HTTP, "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta"}
    (request,) = sinks(environ, enable_metrics=True)[1].write([answered()])
    (resource,) = ExportMetricsServiceRequest.FromString(request.body).resource_metrics
    assert resource.scope_metrics[0].metrics[0].histogram.aggregation_temporality == 1


LOGS = {**HTTP, "LITELLM_OTEL_INTEGRATION_ENABLE_EVENTS": "true"}
CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
LATEST = {"OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental"}


def test_events_go_beside_the_spans_with_what_was_said_or_without() -> None:
    traces, events = sinks({**LOGS, CAPTURE: "EVENT_ONLY"})
    assert (events.name, events.hears) == ("otel events", {"success", "failure"})
    (request,) = events.write([answered()])
    assert request.url == "http://collector:4318/v1/logs"
    (resource,) = ExportLogsServiceRequest.FromString(request.body).resource_logs
    prompt, completion = resource.scope_logs[0].log_records
    assert (prompt.event_name, completion.event_name) == ("gen_ai.content.prompt", "gen_ai.content.completion")
    assert (prompt.trace_id, prompt.span_id) == (TRACE, SPAN)
    assert msgspec.json.decode(prompt.body.string_value) == {
        "role": "user", "parts": [{"type": "text", "content": "hi"}],
    }  # fmt: skip
    assert completion.time_unix_nano - prompt.time_unix_nano == 250_000_000
    assert b"hello" in request.body
    assert b"hello" not in next(iter(traces.write([answered()]))).body
    assert list(sinks(LOGS)[1].write([answered()])) == []
    assert b"hello" in next(iter(sinks(LOGS)[0].write([answered()]))).body


def test_the_one_event_of_the_conventions() -> None:
    (request,) = sinks({**LOGS, **LATEST, CAPTURE: "SPAN_AND_EVENT"})[1].write([answered()])
    (resource,) = ExportLogsServiceRequest.FromString(request.body).resource_logs
    (record,) = resource.scope_logs[0].log_records
    said = attributes(record.attributes)
    assert said["event.name"] == record.event_name == "gen_ai.client.inference.operation.details"
    assert "hello" in said["gen_ai.output.messages"]
    (request,) = sinks({**LOGS, **LATEST, CAPTURE: "no_content", "OTEL_EXPORTER": "http/json"})[1].write([answered()])
    record = msgspec.json.decode(request.body)["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]
    assert (bytes.fromhex(record["traceId"]), bytes.fromhex(record["spanId"])) == (TRACE, SPAN)
    assert b"hello" not in request.body


WORDS = st.text(max_size=8) | st.just("\ud800")


@given(
    st.dictionaries(
        WORDS,
        WORDS | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.lists(WORDS).map(tuple),
        max_size=4,
    ),
    WORDS,
)
def test_whatever_a_span_holds_can_be_told(facts: dict[str, Any], name: str) -> None:
    span = Span(TRACE, SPAN, b"", "n", 1, 0, 1, facts, ERROR, name)
    message = wire.traces([span], facts, "s", None)
    assert ExportTraceServiceRequest.FromString(message.SerializeToString()) == message
    assert wire.as_json(message)
