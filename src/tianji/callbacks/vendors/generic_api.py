"""Any HTTP endpoint that takes the events as they are (`generic_api`, `webhook`)."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from tianji.callbacks import audit
from tianji.callbacks.event import LogEvent
from tianji.callbacks.forms import array, encode, in_lines, moment, present, texts_of
from tianji.callbacks.sink import ALL, Delivery, Given, Sink
from tianji.errors import ConfigurationError

SHORT: Final = "tianji_v1"
FORMATS: Final = ("json_array", "ndjson", "single", SHORT)
_SINGLE: Final = ("single", SHORT)  # a request an event
AT_ONCE: Final = 4  # batches: one that fails now and then does not fall behind for its waits
_EVENTS: Final = {"llm_api_success": "success", "llm_api_failure": "failure"}


def build(given: Given) -> Sink:
    """Make it of `endpoint`, `headers`, `log_format` and `event_types`, or of GENERIC_LOGGER_ENDPOINT and _HEADERS."""
    url = given.address("endpoint", "GENERIC_LOGGER_ENDPOINT")
    form = given.text("log_format", default="json_array")
    if form not in FORMATS:
        raise ConfigurationError(f"callback {given.name}: log_format {form!r} is none of {', '.join(FORMATS)}")
    headers = {"content-type": "application/x-ndjson" if form == "ndjson" else "application/json"} | _headers(given)
    first = given.flag("generic_api_use_v1")
    heard = given.params.get("event_types")
    hears = frozenset(_EVENTS[name] for name in heard if name in _EVENTS) if isinstance(heard, list | tuple) else ALL

    def as_is(wires: Sequence[bytes]) -> Iterable[Delivery]:
        if form == "json_array":
            yield Delivery(url, array(wires), headers)
        elif form == "ndjson":
            yield Delivery(url, in_lines(wires), headers)
        else:
            yield from (Delivery(url, wire, headers) for wire in wires)

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        if first:
            return (Delivery(url, encode([_first(event) for event in events]), headers),)
        return as_is([encode(_short(event)) if form == SHORT else event.wire for event in events])

    def audited(entries: Sequence[audit.Audit]) -> Iterable[Delivery]:
        if form in _SINGLE:
            return (Delivery(url, entry.wire, headers) for entry in entries)
        return (Delivery(url, audit.lines(entries) if form == "ndjson" else audit.array(entries), headers),)

    spared = None if first or form == SHORT else as_is
    if form in _SINGLE:
        return Sink(given.name, write, hears=hears, batch=1, at_once=8, as_is=spared, audited=audited)
    return Sink(given.name, write, hears=hears, at_once=AT_ONCE, as_is=spared, audited=audited)


def _first(event: LogEvent) -> dict[str, str]:
    """Return an event as `generic_api_use_v1` has it: all of it text."""
    return {**texts_of(event), "cache_hit": str(event.cache_hit), "cost": str(event.response_cost)}


def _short(event: LogEvent) -> dict[str, Any]:
    """Return an event in few words, as `log_format: tianji_v1` has it."""
    return present({
        "event": f"llm.{event.status}",
        "model": event.model,
        "provider": event.custom_llm_provider,
        "prompt_tokens": event.prompt_tokens,
        "completion_tokens": event.completion_tokens,
        "total_tokens": event.total_tokens,
        "cost": event.response_cost,
        "latency_seconds": event.ended - event.started,
        "user_id": event.metadata["user_api_key_user_id"],
        "team_id": event.metadata["user_api_key_team_id"],
        "request_tags": list(event.tags) or None,
        "cache_hit": event.cache_hit,
        "error": event.error_str,
        "timestamp": moment(event.ended),
    })  # fmt: skip


def _headers(given: Given) -> dict[str, str]:
    written = given.params.get("headers", given.params.get("generic_logger_headers"))
    if isinstance(written, dict):
        return {str(name).lower(): str(value) for name, value in written.items()}
    text = written if isinstance(written, str) else given.variable("GENERIC_LOGGER_HEADERS") or ""
    pairs = (pair.partition("=") for pair in text.split(",") if pair)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
