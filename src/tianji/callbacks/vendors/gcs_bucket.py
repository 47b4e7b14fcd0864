"""Objects in a bucket of Google Cloud Storage, one for each batch or one for each event.

https://cloud.google.com/storage/docs/json_api/v1/objects/insert
"""

from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import quote

from tianji.callbacks.accounts.google import bearing
from tianji.callbacks.audit import Audit
from tianji.callbacks.event import LogEvent
from tianji.callbacks.forms import lines
from tianji.callbacks.lines import KIND, Part
from tianji.callbacks.object_names import day, digest, plain
from tianji.callbacks.sink import Delivery, Given, Sink

BASE: Final = "https://storage.googleapis.com"
INTERVAL: Final = 20.0  # seconds


def build(given: Given) -> Sink:
    """Make it of GCS_BUCKET_NAME (`bucket/folder`), GCS_PATH_SERVICE_ACCOUNT and GCS_USE_BATCHED_LOGGING."""
    base, folder = address(given, given.text("gcs_bucket_name", "GCS_BUCKET_NAME"))
    together = given.text("gcs_use_batched_logging", "GCS_USE_BATCHED_LOGGING", default="true").lower() != "false"

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        if together:
            first = events[0]
            name = f"{day(first.started)}/batch-{int(first.started * 1000)}-{digest(events, 8)}.ndjson"
            yield insert(base, folder + name, lines(events), KIND)
            return
        for event in events:
            yield insert(base, folder + _name(event), event.wire)

    def audited(entries: Sequence[Audit]) -> Iterable[Delivery]:
        return (insert(base, folder + entry.object_name, entry.wire) for entry in entries)

    def lined(part: Part) -> Iterable[Delivery]:
        yield insert(base, folder + part.object_name, part.wire, KIND)

    return Sink(
        given.name,
        write,
        batch=int(given.number("gcs_batch_size", "GCS_BATCH_SIZE", default=2048)) or 1 if together else 1,
        at_once=1 if together else 16,
        interval=given.number("gcs_flush_interval", "GCS_FLUSH_INTERVAL", default=INTERVAL),
        complete=bearing(given),
        audited=audited,
        lined=lined,
    )


def address(given: Given, named: str) -> tuple[str, str]:
    """Return where objects of a bucket are inserted, and the folder that is named behind the bucket."""
    bucket, _, folder = named.strip("/").partition("/")
    base = given.address("gcs_api_base", "STORAGE_EMULATOR_HOST", default=BASE)
    return f"{base}/upload/storage/v1/b/{quote(bucket, safe='')}/o", f"{folder}/" if folder else ""


def insert(base: str, name: str, body: bytes, kind: str = "application/json") -> Delivery:
    """Return what puts an object into a bucket."""
    return Delivery(f"{base}?uploadType=media&name={quote(name, safe='')}", body, {"content-type": kind})


def _name(event: LogEvent) -> str:
    own = event.said.get("gcs_log_id")
    if isinstance(own, str):
        return f"{day(event.started)}/custom-{digest([event], 8)}-{plain(own)}"
    if event.failed:
        return f"{day(event.started)}/failure-{digest([event], 32)}"
    return f"{day(event.started)}/{plain(event.id)}"
