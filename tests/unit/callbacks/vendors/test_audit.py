"""Entries of the audit log as each destination that takes them is sent them."""

import contextlib
import gzip
from base64 import b64decode
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest
from tests.unit.callbacks.vendors.making import KEYS, SETTINGS

from tianji.callbacks.audit import Audit
from tianji.callbacks.settings import audit_sink
from tianji.callbacks.sink import Delivery, Sink
from tianji.callbacks.vendors import AUDITED, NAMED, VENDORS
from tianji.config.schema import Config, Settings
from tianji.errors import ConfigurationError

ONE = Audit(
    id="entry/1", updated_at="2026-11-26T12:30:45.000001+00:00", changed_by="boss", changed_by_api_key="hash",
    action="created", table_name="LiteLLM_TeamTable", object_id="t", before_value=None, updated_values='{"a":1}',
)  # fmt: skip
TWO = msgspec.structs.replace(ONE, id="entry-2")
AT = "audit_logs/2026-11-26/12-30-45_entry_1.json"


def sink(
    name: str, settings: dict[str, Any] | None = None, environ: dict[str, str] | None = None, **params: Any
) -> Sink:
    blocks = {name: params} if params else {}
    config = Config(litellm_settings=Settings(**SETTINGS, **(settings or {})), callback_settings=blocks)
    return audit_sink(name, config, KEYS | (environ or {}))


def sent(made: Sink, *entries: Audit) -> list[Delivery]:
    assert made.audited is not None
    return list(made.audited(entries))


def test_those_that_take_entries_are_listed() -> None:
    refused = set()
    for name in VENDORS:
        with contextlib.suppress(ConfigurationError):
            sink(name)
            continue
        refused.add(name)
    assert VENDORS.keys() - refused == AUDITED


def test_s3() -> None:
    (one,) = sent(sink("s3_v2"), ONE)
    assert one.url == f"https://bucket.s3.eu-west-1.amazonaws.com/{AT}"
    assert (one.method, one.body) == ("PUT", ONE.wire)
    apart = {"s3_audit_callback_params": {"s3_bucket_name": "other", "s3_path": "/deep/"}}
    (one,) = sent(sink("s3_v2", apart), ONE)
    assert one.url == f"https://other.s3.eu-west-1.amazonaws.com/deep/{AT}"
    assert len(sent(sink("s3_v2"), ONE, TWO)) == 2


def test_azure_storage() -> None:
    made, filled, closed = sent(sink("azure_storage"), ONE)
    base = f"https://account.dfs.core.windows.net/fs/{AT}"
    assert (made.method, made.url, made.body) == ("PUT", f"{base}?resource=file", b"")
    assert (filled.url, filled.body) == (f"{base}?action=append&position=0", ONE.wire)
    assert closed.url == f"{base}?action=flush&position={len(ONE.wire)}"


@pytest.mark.parametrize(
    ("environ", "stream"),
    [
        ({}, "Custom-LiteLLM"),
        ({"AZURE_SENTINEL_STREAM_NAME": "mine"}, "mine"),
        ({"AZURE_SENTINEL_AUDIT_STREAM_NAME": "Custom-Audit"}, "Custom-Audit"),
    ],
)
def test_azure_sentinel(environ: dict[str, str], stream: str) -> None:
    (one,) = sent(sink("azure_sentinel", environ=environ), ONE, TWO)
    assert one.url.startswith(f"http://sentinel/dataCollectionRules/dcr/streams/{stream}?")
    first, second = msgspec.json.decode(one.body)
    assert first == {"TimeGenerated": "2026-11-26T12:30:45.000Z", **msgspec.to_builtins(ONE)}
    assert second["id"] == "entry-2"


def test_any_endpoint() -> None:
    (one,) = sent(sink("generic_api"), ONE, TWO)
    assert msgspec.json.decode(one.body) == [msgspec.to_builtins(ONE), msgspec.to_builtins(TWO)]
    (one,) = sent(sink("generic_api", log_format="ndjson"), ONE, TWO)
    assert [msgspec.json.decode(line)["id"] for line in one.body.splitlines()] == ["entry/1", "entry-2"]
    for form in ("single", "tianji_v1"):
        assert [one.body for one in sent(sink("generic_api", log_format=form), ONE, TWO)] == [ONE.wire, TWO.wire]
    (one,) = sent(sink("sumologic", environ={"SUMOLOGIC_WEBHOOK_URL": "http://sumo"}), ONE)
    assert (one.url, one.body) == ("http://sumo", ONE.wire + b"\n")
    assert "sumologic" in NAMED


def test_datadog() -> None:
    (one,) = sent(sink("datadog"), ONE)
    (log,) = msgspec.json.decode(gzip.decompress(one.body))
    assert log["message"] == ONE.wire.decode()
    assert (log["status"], log["ddsource"]) == ("info", "litellm")
    assert "event:audit" in log["ddtags"].split(",")
    assert one.accepts(202)


def test_google() -> None:
    (one,) = sent(sink("gcs_bucket"), ONE)
    name = "folder/" + AT
    assert one.url.endswith(f"/b/bucket/o?uploadType=media&name={name.replace('/', '%2F')}")
    assert one.body == ONE.wire
    (one,) = sent(sink("gcs_pubsub"), ONE, TWO)
    messages = msgspec.json.decode(one.body)["messages"]
    assert [b64decode(message["data"]) for message in messages] == [ONE.wire, TWO.wire]


def test_sqs() -> None:
    first, second = sent(sink("aws_sqs"), ONE, TWO)
    assert parse_qs(first.body.decode())["MessageBody"] == [ONE.wire.decode()]
    assert first.url == second.url == "http://sqs/1/queue"


def test_what_takes_none_says_so() -> None:
    with pytest.raises(ConfigurationError, match="langfuse: it takes no entries of the audit log"):
        sink("langfuse")
