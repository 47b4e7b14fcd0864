"""Traces through the running gateway: what a client says of its own, what upstreams and a collector hear."""

import secrets
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.contract.harness import BOOKS, PATIENCE, Gateway, Mock, eventually, openai_model
from tests.fakes.collector import Collector

PRICES = {"input_cost_per_token": 0.001, "output_cost_per_token": 0.002}
HTTP = "/v1/traces"
GRPC = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
METRICS = "/v1/metrics"
CLIENT = "00f067aa0ba902b7"
SERVER_KIND, CLIENT_KIND, ERROR = 2, 3, 2


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(
    edge: str, mock_process: Mock, collector: Collector, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("traces")
    config: dict[str, Any] = {
        "model_list": [
            openai_model("m", "m-up", mock_process.url, **PRICES),
            openai_model("twice", "first-up", mock_process.url, order=1),
            openai_model("twice", "second-up", mock_process.url, order=2),
        ],
        "router_settings": {"num_retries": 1, "disable_cooldowns": True, "retry_after": 0},
        "litellm_settings": {"callbacks": ["otel", "arize"], "forward_traceparent_to_llm_provider": True},
        "callback_settings": {"otel": {"enable_metrics": True}},
        "guardrails": [
            {"guardrail_name": "secrets", "litellm_params": {"guardrail": "hide-secrets", "mode": "pre_call"}}
        ],
        "general_settings": {
            "pass_through_endpoints": [
                {"path": "/through", "target": f"{mock_process.url}/v1/chat/completions", "forward_headers": True}
            ]
        },
    }
    env = {
        **BOOKS,
        "DEFAULT_FLUSH_INTERVAL_SECONDS": "0.2",
        "OTEL_METRIC_EXPORT_INTERVAL": "200",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_EXPORTER_OTLP_HEADERS": "x-key=canary-0815",
        "ARIZE_ENDPOINT": collector.grpc_url,
        "ARIZE_SPACE_ID": "space",
        "ARIZE_API_KEY": "canary-4711",
        "TIANJI_DATA_DIR": str(folder / "data"),
    }
    with Gateway(config, folder, edge=edge, env=env) as running:
        yield running


def ask(gateway: Gateway, trace: str, model: str = "m", **members: object) -> httpx.Response:
    body = {"model": model, "messages": [{"role": "user", "content": "what it is about"}], **members}
    headers = {"traceparent": f"00-{trace}-{CLIENT}-01", "tracestate": "vendor=x", "baggage": "who=baggage-canary"}
    return gateway.chat(body, **headers)


def spans(collector: Collector, trace: str, count: int, path: str = HTTP) -> list[Span]:
    """The spans of a trace, once there are so many: attempts in their order, then the request."""

    def found() -> list[Span]:
        return [span for span in collector.spans(path) if span.trace_id.hex() == trace]

    eventually(lambda: len(found()) >= count, f"{count} spans of {trace} at {path}", PATIENCE)
    return sorted(found(), key=lambda span: (span.kind == SERVER_KIND, span.start_time_unix_nano))


def parents(mock: Mock) -> list[str]:
    return [dict(request["headers"])["traceparent"] for request in mock.requests()]


def said(span: Span) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, str(pair.value.WhichOneof("value"))) for pair in span.attributes}


@pytest.fixture
def trace() -> str:
    return secrets.token_hex(16)


@pytest.mark.parametrize("stream", [False, True])
def test_one_trace_from_the_client_to_the_upstream(
    gateway: Gateway, mock: Mock, collector: Collector, trace: str, stream: bool
) -> None:
    answer = ask(gateway, trace, stream=stream)
    assert answer.status_code == 200
    attempt, request = spans(collector, trace, 2)
    assert (request.kind, attempt.kind) == (SERVER_KIND, CLIENT_KIND)
    assert (request.parent_span_id.hex(), attempt.parent_span_id) == (CLIENT, request.span_id)
    assert parents(mock) == [f"00-{trace}-{attempt.span_id.hex()}-01"]
    headers = dict(mock.last()["headers"])
    assert headers["tracestate"] == "vendor=x"
    assert "baggage" not in headers, "what the client says of itself goes no further unless somebody asks for that"
    assert "baggage-canary" not in str((attempt, request))
    assert request.start_time_unix_nano <= attempt.start_time_unix_nano
    assert attempt.end_time_unix_nano <= request.end_time_unix_nano
    told = said(attempt)
    assert (told["gen_ai.request.model"], told["litellm.call_id"]) == ("m-up", answer.headers["x-litellm-call-id"])
    assert told["gen_ai.usage.input_tokens"] > 0
    assert told["gen_ai.cost.total_cost"] > 0
    assert "what it is about" in told["gen_ai.input.messages"]
    assert said(request)["http.response.status_code"] == 200
    assert said(request)["url.path"] == "/v1/chat/completions"


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/responses", "/through"])
def test_whatever_way_a_request_takes(
    gateway: Gateway, mock: Mock, collector: Collector, trace: str, path: str
) -> None:
    said_in = {"input": "hi"} if path.endswith("responses") else {"messages": [{"role": "user", "content": "hi"}]}
    body = {"model": "m", "max_tokens": 9, **said_in}
    answer = gateway.post(path, body, traceparent=f"00-{trace}-{CLIENT}-01")
    assert answer.status_code == 200, answer.text
    attempt, request = spans(collector, trace, 2)
    assert (request.parent_span_id.hex(), attempt.parent_span_id) == (CLIENT, request.span_id)
    assert said(request)["url.path"] == path
    assert parents(mock) == [f"00-{trace}-{attempt.span_id.hex()}-01"]


