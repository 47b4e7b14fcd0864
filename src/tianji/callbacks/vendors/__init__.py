"""The destinations: one module each, whose `build(given)` returns a Sink, and rows for those that need no module."""

from collections.abc import Mapping
from typing import Any, Final

TRACED: Final = frozenset({
    "otel", "agentops", "arize", "arize_phoenix", "langfuse_otel", "langtrace", "levo", "logfire", "newrelic", "signoz",
    "traceloop", "weave_otel",
})  # fmt: skip
"""Those that are told of traces, by OTLP: rows of `tianji.callbacks.otlp.rows`."""
VENDORS: Final[Mapping[str, str]] = {
    name: f"tianji.callbacks.vendors.{module}"
    for name, module in (
        ("generic_api", "generic"),
        ("datadog", "datadog"),
        ("langfuse", "langfuse"),
        ("langsmith", "langsmith"),
        ("posthog", "posthog"),
        ("openmeter", "openmeter"),
    )
} | dict.fromkeys(TRACED, "tianji.callbacks.otlp.destination")
ALIASES: Final[Mapping[str, str]] = {
    "webhook": "generic_api",
    "custom_batch_logger": "generic_api",
    "arize_full": "arize",
    "phoenix": "arize_phoenix",
    "weave": "weave_otel",
}
"""Other names of the same, and older ones."""

NAMED: Final[Mapping[str, Mapping[str, Any]]] = {
    "rubrik": {
        "endpoint": "{{environment_variables.RUBRIK_WEBHOOK_URL}}",
        "headers": {"authorization": "Bearer {{environment_variables.RUBRIK_API_KEY}}"},
        "event_types": ["llm_api_success"],
    },
    "sumologic": {"endpoint": "{{environment_variables.SUMOLOGIC_WEBHOOK_URL}}", "log_format": "ndjson"},
    "qualifire_eval": {
        "endpoint": "{{environment_variables.QUALIFIRE_WEBHOOK_URL}}",
        "headers": {"x-qualifire-api-key": "{{environment_variables.QUALIFIRE_API_KEY}}"},
        "event_types": ["llm_api_success"],
    },
    "ramp": {
        "endpoint": "https://api.ramp.com/developer/v1/ai-usage/litellm",
        "headers": {"authorization": "Bearer {{environment_variables.RAMP_API_KEY}}"},
        "event_types": ["llm_api_success"],
    },
}
"""Destinations that take the events as they are."""
