"""Greenscale's usage of models (https://docs.greenscale.ai)."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from tianji.callbacks.event import LogEvent
from tianji.callbacks.forms import JSON, encode, moment, present
from tianji.callbacks.sink import SUCCESSES, Delivery, Given, Sink

_OWN: Final = "greenscale_"
_NAMED: Final = ("project", "application")


def build(given: Given) -> Sink:
    """Make it of GREENSCALE_API_KEY and GREENSCALE_ENDPOINT."""
    url = given.address("greenscale_endpoint", "GREENSCALE_ENDPOINT")
    headers = JSON | {"api-key": given.text("greenscale_api_key", "GREENSCALE_API_KEY")}

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        for event in events:
            yield Delivery(url, encode(present(_used(event))), headers)

    return Sink(given.name, write, hears=SUCCESSES, batch=1, at_once=8)


def _used(event: LogEvent) -> dict[str, Any]:
    own = {name.removeprefix(_OWN): str(value) for name, value in event.said.items() if name.startswith(_OWN)}
    return {
        "modelId": event.model,
        "inputTokenCount": event.prompt_tokens,
        "outputTokenCount": event.completion_tokens,
        "timestamp": moment(event.ended),
        "invocationLatency": round((event.ended - event.started) * 1000),
        **{name: own.pop(name, None) for name in _NAMED},
        "tags": [{"key": name, "value": value} for name, value in own.items()],
    }
