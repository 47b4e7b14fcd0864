"""Databricks' Zerobus Ingest: rows of a table of the Unity Catalog, over its REST form.

https://docs.databricks.com/aws/en/ingestion/zerobus-ingest. A record with a member that is no column of the table is
refused, so there are those columns and no others that LiteLLM documents for its own table:
https://docs.litellm.ai/docs/observability/zerobus. Times are microseconds since 1970, and what has members of its own
is JSON as text, which columns of VARIANT and of STRING both take.
"""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from typing import Any, Final
from urllib.parse import quote, urlsplit

import msgspec

from tianji.callbacks.event import LogEvent
from tianji.callbacks.forms import JSON, encode, present
from tianji.callbacks.sink import Delivery, Given, Sink
from tianji.errors import ConfigurationError
from tianji.providers.logins.oauth import Exchange, source_of

BATCH: Final = 100
INTERVAL: Final = 10.0
_SAME: Final = (
    "id", "trace_id", "session_id", "call_type", "status", "model", "model_group", "model_id", "custom_llm_provider",
    "api_base", "stream", "cache_hit", "response_time", "prompt_tokens", "completion_tokens", "total_tokens",
    "response_cost", "end_user", "error_str",
)  # fmt: skip
_NAMED: Final = {
    "litellm_call_id": "call_id", "requester_ip_address": "ip", "user_agent": "agent", "start_time": "started",
    "end_time": "ended", "completion_start_time": "first_token",
}  # fmt: skip
_OWNER: Final = ("team_id", "team_alias", "user_id", "org_id")
_NESTED: Final = (
    "messages", "response", "error_information", "metadata", "model_parameters", "hidden_params",
    "guardrail_information", "cost_breakdown",
)  # fmt: skip


def build(given: Given) -> Sink:
    """Make it of ZEROBUS_WORKSPACE_URL, _SERVER_ENDPOINT, _CLIENT_ID, _CLIENT_SECRET and _TABLE_NAME."""
    endpoint = given.address("server_endpoint", "ZEROBUS_SERVER_ENDPOINT")
    table = given.text("table_name", "ZEROBUS_TABLE_NAME")
    if len(table.split(".")) != 3 or not all(table.split(".")):
        raise ConfigurationError(f"callback {given.name}: ZEROBUS_TABLE_NAME has the form catalog.schema.table")
    url = f"{endpoint}/zerobus/v1/tables/{quote(table, safe='.')}/insert"
    tokens = source_of(_login(given, endpoint, table))

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        yield Delivery(url, encode(list(map(row, events))), JSON)

    async def complete(request: Delivery) -> Delivery:
        headers = {**request.headers, "authorization": f"Bearer {await tokens.wait()}"}
        return msgspec.structs.replace(request, headers=headers)

    batch = int(given.number("batch_size", default=BATCH)) or 1
    interval = given.number("flush_interval", default=INTERVAL)
    return Sink(given.name, write, batch=batch, interval=interval, complete=complete)


def _login(given: Given, endpoint: str, table: str) -> Exchange:
    """Return what a token is asked for by: it is good for this table alone. Raises ConfigurationError."""
    workspace = (urlsplit(endpoint).hostname or "").partition(".")[0]
    if not workspace.isdigit():
        raise ConfigurationError(
            f"callback {given.name}: ZEROBUS_SERVER_ENDPOINT begins with the number of the workspace: "
            "https://1234567890.zerobus.REGION.cloud.databricks.com"
        )
    catalog, schema, _ = table.split(".")
    wanted = (
        ("CATALOG", catalog, ["USE CATALOG"]),
        ("SCHEMA", f"{catalog}.{schema}", ["USE SCHEMA"]),
        ("TABLE", table, ["SELECT", "MODIFY"]),
    )
    details = [
        {"type": "unity_catalog_privileges", "privileges": rights, "object_type": kind, "object_full_path": path}
        for kind, path, rights in wanted
    ]
    client, secret = (given.text(name, f"ZEROBUS_{name.upper()}") for name in ("client_id", "client_secret"))
    return Exchange(
        service="Databricks",
        url=f"{given.address('workspace_url', 'ZEROBUS_WORKSPACE_URL')}/oidc/v1/token",
        form=(
            ("grant_type", "client_credentials"),
            ("scope", "all-apis"),
            ("resource", f"api://databricks/workspaces/{workspace}/zerobusDirectWriteApi"),
            ("authorization_details", encode(details).decode()),
        ),
        headers=(("authorization", "Basic " + b64encode(f"{client}:{secret}".encode()).decode()),),
    )


def row(event: LogEvent) -> dict[str, Any]:
    """Return the record of an event: what it does not have is left out, and null in the table."""
    named = {column: getattr(event, member) for column, member in _NAMED.items()}
    owner = {name: event.metadata[f"user_api_key_{name}"] for name in _OWNER}
    nested = {name: getattr(event, name) for name in _NESTED} | {"request_tags": event.tags}
    return present({
        **{name: getattr(event, name) for name in _SAME},
        **{name: round(at * 1e6) if isinstance(at, float) else at for name, at in named.items()},
        "api_key_hash": event.metadata["user_api_key_hash"],
        "api_key_alias": event.metadata["user_api_key_alias"],
        **owner,
        **{name: encode(value).decode() for name, value in nested.items() if value is not None},
    })  # fmt: skip
