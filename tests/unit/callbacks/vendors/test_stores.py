"""Object stores and queues: names, signatures, and forms."""

import asyncio
import re
from base64 import b64decode, b64encode
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from tests.unit.callbacks.test_event import payload, told
from tests.unit.callbacks.vendors.making import FAILED, KEYS, OK, body, configured, sent, sink
from tests.unit.callbacks.vendors.test_vendors import Fetched, completed
from tests.unit.ledger.conftest import entry

from tianji.callbacks.event import Called, LogEvent
from tianji.callbacks.making import event_of
from tianji.callbacks.object_names import shortened
from tianji.callbacks.settings import sinks_of

TOKEN = (200, b'{"access_token": "T", "expires_in": 3600}')


def s3(name: str = "s3_v2", **params: Any) -> Any:
    block = {"s3_bucket_name": "bucket", "s3_region_name": "eu-west-1", **params}
    (made,), problems = sinks_of(configured(name, settings={"s3_callback_params": block}), KEYS)
    assert problems == []
    return made


def of_team(alias: str | None) -> LogEvent:
    event = event_of(entry(1, key_alias="mine"), None, Called(team=alias))
    assert event is not None
    return event


def test_s3_names() -> None:
    (request,) = s3(s3_path="/logs/").write([OK])
    assert (request.method, request.url) == (
        "PUT", f"https://bucket.s3.eu-west-1.amazonaws.com/logs/2026-03-01/time-12-00-00-001000_{OK.id}.json",
    )  # fmt: skip
    assert body(request)["id"] == OK.id
    assert (request.headers["content-disposition"], len(b64decode(request.headers["content-md5"]))) == ("inline", 16)
    prefixed = s3(s3_use_team_prefix=True, s3_use_key_prefix=True, s3_partition_granularity="hour")
    (request,) = prefixed.write([of_team("crew")])
    assert "/crew/mine/2026-03-01/12/time-" in request.url
    (request,) = prefixed.write([of_team(None)])
    assert request.url.startswith("https://bucket.s3.eu-west-1.amazonaws.com/mine/2026-03-01/12/time-")
    (request,) = s3(s3_endpoint_url="http://store:9000/", s3_log_prompts_only=True).write([OK])
    assert request.url.startswith("http://store:9000/bucket/2026-03-01/time-")
    assert body(request)["response"] is None
    assert next(iter(s3(s3_bucket_name="a.b").write([OK]))).url.startswith("https://s3.eu-west-1.amazonaws.com/a.b/")
    sealed = s3(s3_server_side_encryption="aws:kms", s3_sse_kms_key_id="key")
    (request,) = sealed.write([OK])
    assert request.headers["x-amz-server-side-encryption-aws-kms-key-id"] == "key"
    assert (s3().hears, s3("s3").hears, s3().at_once) == ({"success", "failure"}, {"success"}, 16)


def test_s3_in_batches() -> None:
    together = s3(s3_batch_file_upload=True)
    (request,) = together.write([OK, FAILED])
    assert re.fullmatch(r".*/2026-03-01/batch_12-00-00_[0-9a-f]{8}\.jsonl", request.url)
    assert [msgspec.json.decode(line)["id"] for line in request.body.splitlines()] == [OK.id, FAILED.id]
    assert next(iter(together.write([OK, FAILED]))).url == request.url, "told again it is the same object"
    assert (together.batch, together.at_once, together.interval) == (512, 1, 10)


async def test_s3_signs_all_that_it_says() -> None:
    request = await completed(s3(s3_use_team_prefix=True), of_team("a b=ü"))
    assert "/a%20b%3D%C3%BC/" in request.url
    signed = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=A/\d{8}/eu-west-1/s3/aws4_request, SignedHeaders=([a-z0-9;-]+), "
        r"Signature=[0-9a-f]{64}",
        request.headers["authorization"],
    )
    assert signed is not None
    names = "cache-control content-disposition content-md5 content-type host x-amz-content-sha256 x-amz-date"
    assert signed[1].split(";") == names.split()


def test_a_name_is_not_too_long() -> None:
    assert shortened("short", ".json") == "short.json"
    long = shortened("ä" * 300, ".json")
    assert len(long.encode()) <= 255
    assert long.endswith(".json")
    assert long != shortened("ä" * 301, ".json")


async def test_sqs() -> None:
    request = await completed(sink("aws_sqs"), OK)
    assert (request.url, request.method) == ("http://sqs/1/queue", "POST")
    assert "/eu-west-1/sqs/aws4_request" in request.headers["authorization"]
    form = parse_qs(request.body.decode())
    assert (form["Action"], form["Version"]) == (["SendMessage"], ["2012-11-05"])
    assert msgspec.json.decode(form["MessageBody"][0])["id"] == OK.id
    huge = sent("aws_sqs", told(5, payload=payload(messages=[{"content": "x" * 1_100_000}])))
    assert len(huge.body) < 10_000


