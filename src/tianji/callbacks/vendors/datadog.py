"""Datadog's logs (https://docs.datadoghq.com/api/latest/logs/#send-logs)."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from tianji.callbacks.accounts.datadog import ACCEPTED, account
from tianji.callbacks.audit import Audit
from tianji.callbacks.event import LogEvent
from tianji.callbacks.forms import encode, packed
from tianji.callbacks.sink import Delivery, Given, Sink

MOST: Final = 1000  # logs of a request
LARGEST: Final = 900_000  # bytes of one log, below Datadog's limit of 1 MB


def build(given: Given) -> Sink:
    """Make it of DD_API_KEY and DD_SITE, or of an agent's LITELLM_DD_AGENT_HOST."""
    place = account(given, "http-intake.logs", ("LITELLM_DD_AGENT_PORT", "10518"))
    url = place.base + "/api/v2/logs"
    headers = place.headers | {"content-encoding": "gzip"}

    def log(event: LogEvent) -> dict[str, Any]:
        message = event.wire
        if len(message) > LARGEST:
            message = event.bare.wire
        return {
            **place.names,
            "ddtags": ",".join(place.tags_of(event)),
            "message": message.decode(),
            "status": "error" if event.failed else "info",
        }

    def post(logs: list[dict[str, Any]]) -> Iterable[Delivery]:
        yield Delivery(url, packed(encode(logs)), headers, accepted=ACCEPTED)

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        return post([log(event) for event in events])

    def audited(entries: Sequence[Audit]) -> Iterable[Delivery]:
        about = {**place.names, "ddtags": ",".join((*place.tags, "event:audit")), "status": "info"}
        return post([{**about, "message": entry.wire.decode()} for entry in entries])

    most = int(given.number("dd_batch_size", "DD_BATCH_SIZE", default=MOST)) or 1
    return Sink(given.name, write, batch=most, apart=True, audited=audited)
