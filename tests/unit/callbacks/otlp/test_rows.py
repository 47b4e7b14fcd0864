"""Where each destination is told, and how it knows its customers."""

from base64 import b64encode
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.unit.callbacks.otlp.events import TRACE, answered, ended, failed
from tests.unit.callbacks.otlp.test_wire import attributes

from tianji.callbacks import otlp
from tianji.callbacks.event import LogEvent
from tianji.callbacks.otlp import destination
from tianji.callbacks.otlp.destination import EVERYTHING
from tianji.callbacks.otlp.rows import ROWS
from tianji.callbacks.settings import sinks_of, tells_traces
from tianji.callbacks.sink import Delivery, Sink
from tianji.callbacks.vendors import ALIASES, TRACED
from tianji.config.schema import Config, Settings
from tianji.ledger.entry import Place

KEYS = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "AGENTOPS_API_KEY": "k", "ARIZE_SPACE_ID": "s",
    "ARIZE_API_KEY": "k", "LANGFUSE_PUBLIC_KEY": "pk", "LANGFUSE_SECRET_KEY": "sk", "LANGTRACE_API_KEY": "k",
    "LEVOAI_API_KEY": "k", "LEVOAI_ORG_ID": "o", "LEVOAI_WORKSPACE_ID": "w", "LEVOAI_COLLECTOR_URL": "https://levo/in",
    "MLFLOW_TRACKING_URI": "http://mlflow:5000", "LOGFIRE_TOKEN": "t",
    "NEW_RELIC_LICENSE_KEY": "k", "SIGNOZ_INGESTION_ENDPOINT": "https://signoz",
    "SIGNOZ_INGESTION_KEY": "k", "TRACELOOP_API_KEY": "k", "WANDB_API_KEY": "k", "WANDB_PROJECT_ID": "e/p",
}  # fmt: skip
BASIC = "Basic " + b64encode(b"pk:sk").decode()


def configured(name: str, **params: Any) -> Config:
    return Config(litellm_settings=Settings(callbacks=(name,)), callback_settings={name: params} if params else {})


def made(name: str, environ: dict[str, str] | None = None, **params: Any) -> list[Sink]:
    sinks, problems = sinks_of(configured(name, **params), KEYS | (environ or {}))
    assert problems == []
    return sinks


def sent(name: str, environ: dict[str, str] | None = None, *events: LogEvent, **params: Any) -> Delivery:
    (request,) = made(name, environ, **params)[0].write(events or (answered(), ended()))
    return request


def told(request: Delivery) -> dict[str, Any]:
    (resource,) = ExportTraceServiceRequest.FromString(request.body).resource_spans
    return attributes(resource.resource.attributes)


def test_every_row_has_a_name_that_is_known() -> None:
    assert ROWS.keys() == TRACED
    assert ALIASES.keys() - TRACED >= {"phoenix", "arize_full", "weave"}
    assert all(tells_traces(configured(name)) for name in (*TRACED, "weave"))
    assert not tells_traces(configured("langfuse"))
    assert otlp.__doc__


@pytest.mark.parametrize(
    ("environ", "proof"),
    [
        ({"MLFLOW_TRACKING_TOKEN": "t"}, "Bearer t"),
        ({"MLFLOW_TRACKING_USERNAME": "pk", "MLFLOW_TRACKING_PASSWORD": "sk"}, BASIC),
    ],
)
def test_how_mlflow_is_entered(environ: dict[str, str], proof: str) -> None:
    request = sent("mlflow", environ | {"MLFLOW_EXPERIMENT_ID": "7"})
    assert (request.headers["authorization"], request.headers["x-mlflow-experiment-id"]) == (proof, "7")


