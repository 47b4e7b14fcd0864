"""OpenTelemetry's own variables, and what the block of the configuration says in their place.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
https://opentelemetry.io/docs/specs/otel/protocol/exporter/
"""

import os
import re
import socket
import uuid
from typing import Final
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from tianji import __version__
from tianji.callbacks.otlp.facts import Facts
from tianji.callbacks.sink import Given
from tianji.config.environment import is_true
from tianji.errors import ConfigurationError

PROTOBUF, JSON, GRPC, CONSOLE = "http/protobuf", "http/json", "grpc", "console"
NAME: Final = "litellm"  # of the service and of what measures it, as programs know them
INSTANCE: Final = str(uuid.uuid4())  # sums of two gateways are not one another's continuation
_PROTOCOLS: Final = {
    "http/protobuf": PROTOBUF, "otlp_http": PROTOBUF, "http/json": JSON, "grpc": GRPC, "otlp_grpc": GRPC,
    "console": CONSOLE,
}  # fmt: skip
_OTLP: Final = "OTEL_EXPORTER_OTLP_"
_ENDPOINTS: Final = (f"{_OTLP}ENDPOINT", "OTEL_ENDPOINT")
_OWN_ENDPOINTS: Final = {
    "traces": (f"{_OTLP}TRACES_ENDPOINT", "OTEL_TRACES_ENDPOINT"),
    "metrics": (f"{_OTLP}METRICS_ENDPOINT",),
    "logs": (f"{_OTLP}LOGS_ENDPOINT",),
}
_SIGNAL: Final = re.compile(r"/v1/(traces|metrics|logs)$")
_EXPLICIT: Final = re.compile(r"/v\d+/trace(/|$)")  # a vendor's own path for traces, such as Splunk's
IN_SPANS: Final = frozenset({"span_only", "span_and_event"})
IN_EVENTS: Final = frozenset({"event_only", "span_and_event", "true"})
SERVICES: Final = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}


class Target(Struct, frozen=True):
    """Where one signal goes, and how. Of gRPC `url` names a method, by the schemes grpc and grpcs."""

    protocol: str
    url: str
    headers: dict[str, str] = {}
    compressed: bool = False


def target(given: Given, signal: str) -> Target:
    """Return where `traces`, `metrics` or `logs` go: by `exporter`, `endpoint` and `headers`, else by OTEL_*."""
    base = given.optional("endpoint", *_ENDPOINTS)
    elsewhere = () if given.params.get("endpoint") else _OWN_ENDPOINTS[signal]
    own = next(filter(None, map(given.variable, elsewhere)), "")
    protocol = _protocol(given, signal, endpoint=bool(own or base))
    if protocol == CONSOLE:
        return Target(CONSOLE, "")
    if not (own or base):
        base = "http://localhost:4317" if protocol == GRPC else "http://localhost:4318"
    url = grpc_url(given, own or base, signal) if protocol == GRPC else own or signal_url(base, signal)
    if protocol != GRPC and not url.startswith(("http://", "https://")):
        raise ConfigurationError(f"callback {given.name}: {url!r} is no address; begin it with https://")
    compression = given.optional("compression", f"{_OTLP}{signal.upper()}_COMPRESSION", f"{_OTLP}COMPRESSION")
    return Target(protocol, url, headers(given, signal), compression == "gzip")


def signal_url(base: str, signal: str) -> str:
    """Return the address of a signal below a base, or beside that of another signal; a vendor's own path stays."""
    plain = base.rstrip("/")
    if signal == "traces" and _EXPLICIT.search(urlsplit(plain).path):
        return plain
    return _SIGNAL.sub("", plain) + f"/v1/{signal}"


def grpc_url(given: Given, address: str, signal: str) -> str:
    """Return the address of gRPC's method at a host; what it has of a path says nothing there."""
    scheme, mark, rest = address.partition("://")
    if not mark:
        scheme, rest = "grpc" if is_true(given.variable(f"{_OTLP}INSECURE")) else "grpcs", address
    secure = scheme in {"https", "grpcs"}
    host = rest.partition("/")[0]
    if not host or scheme not in {"http", "https", "grpc", "grpcs"}:
        raise ConfigurationError(f"callback {given.name}: {address!r} is no address; write https://host:4317")
    return f"{'grpcs' if secure else 'grpc'}://{host}{SERVICES[signal]}"


def headers(given: Given, signal: str) -> dict[str, str]:
    """Return the headers of requests: of the block, as an object or as text, else of the environment."""
    written = given.params.get("headers")
    if isinstance(written, dict):
        return {str(name).lower(): str(value) for name, value in written.items()}
    return pairs(given.optional("headers", f"{_OTLP}{signal.upper()}_HEADERS", f"{_OTLP}HEADERS", "OTEL_HEADERS"))


def pairs(text: str) -> dict[str, str]:
    """Return what `name=value,name=value` holds; values are percent-decoded, as W3C's baggage has them."""
    split = (pair.partition("=") for pair in text.split(",") if "=" in pair)
    return {name.strip().lower(): unquote(value.strip()) for name, _, value in split}


def resource(given: Given, more: Facts | None = None) -> Facts:
    """Return what is told of the gateway itself. `more`: what a destination has for itself, which goes first."""
    variables = given.variable
    said = (pair.partition("=") for pair in (variables("OTEL_RESOURCE_ATTRIBUTES") or "").split(",") if "=" in pair)
    service = given.optional("service_name", "OTEL_SERVICE_NAME")
    found: Facts = {
        "service.name": NAME,
        "service.version": __version__,
        "service.instance.id": INSTANCE,
        "host.name": socket.gethostname(),
        "process.pid": os.getpid(),
        "telemetry.sdk.name": "tianji",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.version": __version__,
        "deployment.environment": given.text("deployment_environment", "OTEL_ENVIRONMENT_NAME", default="production"),
        **{name.strip(): unquote(value.strip()) for name, _, value in said},
        **({"service.name": service} if service else {}),
        **(more or {}),
    }
    found.setdefault("model_id", given.optional("model_id", "OTEL_MODEL_ID") or found["service.name"])
    return found


def tells_content(given: Given, places: frozenset[str]) -> bool:
    """Whether what was said is told in one of `places`: unless it is turned off, in spans where nothing is said."""
    wished = given.text(
        "capture_message_content", "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", default="span_only"
    )
    return not given.bare and wished.lower() in places


def wishes(given: Given, what: str) -> bool:
    """Whether `metrics` or `events` are told, too."""
    return given.flag(f"enable_{what}", f"LITELLM_OTEL_INTEGRATION_ENABLE_{what.upper()}")


def number(given: Given, variable: str, default: int) -> int:
    """Return a variable that holds a number above zero. Raises ConfigurationError for anything else."""
    text = given.variable(variable)
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise ConfigurationError(f"callback {given.name}: {variable}={text!r} is no number above zero")
    return int(text)


def _protocol(given: Given, signal: str, *, endpoint: bool) -> str:
    names = (f"{_OTLP}{signal.upper()}_PROTOCOL", f"{_OTLP}PROTOCOL", "OTEL_EXPORTER")
    wished = given.text("exporter", *names, default="otlp_http" if endpoint else "console")
    protocol = _PROTOCOLS.get(wished)
    if protocol is None:
        known = ", ".join(sorted(_PROTOCOLS))
        raise ConfigurationError(f"callback {given.name}: the exporter {wished!r} is none of {known}")
    return PROTOBUF if protocol == CONSOLE and endpoint else protocol
