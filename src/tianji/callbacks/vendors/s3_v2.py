"""Objects in a bucket of Amazon S3, or of what speaks its interface: one for each event, or one for each batch.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
"""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from hashlib import md5
from typing import Any, Final
from urllib.parse import quote

import msgspec

from tianji.callbacks.accounts.aws import Account, account
from tianji.callbacks.audit import Audit
from tianji.callbacks.event import LogEvent
from tianji.callbacks.forms import lines
from tianji.callbacks.lines import KIND, Part
from tianji.callbacks.object_names import day, digest, plain, single
from tianji.callbacks.said import NULL
from tianji.callbacks.sink import SUCCESSES, Delivery, Given, Sink
from tianji.errors import ConfigurationError

OLD: Final = "s3"  # LiteLLM's first integration: successes alone, without prefixes
INTERVAL: Final = 10.0  # seconds
_KIND: Final = "application/json"
_PREFIXES: Final = {"s3_use_team_prefix": "user_api_key_team_alias", "s3_use_key_prefix": "user_api_key_alias"}
_KEPT: Final = {
    "content-disposition": "inline",
    "cache-control": "private, immutable, max-age=31536000, s-maxage=0",
}


def build(given: Given) -> Sink:
    """Make it of s3_callback_params: s3_bucket_name, s3_region_name, s3_endpoint_url, s3_path, s3_aws_* and others."""
    place = account(given, "s3_")
    base, headers = address(given, place), _KEPT | _encryption(given)
    folder = str(given.params.get("s3_path") or "").strip("/")
    hourly = given.text("s3_partition_granularity", default="day") == "hour"
    asked_only = given.flag("s3_log_prompts_only", "S3_LOG_PROMPTS_ONLY")
    prefixes = () if given.name == OLD else tuple(_PREFIXES[param] for param in _PREFIXES if given.flag(param))
    together = given.flag("s3_batch_file_upload")

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        told = [msgspec.structs.replace(event, answered=NULL) for event in events] if asked_only else events
        if together:
            first = events[0]
            name = f"batch_{_clock(first)}_{digest(events, 8)}.jsonl"
            yield put(base, _join(folder, day(first.started), name), lines(told), headers)
            return
        for event in told:
            hour = _clock(event)[:2] if hourly else ""
            above = (_prefix(event, prefix) for prefix in prefixes)
            yield put(base, _join(folder, *above, day(event.started), hour, single(event)), event.wire, headers)

    def audited(entries: Sequence[Audit]) -> Iterable[Delivery]:
        return (put(base, _join(folder, entry.object_name), entry.wire, headers) for entry in entries)

    def lined(part: Part) -> Iterable[Delivery]:
        yield put(base, _join(folder, part.object_name), part.wire, headers, KIND)

    return Sink(
        given.name,
        write,
        hears=SUCCESSES if given.name == OLD else frozenset({"success", "failure"}),
        batch=int(given.number("s3_batch_size", "DEFAULT_S3_BATCH_SIZE", default=512)) or 1 if together else 1,
        at_once=1 if together else int(given.number("s3_max_concurrent_uploads", default=16)) or 1,
        interval=given.number("s3_flush_interval", "DEFAULT_S3_FLUSH_INTERVAL_SECONDS", default=INTERVAL),
        complete=place.signing("s3"),
        audited=audited,
        lined=lined,
    )


def address(given: Given, place: Account) -> str:
    """Return the address of the bucket. Raises ConfigurationError where none is named."""
    bucket = str(given.params.get("s3_bucket_name") or "")
    if not bucket:
        raise ConfigurationError(f"callback {given.name}: set s3_bucket_name in s3_callback_params")
    scheme = "http" if given.params.get("s3_use_ssl") is False else "https"
    endpoint = given.address("s3_endpoint_url", default=f"{scheme}://s3.{place.domain}")
    named = given.params.get("s3_use_virtual_hosted_style")
    if named or (named is None and not given.params.get("s3_endpoint_url") and "." not in bucket):
        return endpoint.replace("://", f"://{bucket}.", 1)
    return f"{endpoint}/{quote(bucket, safe='')}"


def put(base: str, name: str, body: bytes, headers: Mapping[str, str], kind: str = _KIND) -> Delivery:
    """Return what puts an object into a bucket."""
    whole = md5(body, usedforsecurity=False).digest()  # S3 compares it with what came
    said = {"content-type": kind, "content-md5": b64encode(whole).decode(), **headers}
    return Delivery(f"{base}/{quote(name, safe='/~')}", body, said, method="PUT")


def _encryption(given: Given) -> dict[str, str]:
    named = {
        "x-amz-server-side-encryption": given.params.get("s3_server_side_encryption"),
        "x-amz-server-side-encryption-aws-kms-key-id": given.params.get("s3_sse_kms_key_id"),
    }
    return {name: str(value) for name, value in named.items() if value}


def _prefix(event: LogEvent, member: str) -> str:
    value: Any = event.metadata[member]
    return plain(value) if value else ""


def _clock(event: LogEvent) -> str:
    return single(event)[len("time-") :][: len("HH-MM-SS")]


def _join(*parts: str) -> str:
    return "/".join(filter(None, parts))
