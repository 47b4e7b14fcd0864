"""Destinations made of a configuration, what they are sent, and events to tell them."""

import gzip
from typing import Any

import httpx  # noqa: F401 - what it imports looks for its folder, which nothing may do while a loop runs
import msgspec
from tests.unit.callbacks.test_event import payload, told

from tianji.callbacks.event import LogEvent
from tianji.callbacks.settings import sinks_of
from tianji.callbacks.sink import Delivery, Sink
from tianji.config.schema import Config, Settings

KEYS = {
    **dict.fromkeys(
        (
            "DD_API_KEY", "DD_APP_KEY", "LANGSMITH_API_KEY", "POSTHOG_API_KEY", "OPENMETER_API_KEY", "ATHINA_API_KEY",
            "BRAINTRUST_API_KEY", "ARGILLA_API_KEY", "CONFIDENT_API_KEY", "GALILEO_API_KEY", "GREENSCALE_API_KEY",
            "HELICONE_API_KEY", "LAGO_API_KEY", "LITERAL_API_KEY", "LUNARY_PUBLIC_KEY", "OPIK_API_KEY",
            "POINTFIVE_API_KEY", "PROMPTLAYER_API_KEY", "SUPABASE_KEY", "WANDB_API_KEY",
        ),
        "k",
    ),
    "DD_SITE": "datadoghq.eu",
    "LANGFUSE_PUBLIC_KEY": "pk",
    "LANGFUSE_SECRET_KEY": "sk",
    "GENERIC_LOGGER_ENDPOINT": "http://ears/log",
    "GALILEO_PROJECT_ID": "p",
    "GREENSCALE_ENDPOINT": "http://greenscale",
    "LAGO_API_BASE": "http://lago",
    "LAGO_API_EVENT_CODE": "tokens",
    "SUPABASE_URL": "http://supabase",
    "WANDB_PROJECT_ID": "me/mine",
    "CLICKHOUSE_URL": "http://me:secret@clickhouse:8123",
    "SENTRY_DSN": "https://key@sentry.io/7",
    "AZURE_SENTINEL_ENDPOINT": "http://sentinel",
    "AZURE_SENTINEL_DCR_IMMUTABLE_ID": "dcr",
    "AZURE_TENANT_ID": "tenant",
    "AZURE_CLIENT_ID": "client",
    "AZURE_CLIENT_SECRET": "secret",
    "AZURE_STORAGE_ACCOUNT_NAME": "account",
    "AZURE_STORAGE_FILE_SYSTEM": "fs",
    "AWS_ACCESS_KEY_ID": "A",
    "AWS_SECRET_ACCESS_KEY": "S",
    "AWS_REGION_NAME": "eu-west-1",
    "GCS_BUCKET_NAME": "bucket/folder",
    "GCS_PUBSUB_PROJECT_ID": "project",
    "GCS_PUBSUB_TOPIC_ID": "topic",
    "ZEROBUS_WORKSPACE_URL": "https://work.databricks.com",
    "ZEROBUS_SERVER_ENDPOINT": "https://17.zerobus.us-west-2.cloud.databricks.com",
    "ZEROBUS_CLIENT_ID": "client",
    "ZEROBUS_CLIENT_SECRET": "secret",
    "ZEROBUS_TABLE_NAME": "main.llm.traces",
    "HOME": "/nowhere",
}  # fmt: skip
SETTINGS: dict[str, Any] = {
    "argilla_transformation_object": {"prompt": "messages", "answer": "response", "who": "metadata.user_api_key_hash"},
    "dynamodb_table_name": "table",
    "s3_callback_params": {"s3_bucket_name": "bucket"},
    "aws_sqs_callback_params": {"sqs_queue_url": "http://sqs/1/queue"},
}

OK = told(1, payload=payload(), cached_tokens=4, key_alias="mine", cost=2_000_000_000)
FAILED = told(2, status="failure", error_class="RateLimited", error_code="429", error_message="slow")


def configured(*names: str, settings: dict[str, Any] | None = None, **blocks: dict[str, Any]) -> Config:
    return Config(litellm_settings=Settings(callbacks=names, **(settings or {})), callback_settings=blocks)


def sink(name: str, environ: dict[str, str] | None = None, **params: Any) -> Sink:
    config = configured(name, settings=SETTINGS, **({name: params} if params else {}))
    sinks, problems = sinks_of(config, KEYS | (environ or {}))
    assert problems == []
    return sinks[0]


def sent(name: str, *events: LogEvent, environ: dict[str, str] | None = None, **params: Any) -> Delivery:
    (request,) = sink(name, environ, **params).write(events)
    return request


def body(request: Delivery) -> Any:
    raw = gzip.decompress(request.body) if request.headers.get("content-encoding") == "gzip" else request.body
    return msgspec.json.decode(raw)
