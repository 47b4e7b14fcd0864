"""The destinations: one module each, whose `build(given)` returns a Sink, and rows for those that need no module.

A destination is found by the name of its module alone: nothing else lists it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

TRACED: Final = frozenset({
    "otel", "agentops", "arize", "arize_phoenix", "langfuse_otel", "langtrace", "levo", "logfire", "mlflow", "newrelic",
    "signoz", "traceloop", "weave_otel",
})  # fmt: skip
"""Those that are told of traces, by OTLP: rows of `tianji.callbacks.otlp.rows`."""
_FILES: Final = sorted(Path(__file__).parent.glob("[!_]*.py"))
VENDORS: Final[Mapping[str, str]] = {file.stem: f"{__name__}.{file.stem}" for file in _FILES} | dict.fromkeys(
    TRACED, "tianji.callbacks.otlp.destination"
)
"""The modules of all, by their names."""
AUDITED: Final = frozenset({
    "aws_sqs", "azure_sentinel", "azure_storage", "datadog", "gcs_bucket", "gcs_pubsub", "generic_api", "s3", "s3_v2",
})  # fmt: skip
"""Those that take entries of the audit log, and rows of `NAMED` do."""
LINED: Final = frozenset({"gcs_bucket", "s3", "s3_v2"})
"""Those that take lines of batches that are over."""
ALIASES: Final[Mapping[str, str]] = {
    "arize_full": "arize",
    "azuresentinel": "azure_sentinel",
    "azure_blob": "azure_storage",
    "azureblob": "azure_storage",
    "custom_batch_logger": "generic_api",
    "custom_callback_api": "generic_api",
    "datadog_llm": "datadog_llm_observability",
    "gcs": "gcs_bucket",
    "gcspubsub": "gcs_pubsub",
    "literal_ai": "literalai",
    "phoenix": "arize_phoenix",
    "sqs": "aws_sqs",
    "weave": "weave_otel",
    "webhook": "generic_api",
}
"""Other names of the same, and older ones."""

BLOCKS: Final[Mapping[str, str]] = {
    "aws_sqs": "aws_sqs_callback_params",
    "datadog": "datadog_params",
    "datadog_llm_observability": "datadog_llm_observability_params",
    "newrelic": "newrelic_params",
    "pointfive": "pointfive_params",
    "s3": "s3_callback_params",
    "s3_v2": "s3_callback_params",
    "zerobus": "zerobus_params",
}
"""Keys of `litellm_settings` that hold the params of a destination."""
FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "argilla": ("argilla_transformation_object", "argilla_batch_size"),
    "dynamodb": ("dynamodb_table_name",),
    "generic_api": ("generic_logger_headers", "generic_api_use_v1"),
    "langfuse": ("langfuse_default_tags", "langfuse_enable_update_trace_keys"),
    "langsmith": ("langsmith_batch_size",),
}
"""Keys of `litellm_settings` that are params of a destination."""

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


def known() -> frozenset[str]:
    """Return all names by which a configuration may call a destination."""
    return frozenset({*VENDORS, *ALIASES, *NAMED})