def test_both_are_told_the_same_trace(gateway: Gateway, mock: Mock, collector: Collector, trace: str) -> None:
    assert ask(gateway, trace).status_code == 200
    here, there = (spans(collector, trace, 2, path) for path in (HTTP, GRPC))
    assert [span.span_id for span in here] == [span.span_id for span in there]
    assert said(there[0])["openinference.span.kind"] == "LLM"
    headers = {path: headers for path, headers, _ in collector.heard}
    assert (headers[HTTP]["x-key"], headers[GRPC]["api_key"]) == ("canary-0815", "canary-4711")
    assert "canary" not in gateway.log


def test_each_attempt_is_a_span(gateway: Gateway, mock: Mock, collector: Collector, trace: str) -> None:
    mock.control({"status": 500}, model="first-up")
    assert ask(gateway, trace, "twice").status_code == 200
    *attempts, request = spans(collector, trace, 1 + len(mock.requests()))
    assert len(attempts) >= 2
    assert {span.parent_span_id for span in attempts} == {request.span_id}
    assert parents(mock) == [f"00-{trace}-{span.span_id.hex()}-01" for span in attempts]
    assert [span.status.code == ERROR for span in attempts] == [True] * (len(attempts) - 1) + [False]
    assert request.status.code != ERROR
    assert attempts[0].events[0].name == "exception"


def test_a_request_that_failed(gateway: Gateway, mock: Mock, collector: Collector, trace: str) -> None:
    mock.control({"status": 500}, model="m-up")
    answer = ask(gateway, trace)
    assert answer.status_code >= 500
    *attempts, request = spans(collector, trace, 1 + len(mock.requests()))
    assert {span.status.code for span in (*attempts, request)} == {ERROR}
    assert said(request)["http.response.status_code"] == answer.status_code


def test_a_stream_that_is_cut(gateway: Gateway, mock: Mock, collector: Collector, trace: str) -> None:
    mock.control({"cut_at": 700}, model="m-up")
    assert ask(gateway, trace, stream=True).status_code == 200
    attempt, request = spans(collector, trace, 2)
    assert (attempt.status.code, request.status.code) == (ERROR, ERROR)
    assert said(attempt)["gen_ai.usage.output_tokens"] > 0, "what came before the cut"


def test_a_request_that_was_refused(gateway: Gateway, mock: Mock, collector: Collector, trace: str) -> None:
    assert ask(gateway, trace, "unknown").status_code == 404
    *_, request = spans(collector, trace, 2)
    assert (request.parent_span_id.hex(), request.status.code) == (CLIENT, 0)
    assert said(request)["http.response.status_code"] == 404


@pytest.mark.parametrize("stream", [False, True])
def test_a_guardrail_is_a_span_below_the_request(
    gateway: Gateway, mock: Mock, collector: Collector, trace: str, stream: bool
) -> None:
    assert ask(gateway, trace, guardrails=["secrets"], stream=stream).status_code == 200
    found = spans(collector, trace, 3)
    request = found[-1]
    (run,) = [span for span in found if span.name == "guardrail"]
    assert run.parent_span_id == request.span_id
    assert said(run)["guardrail_name"] == "secrets"
    assert request.start_time_unix_nano <= run.start_time_unix_nano <= run.end_time_unix_nano


def test_the_end_of_a_request_is_in_no_book(gateway: Gateway, mock: Mock, collector: Collector, trace: str) -> None:
    answer = ask(gateway, trace)
    spans(collector, trace, 2)
    call = answer.headers["x-litellm-call-id"]
    eventually(
        lambda: gateway.client.get("/spend/logs", params={"request_id": f"{call}-0"}).json(), "the row", PATIENCE
    )
    rows = [row for row in gateway.client.get("/spend/logs").json() if call in str(row)]
    assert len(rows) == 1


def test_who_wants_no_log_has_no_span(gateway: Gateway, mock: Mock, collector: Collector, trace: str) -> None:
    assert ask(gateway, trace, **{"no-log": True}).status_code == 200
    assert parents(mock)[0].startswith(f"00-{trace}-")
    other = secrets.token_hex(16)
    assert ask(gateway, other).status_code == 200
    spans(collector, other, 2)
    assert not [span for span in collector.spans(HTTP) if span.trace_id.hex() == trace]


def test_a_client_without_a_trace_begins_one(gateway: Gateway, mock: Mock, collector: Collector) -> None:
    answer = gateway.chat({"model": "m", "messages": [{"role": "user", "content": "hi"}]})
    assert answer.status_code == 200
    (parent,) = parents(mock)
    attempt, request = spans(collector, parent.split("-")[1], 2)
    assert attempt.parent_span_id == request.span_id
    assert request.parent_span_id == b""


def test_what_is_measured(gateway: Gateway, mock: Mock, collector: Collector, trace: str) -> None:
    assert ask(gateway, trace).status_code == 200

    def names() -> set[str]:
        return {
            metric.name
            for message in collector.metrics(METRICS)
            for resource in message.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    eventually(
        lambda: {"gen_ai.client.token.usage", "gen_ai.client.operation.duration"} <= names(), "metrics", PATIENCE
    )
