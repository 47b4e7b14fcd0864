"""The destinations that take OTLP: where each lies, how it knows its customers, and which vocabulary it reads."""

from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from msgspec import Struct

from tianji.callbacks.otlp import environment
from tianji.callbacks.otlp.agentops import DOOR, Passport
from tianji.callbacks.otlp.environment import PROTOBUF, Target, grpc_url, signal_url
from tianji.callbacks.otlp.facts import Facts
from tianji.callbacks.otlp.sampling import Sampler, by_outcome, shared
from tianji.callbacks.otlp.span import Vocabulary
from tianji.callbacks.otlp.vocabularies.genai import LATEST, USUAL
from tianji.callbacks.otlp.vocabularies.langfuse import LANGFUSE
from tianji.callbacks.otlp.vocabularies.langtrace import LANGTRACE
from tianji.callbacks.otlp.vocabularies.openinference import OPENINFERENCE
from tianji.callbacks.otlp.vocabularies.weave import WEAVE
from tianji.callbacks.sink import Delivery, Given
from tianji.errors import ConfigurationError

ARIZE: Final = "https://otlp.arize.com"
PHOENIX: Final = "https://app.phoenix.arize.com"
_OFF: Final = frozenset({"false", "0"})


class Aim(Struct, frozen=True):
    """Where a destination is told, metrics and events only where they are wanted.

    resource: what it has to know of the gateway itself; complete: see `Sink`; content: it may be told what was said
    sampled: of which events it is told at all
    """

    traces: Target
    metrics: Target | None = None
    events: Target | None = None
    resource: Facts = {}
    complete: Callable[[Delivery], Awaitable[Delivery]] | None = None
    content: bool = True
    sampled: Sampler = lambda _: True


class Row(Struct, frozen=True):
    """A destination. temporality: of its metrics, where the environment does not say."""

    aim: Callable[[Given], Aim]
    vocabulary: Callable[[Given], Vocabulary]
    temporality: str = "cumulative"


def _conventions(given: Given) -> Vocabulary:
    """Return OpenTelemetry's own words, the latest where OTEL_SEMCONV_STABILITY_OPT_IN wishes that."""
    wished = (given.variable("OTEL_SEMCONV_STABILITY_OPT_IN") or "").split(",")
    return LATEST if "gen_ai_latest_experimental" in map(str.strip, wished) else USUAL


def _otel(given: Given) -> Aim:
    metrics = environment.target(given, "metrics") if environment.wishes(given, "metrics") else None
    events = environment.target(given, "logs") if environment.wishes(given, "events") else None
    return Aim(environment.target(given, "traces"), metrics, events)


def _posted(given: Given, base: str, **headers: str) -> Aim:
    """Return the aim of a destination that takes traces, and metrics where they are wanted, below one address."""
    metrics = Target(PROTOBUF, signal_url(base, "metrics"), headers) if environment.wishes(given, "metrics") else None
    return Aim(Target(PROTOBUF, signal_url(base, "traces"), headers), metrics)


def _agentops(given: Given) -> Aim:
    url = given.address("endpoint", "AGENTOPS_ENDPOINT", default="https://otlp.agentops.cloud/v1/traces")
    key = given.text("api_key", "AGENTOPS_API_KEY")
    passport = Passport(given.address("auth_endpoint", "AGENTOPS_AUTH_ENDPOINT", default=DOOR), key)
    return Aim(
        Target(PROTOBUF, url),
        resource={
            "service.name": given.text("service_name", "AGENTOPS_SERVICE_NAME", default="agentops"),
            "deployment.environment": given.text(
                "deployment_environment", "AGENTOPS_ENVIRONMENT", default="production"
            ),
            "telemetry.sdk.name": "agentops",
        },
        complete=passport.shown,
    )


