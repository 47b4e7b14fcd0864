"""Google Cloud Pub/Sub: a message an event (https://cloud.google.com/pubsub/docs/reference/rest/v1)."""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import quote

from tianji.callbacks.accounts.google import bearing
from tianji.callbacks.audit import Audit
from tianji.callbacks.event import LogEvent
from tianji.callbacks.forms import JSON, encode
from tianji.callbacks.sink import SUCCESSES, Delivery, Given, Sink

BASE: Final = "https://pubsub.googleapis.com"
MOST: Final = 100  # messages of a request, which takes 10 MB


def build(given: Given) -> Sink:
    """Make it of GCS_PUBSUB_PROJECT_ID, GCS_PUBSUB_TOPIC_ID and GCS_PATH_SERVICE_ACCOUNT."""
    project = quote(given.text("gcs_pubsub_project_id", "GCS_PUBSUB_PROJECT_ID"), safe="")
    topic = quote(given.text("gcs_pubsub_topic_id", "GCS_PUBSUB_TOPIC_ID"), safe="")
    base = given.address("gcs_pubsub_api_base", "GCS_PUBSUB_API_BASE", default=BASE)
    url = f"{base}/v1/projects/{project}/topics/{topic}:publish"

    def write(events: Sequence[LogEvent | Audit]) -> Iterable[Delivery]:
        messages = [{"data": b64encode(event.wire).decode()} for event in events]
        yield Delivery(url, encode({"messages": messages}), JSON)

    return Sink(given.name, write, hears=SUCCESSES, batch=MOST, complete=bearing(given), audited=write)
