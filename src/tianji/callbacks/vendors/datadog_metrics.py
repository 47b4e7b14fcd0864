"""Datadog's metrics of requests (https://docs.datadoghq.com/api/latest/metrics/#submit-metrics)."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

from tianji.callbacks.accounts.datadog import ACCEPTED, account, application_key
from tianji.callbacks.event import LogEvent
from tianji.callbacks.forms import encode, packed
from tianji.callbacks.sink import Delivery, Given, Sink

COUNT: Final = 1
GAUGE: Final = 3


def build(given: Given) -> Sink:
    """Make it of DD_API_KEY, DD_SITE and, where there is one, DD_APP_KEY."""
    place = account(given, "api")
    headers = place.headers | application_key(given, needed=False) | {"content-encoding": "gzip"}

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        tags = {event.id: (*place.tags, *_tags(event)) for event in events}
        series = [one for event in events for one in _latencies(event, tags[event.id])]
        counted = Counter((int(event.ended), tags[event.id]) for event in events)
        series += [_series("litellm.llm_api.request_count", COUNT, at, n, of) for (at, of), n in counted.items()]
        body = packed(encode({"series": series}))
        yield Delivery(place.base + "/api/v2/series", body, headers, accepted=ACCEPTED)

    return Sink(given.name, write, batch=200)


def _latencies(event: LogEvent, tags: tuple[str, ...]) -> Iterable[dict[str, Any]]:
    took, at = event.ended - event.started, int(event.ended)
    yield _series("litellm.request.total_latency", GAUGE, at, took, tags)
    overhead = event.hidden_params.get("litellm_overhead_time_ms")
    if overhead is not None:  # an upstream was asked, and its answer had an end
        yield _series("litellm.llm_api.latency", GAUGE, at, took - overhead / 1000, tags)
        yield _series("litellm.overhead.latency", GAUGE, at, overhead / 1000, tags)


def _series(name: str, kind: int, at: int, value: float, tags: tuple[str, ...]) -> dict[str, Any]:
    return {"metric": name, "type": kind, "points": [{"timestamp": at, "value": value}], "tags": list(tags)}


def _tags(event: LogEvent) -> Iterable[str]:
    status = (event.error_information or {}).get("error_code") if event.failed else "200"
    team = event.metadata.get("user_api_key_team_id")
    yield f"provider:{event.custom_llm_provider}"
    yield f"model_name:{event.model}"
    yield f"model_group:{event.model_group}"
    yield f"status_code:{status}"
    if team:
        yield f"team:{team}"
