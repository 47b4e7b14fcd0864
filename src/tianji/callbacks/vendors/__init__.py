"""The destinations: one module each, whose `build(given)` returns a Sink, and rows for those that need no module."""

from collections.abc import Mapping
from typing import Any, Final

TRACED: Final = frozenset({
    "otel", "agentops", "arize", "arize_phoenix", "langfuse_otel", "langtrace", "levo", "logfire", "mlflow", "newrelic",
    "signoz", "traceloop", "weave_otel",
})  # fmt: skip
"""Those that are told of traces, by OTLP: rows of `tianji.callbacks.otlp.rows`."""
VENDORS: Final[Mapping[str, str]] = {
    name: f"tianji.callbacks.vendors.{module}"
    for name, module in (
        ("argilla", "argilla"),
        ("athina", "athina"),
        ("aws_sqs", "sqs"),
        ("azure_sentinel", "sentinel"),
        ("azure_storage", "azure_storage"),
        ("braintrust", "braintrust"),
        ("clickhouse", "clickhouse"),
        ("datadog", "datadog"),
        ("datadog_cost_management", "datadog_costs"),
        ("datadog_llm_observability", "datadog_llm"),
        ("datadog_metrics", "datadog_metrics"),
        ("deepeval", "deepeval"),
        ("dynamodb", "dynamodb"),
        ("galileo", "galileo"),
        ("gcs_bucket", "gcs"),
        ("gcs_pubsub", "pubsub"),
        ("generic_api", "generic"),
        ("greenscale", "greenscale"),
        ("helicone", "helicone"),
        ("lago", "lago"),
        ("langfuse", "langfuse"),
        ("langsmith", "langsmith"),
        ("literalai", "literalai"),
        ("lunary", "lunary"),
        ("openmeter", "openmeter"),
        ("opik", "opik"),
        ("posthog", "posthog"),
        ("promptlayer", "promptlayer"),
        ("s3", "s3"),
        ("s3_v2", "s3"),
        ("sentry", "sentry"),
        ("supabase", "supabase"),
        ("wandb", "weave"),
    )
} | dict.fromkeys(TRACED, "tianji.callbacks.otlp.destination")
ALIASES: Final[Mapping[str, str]] = {
    "arize_full": "arize",
    "azuresentinel": "azure_sentinel",
    "azure_blob": "azure_storage",
    "azureblob": "azure_storage",
    "custom_batch_logger": "generic_api",
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
    "s3": "s3_callback_params",
    "s3_v2": "s3_callback_params",
}
"""Keys of `litellm_settings` that hold the params of a destination."""
FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "argilla": ("argilla_transformation_object", "argilla_batch_size"),
    "dynamodb": ("dynamodb_table_name",),
    "generic_api": ("generic_logger_headers",),
    "langfuse": ("langfuse_default_tags",),
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