def test_sqs_encrypted() -> None:
    key = bytes(range(32))
    wanted = {
        "sqs_aws_use_application_level_encryption": True,
        "sqs_app_encryption_key_b64": b64encode(key).decode(),
        "sqs_app_encryption_aad": "here",
    }
    message = msgspec.json.decode(parse_qs(sent("aws_sqs", OK, **wanted).body.decode())["MessageBody"][0])
    sealed = b64decode(message["payload"])
    assert message["__encrypted__"] is True
    assert msgspec.json.decode(AESGCM(key).decrypt(sealed[:12], sealed[12:], b"here"))["id"] == OK.id
    _, (problem,) = sinks_of(
        configured("aws_sqs", aws_sqs={**wanted, "sqs_queue_url": "http://q", "sqs_app_encryption_key_b64": "short"}),
        KEYS,
    )
    assert "no base64 of 16, 24 or 32 bytes" in problem


async def test_dynamodb() -> None:
    request = await completed(sink("dynamodb"), OK)
    assert request.url == "https://dynamodb.eu-west-1.amazonaws.com/"
    assert request.headers["x-amz-target"] == "DynamoDB_20120810.PutItem"
    assert "x-amz-target" in request.headers["authorization"]
    said = body(request)
    assert (said["TableName"], said["Item"]["id"]) == ("table", {"S": OK.id})
    assert all(isinstance(value["S"], str) for value in said["Item"].values())


async def test_gcs(monkeypatch: pytest.MonkeyPatch) -> None:
    fetch = Fetched(TOKEN)
    monkeypatch.setattr("tianji.providers.own.vertex_ai.fetcher", lambda *_: fetch)
    destination = await asyncio.to_thread(sink, "gcs_bucket", {"GCE_METADATA_HOST": "machine-of-gcs"})
    request = await completed(destination, OK, FAILED)
    assert re.fullmatch(
        r"https://storage\.googleapis\.com/upload/storage/v1/b/bucket/o\?uploadType=media&name="
        r"folder%2F2026-03-01%2Fbatch-1772366400001-[0-9a-f]{8}\.ndjson",
        request.url,
    )
    assert (request.headers["authorization"], len(request.body.splitlines())) == ("Bearer T", 2)
    single = await asyncio.to_thread(sink, "gcs_bucket", {"GCS_USE_BATCHED_LOGGING": "false"})
    own = told(3, payload=payload(metadata={"gcs_log_id": "a/b"}))
    names = [request.url.partition("name=")[2] for request in single.write([OK, FAILED, own])]
    assert names[0] == f"folder%2F2026-03-01%2F{OK.id}"
    assert names[1].startswith("folder%2F2026-03-01%2Ffailure-")
    assert re.fullmatch(r"folder%2F2026-03-01%2Fcustom-[0-9a-f]{8}-a_b", names[2])


async def test_pubsub(monkeypatch: pytest.MonkeyPatch) -> None:
    fetch = Fetched(TOKEN)
    monkeypatch.setattr("tianji.providers.own.vertex_ai.fetcher", lambda *_: fetch)
    destination = await asyncio.to_thread(sink, "gcs_pubsub", {"GCE_METADATA_HOST": "machine-of-pubsub"})
    request = await completed(destination, OK)
    assert request.url == "https://pubsub.googleapis.com/v1/projects/project/topics/topic:publish"
    assert request.headers["authorization"] == "Bearer T"
    (message,) = body(request)["messages"]
    assert msgspec.json.decode(b64decode(message["data"]))["id"] == OK.id


async def test_azure_storage(monkeypatch: pytest.MonkeyPatch) -> None:
    fetch = Fetched(TOKEN)
    monkeypatch.setattr("tianji.providers.logins.oauth.fetcher", lambda *_: fetch)
    destination = sink("azure_storage", {"AZURE_STORAGE_TENANT_ID": "of-storage"})
    make, fill, close = destination.write([OK])
    url = f"https://account.dfs.core.windows.net/fs/{OK.id}.json"
    assert [(one.method, one.url) for one in (make, fill, close)] == [
        ("PUT", f"{url}?resource=file"),
        ("PATCH", f"{url}?action=append&position=0"),
        ("PATCH", f"{url}?action=flush&position={len(fill.body)}"),
    ]
    assert (make.body, close.body, body(fill)["id"]) == (b"", b"", OK.id)
    assert destination.complete is not None
    assert (await destination.complete(make)).headers["authorization"] == "Bearer T"
    ((_, asked, _, form),) = fetch.asked
    assert asked == "https://login.microsoftonline.com/of-storage/oauth2/v2.0/token"
    assert b"scope=https%3A%2F%2Fstorage.azure.com%2F.default" in form