@pytest.mark.parametrize(
    ("name", "url", "headers"),
    [
        ("otel", "http://c:4318/v1/traces", {}),
        ("agentops", "https://otlp.agentops.cloud/v1/traces", {}),
        ("arize", "https://otlp.arize.com/v1/traces", {"space_id": "s", "api_key": "k"}),
        ("arize_phoenix", "http://localhost:6006/v1/traces", {"x-project-name": "default"}),
        ("phoenix", "http://localhost:6006/v1/traces", {"x-project-name": "default"}),
        (
            "langfuse_otel",
            "https://us.cloud.langfuse.com/api/public/otel/v1/traces",
            {"authorization": BASIC, "x-langfuse-ingestion-version": "4", "x-langfuse-public-key": "pk"},
        ),
        ("langtrace", "https://app.langtrace.ai/api/trace", {"x-api-key": "k"}),
        (
            "levo",
            "https://levo/in",
            {"authorization": "Bearer k", "x-levo-organization-id": "o", "x-levo-workspace-id": "w"},
        ),
        ("logfire", "https://logfire-api.pydantic.dev/v1/traces", {"authorization": "t"}),
        ("mlflow", "http://mlflow:5000/v1/traces", {"x-mlflow-experiment-id": "0"}),
        ("newrelic", "https://otlp.nr-data.net/v1/traces", {"api-key": "k"}),
        ("signoz", "https://signoz/v1/traces", {"signoz-ingestion-key": "k"}),
        ("traceloop", "https://api.traceloop.com/v1/traces", {"authorization": "Bearer k"}),
        (
            "weave_otel",
            "https://trace.wandb.ai/otel/v1/traces",
            {"authorization": "Basic " + b64encode(b"api:k").decode(), "wandb-api-key": "k", "project_id": "e/p"},
        ),
    ],
)
def test_where_and_as_whom(name: str, url: str, headers: dict[str, str]) -> None:
    request = sent(name)
    assert request.url == url
    assert request.headers == {"content-type": "application/x-protobuf"} | headers
    assert ExportTraceServiceRequest.FromString(request.body).resource_spans
    assert made(name)[0].hears == EVERYTHING


@pytest.mark.parametrize("name", sorted(TRACED - {"langfuse_otel", "weave_otel"}))
def test_requests_have_spans_but_where_only_calls_are_shown(name: str) -> None:
    def count(which: str) -> int:
        (resource,) = ExportTraceServiceRequest.FromString(sent(which).body).resource_spans
        return len(resource.scope_spans[0].spans)

    assert count(name) == 2
    assert count("langfuse_otel") == count("weave_otel") == 1


def test_weave_knows_the_project_by_its_resource() -> None:
    (told,) = ExportTraceServiceRequest.FromString(sent("weave_otel").body).resource_spans
    named = {one.key: one.value.string_value for one in told.resource.attributes}
    assert (named["wandb.entity"], named["wandb.project"]) == ("e", "p")


def test_arize_may_be_told_by_grpc() -> None:
    request = sent("arize", {"ARIZE_ENDPOINT": "https://otlp.arize.com/v1"})
    assert request.url.startswith("grpcs://otlp.arize.com/opentelemetry.")
    assert request.headers["space_id"] == "s"
    request = sent("arize", {"ARIZE_HTTP_ENDPOINT": "https://arize/v1/traces", "ARIZE_PROJECT_NAME": "p"})
    assert (request.url, told(request)["openinference.project.name"]) == ("https://arize/v1/traces", "p")


def test_phoenix_at_home_and_away() -> None:
    for address in ("grpc://phoenix:4317", "http://phoenix:4317"):
        assert sent("arize_phoenix", {"PHOENIX_COLLECTOR_ENDPOINT": address}).url.startswith("grpc://phoenix:4317/")
    away = {"PHOENIX_COLLECTOR_ENDPOINT": "https://app.phoenix.arize.com/s/me/v1/traces", "PHOENIX_API_KEY": "k"}
    request = sent("arize_phoenix", away)
    assert (request.url, request.headers["authorization"]) == (away["PHOENIX_COLLECTOR_ENDPOINT"], "Bearer k")
    sinks, (problem,) = sinks_of(configured("phoenix"), {"PHOENIX_COLLECTOR_ENDPOINT": "https://app.phoenix.arize.com"})
    assert (sinks, "set PHOENIX_API_KEY" in problem) == ([], True)