def _arize(given: Given) -> Aim:
    headers = {
        "space_id": given.optional("arize_space_id")
        or given.text("arize_space_key", "ARIZE_SPACE_ID", "ARIZE_SPACE_KEY"),
        "api_key": given.text("arize_api_key", "ARIZE_API_KEY"),
    }
    remote = given.optional("endpoint", "ARIZE_ENDPOINT")
    if given.text("arize_otlp_protocol", default="grpc" if remote else PROTOBUF) == "grpc":
        target = Target(environment.GRPC, grpc_url(given, remote or ARIZE, "traces"), headers)
    else:
        base = given.address("http_endpoint", "ARIZE_HTTP_ENDPOINT", default=ARIZE)
        target = Target(PROTOBUF, signal_url(base, "traces"), headers)
    project = given.text("project_name", "ARIZE_PROJECT_NAME", default="litellm")
    told = by_outcome(given, "arize_success_sampling_rate", "arize_error_sampling_rate")
    return Aim(target, resource={"openinference.project.name": project, "model_id": project}, sampled=told)


def _phoenix(given: Given) -> Aim:
    address = given.text(
        "endpoint",
        "PHOENIX_COLLECTOR_HTTP_ENDPOINT",
        "PHOENIX_COLLECTOR_ENDPOINT",
        default="http://localhost:6006/v1/traces",
    )
    hosted = address.startswith(PHOENIX)
    project = given.text("project_name", "PHOENIX_PROJECT_NAME", "PHOENIX_COLLECTOR_PROJECT_NAME", default="default")
    key = given.text("api_key", "PHOENIX_API_KEY") if hosted else given.optional("api_key", "PHOENIX_API_KEY")
    headers = {"x-project-name": project} | ({"authorization": f"Bearer {key}"} if key else {})
    if address.startswith("grpc") or address.rstrip("/").endswith(":4317"):
        target = Target(environment.GRPC, grpc_url(given, address, "traces"), headers)
    else:
        url = given.address("endpoint", default=address)
        target = Target(PROTOBUF, url if hosted and "/traces" in url else signal_url(url, "traces"), headers)
    return Aim(target, resource={"openinference.project.name": project})


def _langfuse(given: Given) -> Aim:
    base = (
        given.optional("langfuse_otel_host", "LANGFUSE_OTEL_HOST", "LANGFUSE_HOST") or "https://us.cloud.langfuse.com"
    )
    url = (base if "://" in base else f"http://{base}").rstrip("/")
    path = given.text("traces_path", "LANGFUSE_OTEL_TRACES_EXPORT_PATH", default="/api/public/otel/v1/traces")
    public = given.text("langfuse_public_key", "LANGFUSE_PUBLIC_KEY")
    secret = given.text("langfuse_secret", "LANGFUSE_SECRET_KEY")
    headers = {
        "authorization": _basic(public, secret),
        "x-langfuse-ingestion-version": "4",
        "x-langfuse-public-key": public,
    }
    told = {
        "langfuse.environment": given.optional("langfuse_environment", "LANGFUSE_TRACING_ENVIRONMENT"),
        "langfuse.release": given.optional("langfuse_release", "LANGFUSE_RELEASE"),
    }
    whole = url if url.endswith("/v1/traces") else url.removesuffix("/api/public/otel") + "/" + path.lstrip("/")
    return Aim(
        Target(PROTOBUF, whole, headers),
        resource={name: value for name, value in told.items() if value},
        sampled=shared(given, "langfuse_sample_rate", "LANGFUSE_SAMPLE_RATE"),
    )


def _langtrace(given: Given) -> Aim:
    base = given.address("endpoint", "LANGTRACE_API_HOST", default="https://app.langtrace.ai")
    url = base if base.endswith("/api/trace") else base + "/api/trace"
    return Aim(Target(PROTOBUF, url, {"x-api-key": given.text("api_key", "LANGTRACE_API_KEY")}))


def _levo(given: Given) -> Aim:
    headers = {
        "authorization": f"Bearer {given.text('api_key', 'LEVOAI_API_KEY')}",
        "x-levo-organization-id": given.text("organization_id", "LEVOAI_ORG_ID"),
        "x-levo-workspace-id": given.text("workspace_id", "LEVOAI_WORKSPACE_ID"),
    }
    return Aim(Target(PROTOBUF, given.address("endpoint", "LEVOAI_COLLECTOR_URL"), headers))


def _logfire(given: Given) -> Aim:
    base = given.address("endpoint", "LOGFIRE_BASE_URL", default="https://logfire-api.pydantic.dev")
    return _posted(given, base, authorization=given.text("api_key", "LOGFIRE_TOKEN"))


