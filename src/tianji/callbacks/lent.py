"""Destinations that the database names: what it may say of them, and with what they are told.

Who may write settings into the database need not be whoever runs the gateway. So what it says is for the destinations
that it names itself; who says where events go gets no credentials of the operator's, and the address has to be public,
or of a host that the operator names. https://docs.litellm.ai/docs/proxy/logging has the names of the variables.
"""

from collections.abc import Mapping
from typing import Final

from tianji._core.upstreams.origin import Origin
from tianji.callbacks.vendors import ALIASES, NAMED, VENDORS
from tianji.config.lent import Lent
from tianji.config.schema import Config
from tianji.egress.address import AddressPolicy
from tianji.egress.connector import Check
from tianji.egress.resolver import Address

_DATADOG: Final = ("DD_API_KEY", "DD_SITE")
_LANGFUSE: Final = ("LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY", "LANGFUSE_HOST", "LANGFUSE_TRACING_ENVIRONMENT")
_AWS: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION_NAME")
VARIABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "agentops": ("AGENTOPS_API_KEY",),
    "arize": ("ARIZE_API_KEY", "ARIZE_SPACE_ID"),
    "arize_phoenix": ("PHOENIX_API_KEY", "PHOENIX_COLLECTOR_HTTP_ENDPOINT", "PHOENIX_PROJECT_NAME"),
    "athina": ("ATHINA_API_KEY", "ATHINA_BASE_URL"),
    "aws_sqs": _AWS,
    "azure_sentinel": (
        "AZURE_SENTINEL_DCR_IMMUTABLE_ID", "AZURE_SENTINEL_ENDPOINT", "AZURE_SENTINEL_TENANT_ID",
        "AZURE_SENTINEL_CLIENT_ID", "AZURE_SENTINEL_CLIENT_SECRET", "AZURE_SENTINEL_STREAM_NAME",
    ),
    "braintrust": ("BRAINTRUST_API_KEY", "BRAINTRUST_API_BASE"),
    "datadog": _DATADOG,
    "datadog_cost_management": (*_DATADOG, "DD_APP_KEY"),
    "datadog_llm_observability": _DATADOG,
    "datadog_metrics": _DATADOG,
    "galileo": (
        "GALILEO_API_KEY", "GALILEO_PROJECT_ID", "GALILEO_LOG_STREAM_ID", "GALILEO_BASE_URL", "GALILEO_USERNAME",
        "GALILEO_PASSWORD",
    ),
    "generic_api": ("GENERIC_LOGGER_ENDPOINT", "GENERIC_LOGGER_HEADERS"),
    "helicone": ("HELICONE_API_KEY", "HELICONE_API_BASE"),
    "lago": ("LAGO_API_BASE", "LAGO_API_KEY", "LAGO_API_EVENT_CODE", "LAGO_API_CHARGE_BY"),
    "langfuse": _LANGFUSE,
    "langfuse_otel": _LANGFUSE,
    "langsmith": (
        "LANGSMITH_API_KEY", "LANGSMITH_PROJECT", "LANGSMITH_DEFAULT_RUN_NAME", "LANGSMITH_BASE_URL",
        "LANGSMITH_TENANT_ID",
    ),
    "literalai": ("LITERAL_API_KEY", "LITERAL_API_URL"),
    "logfire": ("LOGFIRE_TOKEN",),
    "lunary": ("LUNARY_PUBLIC_KEY", "LUNARY_API_URL"),
    "newrelic": ("NEW_RELIC_LICENSE_KEY", "NEW_RELIC_REGION", "NEW_RELIC_AI_MONITORING_RECORD_CONTENT_ENABLED"),
    "openmeter": ("OPENMETER_API_ENDPOINT", "OPENMETER_API_KEY"),
    "opik": ("OPIK_API_KEY", "OPIK_WORKSPACE", "OPIK_URL_OVERRIDE", "OPIK_PROJECT_NAME"),
    "otel": (
        "OTEL_EXPORTER", "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_ENDPOINT", "OTEL_TRACES_ENDPOINT", "OTEL_HEADERS",
    ),
    "pointfive": ("POINTFIVE_API_KEY", "POINTFIVE_API_URL"),
    "posthog": ("POSTHOG_API_KEY", "POSTHOG_API_URL"),
    "promptlayer": ("PROMPTLAYER_API_KEY", "PROMPTLAYER_API_BASE"),
    "qualifire_eval": ("QUALIFIRE_WEBHOOK_URL", "QUALIFIRE_API_KEY"),
    "ramp": ("RAMP_API_KEY",),
    "rubrik": ("RUBRIK_WEBHOOK_URL", "RUBRIK_API_KEY"),
    "s3": (*_AWS, "S3_LOG_PROMPTS_ONLY"),
    "s3_v2": (*_AWS, "S3_LOG_PROMPTS_ONLY"),
    "sentry": ("SENTRY_DSN",),
    "signoz": ("SIGNOZ_INGESTION_ENDPOINT", "SIGNOZ_INGESTION_KEY"),
    "sumologic": ("SUMOLOGIC_WEBHOOK_URL",),
    "supabase": ("SUPABASE_URL", "SUPABASE_KEY"),
    "traceloop": ("TRACELOOP_API_KEY", "TRACELOOP_BASE_URL"),
    "wandb": ("WANDB_API_KEY", "WANDB_PROJECT_ID"),
    "weave_otel": ("WANDB_API_KEY", "WANDB_PROJECT_ID", "WANDB_HOST"),
}  # fmt: skip
"""What the database may say of a destination: other variables are the operator's."""
PLACES: Final = frozenset({
    "ATHINA_BASE_URL", "AZURE_SENTINEL_ENDPOINT", "BRAINTRUST_API_BASE", "DD_SITE",
    "GALILEO_BASE_URL", "GENERIC_LOGGER_ENDPOINT", "HELICONE_API_BASE", "LAGO_API_BASE", "LANGFUSE_HOST",
    "LANGSMITH_BASE_URL", "LITERAL_API_URL", "LUNARY_API_URL", "OPENMETER_API_ENDPOINT", "OPIK_URL_OVERRIDE",
    "OTEL_ENDPOINT", "OTEL_TRACES_ENDPOINT", "PHOENIX_COLLECTOR_HTTP_ENDPOINT", "POINTFIVE_API_URL",
    "POSTHOG_API_URL", "PROMPTLAYER_API_BASE", "QUALIFIRE_WEBHOOK_URL", "RUBRIK_WEBHOOK_URL", "SENTRY_DSN",
    "SIGNOZ_INGESTION_ENDPOINT", "SUMOLOGIC_WEBHOOK_URL", "SUPABASE_URL", "TRACELOOP_BASE_URL", "WANDB_HOST",
})  # fmt: skip
"""Those that say where events go."""


def own_name(name: str) -> str:
    """Return what a callback is called here, which may be listed by another name."""
    return ALIASES.get(name, name)


def served(name: str) -> bool:
    """Whether the database may name a callback: a destination of this release, and no code of the operator's."""
    return own_name(name) in VENDORS or own_name(name) in NAMED


def variables_of(name: str) -> tuple[str, ...]:
    """Return the variables that the database may say of a callback."""
    return VARIABLES.get(own_name(name), ())


def said_of(name: str, lent: Lent) -> dict[str, str]:
    """Return the variables that the database says of a callback."""
    return {variable: lent.variables[variable] for variable in variables_of(name) if lent.variables.get(variable)}


def checking(config: Config) -> Check:
    """Return what judges addresses that not the operator has named. It raises TianjiError for what may not be asked."""
    sections = (config.litellm_settings, config.general_settings)
    hosts = (host for section in sections for host in section.provider_url_destination_allowed_hosts)
    allowed = frozenset(host.lower() for host in hosts)

    def check(origin: Origin, addresses: list[Address]) -> list[Address]:
        return addresses if origin.host.lower() in allowed else AddressPolicy().check(origin, addresses)

    return check