def test_langfuse_elsewhere() -> None:
    assert sent("langfuse_otel", {"LANGFUSE_HOST": "ears:3000"}).url == "http://ears:3000/api/public/otel/v1/traces"
    both = {"LANGFUSE_OTEL_HOST": "https://eu/api/public/otel", "LANGFUSE_HOST": "https://x", "LANGFUSE_RELEASE": "r"}
    request = sent("langfuse_otel", both)
    assert request.url == "https://eu/api/public/otel/v1/traces"
    assert told(request)["langfuse.release"] == "r"


def test_vendors_have_words_of_their_own_for_the_gateway() -> None:
    assert told(sent("agentops"))["service.name"] == "agentops"
    said = {"OTEL_SERVICE_NAME": "mine", "OTEL_RESOURCE_ATTRIBUTES": "a=b%20c,service.name=no", "OTEL_MODEL_ID": "x"}
    found = told(sent("otel", said))
    assert (found["service.name"], found["a"], found["model_id"]) == ("mine", "b c", "x")
    assert told(sent("otel", {}, service_name="block", deployment_environment="e"))["deployment.environment"] == "e"


def test_newrelic_is_told_what_changed_and_no_content_where_that_is_off() -> None:
    wished = {"LITELLM_OTEL_INTEGRATION_ENABLE_METRICS": "true", "NEW_RELIC_REGION": "eu"}
    _, measured = made("newrelic", wished)
    (request,) = measured.write([answered()])
    assert request.url == "https://otlp.eu01.nr-data.net/v1/metrics"
    off = {"NEW_RELIC_AI_MONITORING_RECORD_CONTENT_ENABLED": "false"}
    assert b"hello" in sent("newrelic").body
    assert b"hello" not in sent("newrelic", off).body
    quiet = Settings(callbacks=("newrelic",), newrelic_params={"turn_off_message_logging": True})
    (made_quiet,), _ = sinks_of(Config(litellm_settings=quiet), KEYS)
    assert (made_quiet.bare, made("newrelic")[0].bare) == (True, False)


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318/"}, "http://c:4318/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c/v1/logs"}, "http://c/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c/base/v1/traces"}, "http://c/base/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://s/v2/trace/otlp"}, "https://s/v2/trace/otlp"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c/as/it/is"}, "http://c/as/it/is"),
        ({"OTEL_ENDPOINT": "http://c", "OTEL_EXPORTER": "console"}, "http://c/v1/traces"),
        ({"OTEL_EXPORTER": "otlp_http"}, "http://localhost:4318/v1/traces"),
        ({"OTEL_EXPORTER": "otlp_grpc"}, "grpc://localhost:4317/"),
        ({"OTEL_EXPORTER": "grpc", "OTEL_ENDPOINT": "c:4317"}, "grpcs://c:4317/"),
        ({"OTEL_EXPORTER": "grpc", "OTEL_ENDPOINT": "c:1", "OTEL_EXPORTER_OTLP_INSECURE": "true"}, "grpc://c:1/"),
        ({"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc", "OTEL_ENDPOINT": "http://c:1"}, "grpc://c:1/"),
    ],
)
def test_the_variables_of_opentelemetry(environ: dict[str, str], url: str) -> None:
    sinks, problems = sinks_of(configured("otel"), environ)
    (request,) = sinks[0].write([answered()])
    assert problems == []
    assert request.url.startswith(url)


def test_how_many_and_how_often() -> None:
    often = {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "7", "OTEL_BSP_SCHEDULE_DELAY": "1500"}
    (sink,) = made("otel", often)
    assert (sink.batch, sink.interval) == (7, 1.5)