def _mlflow(given: Given) -> Aim:
    """https://mlflow.org/docs/latest/genai/tracing/opentelemetry/ingest/, from MLflow 3.6 on."""
    base = given.address("endpoint", "MLFLOW_TRACKING_URI")
    headers = {"x-mlflow-experiment-id": given.text("experiment_id", "MLFLOW_EXPERIMENT_ID", default="0")}
    token, name = given.optional("token", "MLFLOW_TRACKING_TOKEN"), given.optional("user", "MLFLOW_TRACKING_USERNAME")
    if token:
        headers["authorization"] = f"Bearer {token}"
    elif name:
        headers["authorization"] = _basic(name, given.optional("password", "MLFLOW_TRACKING_PASSWORD"))
    return Aim(Target(PROTOBUF, signal_url(base, "traces"), headers))


def _newrelic(given: Given) -> Aim:
    region = given.text("newrelic_region", "NEW_RELIC_REGION", default="us").lower()
    if region not in {"us", "eu"}:
        raise ConfigurationError(f"callback {given.name}: NEW_RELIC_REGION={region!r} is neither us nor eu")
    usual = "https://otlp.eu01.nr-data.net" if region == "eu" else "https://otlp.nr-data.net"
    base = given.address("endpoint", "NEW_RELIC_OTLP_ENDPOINT", default=usual)
    aim = _posted(given, base, **{"api-key": given.text("newrelic_api_key", "NEW_RELIC_LICENSE_KEY")})
    kept = (given.variable("NEW_RELIC_AI_MONITORING_RECORD_CONTENT_ENABLED") or "true").lower() not in _OFF
    return Aim(aim.traces, aim.metrics, content=kept)


def _signoz(given: Given) -> Aim:
    key = given.optional("signoz_ingestion_key", "SIGNOZ_INGESTION_KEY")  # one that is run by oneself asks for none
    base = given.address("signoz_ingestion_endpoint", "SIGNOZ_INGESTION_ENDPOINT")
    return _posted(given, base, **({"signoz-ingestion-key": key} if key else {}))


def _traceloop(given: Given) -> Aim:
    base = given.address("endpoint", "TRACELOOP_BASE_URL", default="https://api.traceloop.com")
    return _posted(given, base, authorization=f"Bearer {given.text('api_key', 'TRACELOOP_API_KEY')}")


def _weave(given: Given) -> Aim:
    """https://docs.wandb.ai/weave/guides/tracking/otel; servers of before know the project by its header alone."""
    host = given.optional("host", "WANDB_HOST")
    base = (host if "://" in host else f"https://{host}").rstrip("/") if host else "https://trace.wandb.ai"
    key, project = given.text("wandb_api_key", "WANDB_API_KEY"), given.text("weave_project_id", "WANDB_PROJECT_ID")
    headers = {"authorization": _basic("api", key), "wandb-api-key": key, "project_id": project}
    entity, _, name = project.partition("/")
    named: Facts = {"wandb.entity": entity, "wandb.project": name} if name else {}
    return Aim(Target(PROTOBUF, f"{base}/otel/v1/traces", headers), resource=named)


def _basic(user: str, secret: str) -> str:
    return "Basic " + b64encode(f"{user}:{secret}".encode()).decode()


ROWS: Final[Mapping[str, Row]] = {
    "otel": Row(_otel, _conventions),
    "agentops": Row(_agentops, _conventions),
    "arize": Row(_arize, lambda _: OPENINFERENCE),
    "arize_phoenix": Row(_phoenix, lambda _: OPENINFERENCE),
    "langfuse_otel": Row(_langfuse, lambda _: LANGFUSE),
    "langtrace": Row(_langtrace, lambda _: LANGTRACE),
    "levo": Row(_levo, _conventions),
    "logfire": Row(_logfire, _conventions),
    "mlflow": Row(_mlflow, _conventions),
    "newrelic": Row(_newrelic, _conventions, temporality="delta"),
    "signoz": Row(_signoz, _conventions),
    "traceloop": Row(_traceloop, _conventions),
    "weave_otel": Row(_weave, lambda _: WEAVE),
}
