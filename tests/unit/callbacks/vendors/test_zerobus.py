"""Rows for Databricks: the columns of the documented table and no others, and a token that is good for it alone."""

from base64 import b64encode
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.callbacks.test_event import ANSWER, REQUEST, payload, told
from tests.unit.callbacks.vendors.making import FAILED, KEYS, OK, body, configured, sink
from tests.unit.callbacks.vendors.test_vendors import Fetched, completed

from tianji.callbacks.event import LogEvent
from tianji.callbacks.settings import sinks_of
from tianji.callbacks.vendors.zerobus import row
from tianji.errors import UpstreamFailure
from tianji.providers.logins.oauth import source_of

COLUMNS: dict[str, type] = {  # of the table at https://docs.litellm.ai/docs/observability/zerobus; VARIANT is str
    **dict.fromkeys(
        (
            "id", "trace_id", "session_id", "litellm_call_id", "call_type", "status", "model", "model_group",
            "model_id", "custom_llm_provider", "api_base", "api_key_hash", "api_key_alias", "team_id", "team_alias",
            "user_id", "org_id", "end_user", "requester_ip_address", "user_agent", "error_str", "request_tags",
            "messages", "response", "error_information", "metadata", "model_parameters", "hidden_params",
            "guardrail_information", "cost_breakdown",
        ),
        str,
    ),
    **dict.fromkeys(("stream", "cache_hit"), bool),
    **dict.fromkeys(
        ("start_time", "end_time", "completion_start_time", "prompt_tokens", "completion_tokens", "total_tokens"), int
    ),
    **dict.fromkeys(("response_time", "response_cost", "saved_cache_cost"), float),
}  # fmt: skip


def check(event: LogEvent) -> None:
    for name, value in row(event).items():
        assert type(value) is COLUMNS[name], name


@pytest.mark.parametrize("event", [OK, FAILED, OK.bare, FAILED.bare, told(3), told(4, key=None, team_id=None)])
def test_a_row_fits_the_table(event: LogEvent) -> None:
    check(event)


@given(st.dictionaries(st.text(max_size=4), st.none() | st.integers() | st.lists(st.text(max_size=3), max_size=2)))
def test_clients_cannot_spoil_a_row(metadata: dict[str, Any]) -> None:
    check(told(5, payload=payload(metadata=metadata, user=7, tags=metadata)))


async def test_what_is_sent_and_with_which_token(monkeypatch: pytest.MonkeyPatch) -> None:
    fetch = Fetched((200, b'{"access_token": "T", "expires_in": 3600}'))
    monkeypatch.setattr("tianji.providers.logins.oauth.fetcher", lambda *_: fetch)
    source_of.cache_clear()
    destination = sink("zerobus")
    request = await completed(destination, OK, FAILED)
    await completed(destination, OK)
    assert request.url == ("https://17.zerobus.us-west-2.cloud.databricks.com/zerobus/v1/tables/main.llm.traces/insert")
    assert (request.headers["authorization"], request.headers["content-type"]) == ("Bearer T", "application/json")
    first, second = body(request)
    assert (first["id"], first["response_cost"], first["start_time"]) == (OK.id, 2.0, round(OK.started * 1e6))
    assert msgspec.json.decode(first["messages"]) == REQUEST["messages"]
    assert msgspec.json.decode(first["response"]) == ANSWER
    assert (second["status"], second["error_str"], "response" in second) == ("failure", "slow", False)
    ((method, url, headers, form),) = fetch.asked
    assert (method, url) == ("POST", "https://work.databricks.com/oidc/v1/token")
    assert headers["authorization"] == "Basic " + b64encode(b"client:secret").decode()
    said = {name: value for name, (value,) in parse_qs(form.decode()).items()}
    assert said["resource"] == "api://databricks/workspaces/17/zerobusDirectWriteApi"
    assert (said["grant_type"], said["scope"]) == ("client_credentials", "all-apis")
    details = msgspec.json.decode(said["authorization_details"])
    assert [(one["object_full_path"], one["privileges"]) for one in details] == [
        ("main", ["USE CATALOG"]), ("main.llm", ["USE SCHEMA"]), ("main.llm.traces", ["SELECT", "MODIFY"]),
    ]  # fmt: skip


async def test_a_refused_login_is_said_without_its_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = b'{"error": "invalid_authorization_details"}'
    monkeypatch.setattr("tianji.providers.logins.oauth.fetcher", lambda *_: Fetched((401, refused)))
    source_of.cache_clear()
    with pytest.raises(UpstreamFailure, match="Databricks gave no access token") as raised:
        await completed(sink("zerobus"), OK)
    assert "secret" not in str(raised.value)
    source_of.cache_clear()


def test_how_much_at_once() -> None:
    assert (sink("zerobus").batch, sink("zerobus").interval) == (100, 10)
    block = {"batch_size": 7, "flush_interval": 3, "turn_off_message_logging": True}
    (made,), _ = sinks_of(configured("zerobus", settings={"zerobus_params": block}), KEYS)
    assert (made.batch, made.interval, made.bare) == (7, 3, True)


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"ZEROBUS_TABLE_NAME": "traces"}, "ZEROBUS_TABLE_NAME has the form catalog.schema.table"),
        ({"ZEROBUS_SERVER_ENDPOINT": "https://work.databricks.com"}, "begins with the number of the workspace"),
        ({"ZEROBUS_CLIENT_SECRET": ""}, "set ZEROBUS_CLIENT_SECRET"),
    ],
)
def test_what_is_missing_is_said(environ: dict[str, str], said: str) -> None:
    sinks, (problem,) = sinks_of(configured("zerobus"), KEYS | environ)
    assert sinks == []
    assert said in problem
