"""Any HTTP endpoint that takes the events as they are (`generic_api`, `webhook`)."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from tianji.callbacks.event import LogEvent
from tianji.callbacks.sink import Delivery, Given, Sink
from tianji.errors import ConfigurationError

FORMATS: Final = ("json_array", "ndjson", "single")
_EVENTS: Final = {"llm_api_success": "success", "llm_api_failure": "failure"}
_encode: Final = msgspec.json.Encoder().encode


def build(given: Given) -> Sink:
    """Make it of `endpoint`, `headers`, `log_format` and `event_types`, or of GENERIC_LOGGER_ENDPOINT and _HEADERS."""
    url = given.address("endpoint", "GENERIC_LOGGER_ENDPOINT")
    form = given.text("log_format", default="json_array")
    if form not in FORMATS:
        raise ConfigurationError(f"callback {given.name}: log_format {form!r} is none of {', '.join(FORMATS)}")
    headers = {"content-type": "application/x-ndjson" if form == "ndjson" else "application/json"} | _headers(given)
    heard = given.params.get("event_types")
    statuses = {_EVENTS[name] for name in heard if name in _EVENTS} if isinstance(heard, list | tuple) else None

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        kept = [event for event in events if statuses is None or event.status in statuses]
        if not kept:
            return
        if form == "single":
            yield from (Delivery(url, _encode(event), headers) for event in kept)
        elif form == "ndjson":
            yield Delivery(url, b"\n".join(map(_encode, kept)) + b"\n", headers)
        else:
            yield Delivery(url, _encode(kept), headers)

    return Sink(given.name, write, batch=1 if form == "single" else 512)


def _headers(given: Given) -> dict[str, str]:
    written = given.params.get("headers")
    if isinstance(written, dict):
        return {str(name).lower(): str(value) for name, value in written.items()}
    pairs = (pair.partition("=") for pair in given.optional("headers", "GENERIC_LOGGER_HEADERS").split(",") if pair)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