@pytest.mark.parametrize(
    ("name", "environ", "said"),
    [
        ("otel", {"OTEL_EXPORTER": "zipkin"}, "the exporter 'zipkin' is none of"),
        ("otel", {"OTEL_EXPORTER_OTLP_ENDPOINT": "collector"}, "'collector/v1/traces' is no address"),
        ("otel", {"OTEL_EXPORTER": "grpc", "OTEL_EXPORTER_OTLP_ENDPOINT": "ftp://x"}, "'ftp://x' is no address"),
        ("otel", {"OTEL_BSP_SCHEDULE_DELAY": "soon"}, "OTEL_BSP_SCHEDULE_DELAY='soon' is no number above zero"),
        ("otel", {"OTEL_TRACES_SAMPLER": "dice"}, "OTEL_TRACES_SAMPLER='dice' is not known"),
        (
            "otel",
            {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "2"},
            "OTEL_TRACES_SAMPLER_ARG='2' is no number from 0 to 1",
        ),
        ("newrelic", {"NEW_RELIC_REGION": "mars"}, "NEW_RELIC_REGION='mars' is neither us nor eu"),
        (
            "otel",
            {
                "LITELLM_OTEL_INTEGRATION_ENABLE_METRICS": "true",
                "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "sometimes",
            },
            "the temporality 'sometimes' is not known",
        ),
    ],
)
def test_what_is_wrong_is_said(name: str, environ: dict[str, str], said: str) -> None:
    sinks, (problem,) = sinks_of(configured(name), KEYS | environ)
    assert sinks == []
    assert said in problem


@pytest.mark.parametrize("name", ["agentops", "arize", "langfuse_otel", "langtrace", "levo", "logfire", "weave_otel"])
def test_a_missing_key_is_named(name: str) -> None:
    _, (problem,) = sinks_of(configured(name), {})
    assert f"callback {name}: set " in problem


@pytest.mark.parametrize(("absent", "extra"), [("opentelemetry.proto", "otel"), ("h2", "otel-grpc")])
def test_a_missing_package_is_named(absent: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(destination, "find_spec", lambda name: None if name == absent else name)
    _, (problem,) = sinks_of(configured("otel"), {"OTEL_EXPORTER": "grpc"})
    assert problem.endswith(f"which is not installed: pip install 'tianji[{extra}]'")


def test_a_package_that_is_not_even_begun_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(destination, "find_spec", missing)
    _, (problem,) = sinks_of(configured("otel"), {"OTEL_EXPORTER": "otlp_http"})
    assert "pip install 'tianji[otel]'" in problem


def heard(environ: dict[str, str], *places: Place | None) -> int:
    requests = list(made("otel", environ)[0].write([answered(i, place=place) for i, place in enumerate(places)]))
    return sum(
        len(ExportTraceServiceRequest.FromString(one.body).resource_spans[0].scope_spans[0].spans) for one in requests
    )


def test_who_is_told_by_chance_and_by_the_client() -> None:
    unwished = Place(TRACE, b"s" * 8, b"r" * 8, b"c" * 8, 0)
    root = Place(TRACE, b"s" * 8, b"r" * 8)
    low, high = (Place(b"t" * 8 + half * 8, b"s" * 8, b"r" * 8) for half in (b"\x10", b"\xf0"))
    assert heard({}, unwished, root, None) == 2
    assert heard({"OTEL_TRACES_SAMPLER": "always_on"}, unwished, root) == 2
    assert heard({"OTEL_TRACES_SAMPLER": "always_off"}, unwished, root, None) == 0
    half = {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.5"}
    assert heard(half, low, high) == 1
    last = Place(b"\xff" * 16, b"s" * 8, b"r" * 8)
    assert heard({}, last) == 1
    assert heard(half | {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio"}, low, high, unwished) == 1


def test_arize_may_be_told_a_part_of_what_succeeded_and_of_what_failed() -> None:
    def heard_of(event: LogEvent, **rates: object) -> bool:
        return bool(list(made("arize", {}, **rates)[0].write([event])))

    assert not heard_of(answered(), arize_success_sampling_rate=0)
    assert heard_of(failed(), arize_success_sampling_rate=0)
    assert not heard_of(failed(), arize_error_sampling_rate="0.0")
    _, (problem,) = sinks_of(configured("arize", arize_error_sampling_rate=2), KEYS)
    assert "arize_error_sampling_rate='2' is no number from 0 to 1" in problem
    assert not list(made("langfuse_otel", {"LANGFUSE_SAMPLE_RATE": "0"})[0].write([answered()]))


def test_arize_of_a_key() -> None:
    own = {"arize_space_key": "K", "arize_api_key": "A", "arize_otlp_protocol": "grpc"}
    request = sent("arize", {}, answered(), **own)
    assert request.url.startswith("grpcs://otlp.arize.com/")
    assert (request.headers["space_id"], request.headers["api_key"]) == ("K", "A")
