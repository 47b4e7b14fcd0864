"""OpenMeter's usage events, as CloudEvents (https://openmeter.io/docs/api/cloud#tag/events)."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from tianji.callbacks.event import LogEvent
from tianji.callbacks.forms import encode, moment
from tianji.callbacks.sink import SUCCESSES, Delivery, Given, Sink

BASE: Final = "https://openmeter.cloud"


def build(given: Given) -> Sink:
    """Make it of OPENMETER_API_KEY, OPENMETER_API_ENDPOINT, _EVENT_TYPE and _TRUST_REQUEST_USER."""
    url = given.address("endpoint", "OPENMETER_API_ENDPOINT", default=BASE) + "/api/v1/events"
    kind = given.text("event_type", "OPENMETER_EVENT_TYPE", default="litellm_tokens")
    trusting = given.text("trust_request_user", "OPENMETER_TRUST_REQUEST_USER", default="true").lower() != "false"
    headers = {
        "content-type": "application/cloudevents-batch+json",
        "authorization": f"Bearer {given.text('api_key', 'OPENMETER_API_KEY')}",
    }

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        yield Delivery(url, encode([_metered(event, kind, trusting=trusting) for event in events]), headers)

    return Sink(given.name, write, hears=SUCCESSES, batch=100)


def _metered(event: LogEvent, kind: str, *, trusting: bool) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "type": kind,
        "id": event.id,
        "time": moment(event.ended),
        "subject": (event.end_user if trusting else None)
        or event.metadata["user_api_key_user_id"]
        or event.metadata["user_api_key_hash"],
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
