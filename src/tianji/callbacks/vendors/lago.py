"""Lago's usage events (https://getlago.com/docs/api-reference/events/usage)."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from tianji.callbacks.event import LogEvent
from tianji.callbacks.forms import JSON, encode, unique
from tianji.callbacks.sink import SUCCESSES, Delivery, Given, Sink, UnwritableError
from tianji.errors import ConfigurationError

_CHARGED: Final = {
    "end_user_id": "user_api_key_end_user_id",
    "user_id": "user_api_key_user_id",
    "team_id": "user_api_key_team_id",
}


def build(given: Given) -> Sink:
    """Make it of LAGO_API_BASE, LAGO_API_KEY, LAGO_API_EVENT_CODE and LAGO_API_CHARGE_BY."""
    url = given.address("lago_api_base", "LAGO_API_BASE") + "/api/v1/events"
    headers = JSON | {"authorization": f"Bearer {given.text('lago_api_key', 'LAGO_API_KEY')}"}
    code = given.text("lago_api_event_code", "LAGO_API_EVENT_CODE")
    by = given.text("lago_api_charge_by", "LAGO_API_CHARGE_BY", default="end_user_id")
    if by not in _CHARGED:
        raise ConfigurationError(f"callback {given.name}: LAGO_API_CHARGE_BY {by!r} is none of {', '.join(_CHARGED)}")

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        for event in events:
            yield Delivery(url, encode({"event": _used(event, code, by)}), headers)

    return Sink(given.name, write, hears=SUCCESSES, batch=1, at_once=8)


def _used(event: LogEvent, code: str, by: str) -> dict[str, Any]:
    who = event.metadata[_CHARGED[by]]
    if not who:
        raise UnwritableError(f"a request has no {by} that could be charged")
    return {
        "transaction_id": unique(event),
        "external_subscription_id": who,
        "code": code,
        "timestamp": int(event.ended),
        "properties": {
            "model": event.model,
            "response_cost": event.response_cost,
            "prompt_tokens": event.prompt_tokens,
            "completion_tokens": event.completion_tokens,
            "total_tokens": event.total_tokens,
        },
    }
