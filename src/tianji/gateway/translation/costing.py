"""What a stream cost, told in the stream itself: `cost` beside the usage of an event, in US dollars.

As LiteLLM does with `include_cost_in_streaming_usage`, in the forms of OpenAI's chat, completions and Responses and of
Anthropic's Messages. Nothing else of an event changes.
"""

from typing import Final

from tianji._core.bodies.spans import ObjectSpans, replace_value, scan
from tianji.errors import MalformedJSON

_DATA: Final = b"data:"
_USAGE: Final = b"usage"
_RESPONSE: Final = b"response"  # of the Responses API: the whole answer, in the event that ends it


def with_cost(events: bytes, dollars: bytes) -> bytes:
    """Return whole server-sent events with `dollars`, a JSON number, as `cost` of every usage in them."""
    if _USAGE not in events:
        return events
    return b"".join(_line(line, dollars) for line in events.splitlines(keepends=True))


def _line(line: bytes, dollars: bytes) -> bytes:
    if not line.startswith(_DATA) or _USAGE not in line:
        return line
    payload = line[len(_DATA) :].strip()
    try:
        spans = scan(payload)
        told = _told(spans, dollars)
    except MalformedJSON:  # no object, or a name stands in it twice: left as it is
        return line
    return line if told is None else line.replace(payload, told, 1)


def _told(spans: ObjectSpans, dollars: bytes) -> bytes | None:
    """Return the payload with the cost in it; None where nothing in it says what was used."""
    usage = _object(spans, _USAGE)
    if usage is not None:
        return _with(spans, _USAGE, _member(usage, dollars))
    response = _object(spans, _RESPONSE)
    told = None if response is None else _told(response, dollars)
    return None if told is None else _with(spans, _RESPONSE, told)


def _object(spans: ObjectSpans, name: bytes) -> ObjectSpans | None:
    value = spans.get(name)
    return scan(value) if value is not None and value.startswith(b"{") else None


def _with(spans: ObjectSpans, name: bytes, value: bytes) -> bytes:
    return replace_value(spans, spans.names().index(name), value)


def _member(usage: ObjectSpans, dollars: bytes) -> bytes:
    """Return the usage with its cost; one that the upstream named itself gives way to what was billed."""
    if b"cost" in usage:
        return _with(usage, b"cost", dollars)
    body = usage.source[:-1].rstrip()
    return body + (b"" if body.endswith(b"{") else b",") + b'"cost":' + dollars + b"}"
