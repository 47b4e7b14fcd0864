"""OpenMeter's usage events, as CloudEvents (https://openmeter.io/docs/api/cloud#tag/events)."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from tianji.callbacks.event import LogEvent
from tianji.callbacks.sink import Delivery, Given, Sink

BASE: Final = "https://openmeter.cloud"
_encode: Final = msgspec.json.Encoder().encode


def build(given: Given) -> Sink:
    """Make it of OPENMETER_API_KEY, OPENMETER_API_ENDPOINT and OPENMETER_EVENT_TYPE."""
    url = given.address("endpoint", "OPENMETER_API_ENDPOINT", default=BASE) + "/api/v1/events"
    kind = given.text("event_type", "OPENMETER_EVENT_TYPE", default="litellm_tokens")
    headers = {
        "content-type": "application/cloudevents-batch+json",
        "authorization": f"Bearer {given.text('api_key', 'OPENMETER_API_KEY')}",
    }

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        metered = [_metered(event, kind) for event in events if not event.failed]
        if metered:
            yield Delivery(url, _encode(metered), headers)

    return Sink(given.name, write, batch=100)


def _metered(event: LogEvent, kind: str) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "type": kind,
        "id": event.id,
        "time": datetime.fromtimestamp(event.ended, UTC).isoformat(),
        "subject": event.end_user or event.metadata["user_api_key_user_id"] or event.metadata["user_api_key_hash"],
        "source": "litellm-proxy",
        "data": {
            "model": event.model,
            "cost": event.response_cost,
            "tokens": {
                "prompt_tokens": event.prompt_tokens,
                "completion_tokens": event.completion_tokens,
                "total_tokens": event.total_tokens,
            },
        },
    }
