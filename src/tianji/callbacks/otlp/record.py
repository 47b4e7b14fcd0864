"""What was said as events, for who wants it beside the spans and not in them.

The usual ones are those of LiteLLM's proxy, a message each. The latest is the one of the conventions, which holds all
of an attempt: https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-events/. All name the span they belong to.
"""

from collections.abc import Callable, Iterable
from typing import Final

import msgspec
from msgspec import Struct

from tianji.callbacks.event import LogEvent
from tianji.callbacks.otlp.conversation import answered, asked
from tianji.callbacks.otlp.facts import Facts, facts_of
from tianji.callbacks.otlp.span import ids, nanoseconds
from tianji.callbacks.otlp.vocabularies.genai import formed, latest

_encode: Final = msgspec.json.Encoder().encode


class Record(Struct, frozen=True):
    """An event; at: nanoseconds since 1970; body: JSON, empty for an event that is told by its attributes."""

    trace_id: bytes
    span_id: bytes
    at: int
    name: str
    attributes: Facts
    body: str = ""


Records = Callable[[LogEvent, bool], Iterable[Record]]
"""Makes the records of an attempt, with what was said where that is asked for."""


def usual(event: LogEvent, content: bool) -> Iterable[Record]:
    """Yield a record of each message; none where what was said is not told."""
    if not content:
        return
    facts = facts_of(event)
    common: Facts = {"gen_ai.system": facts.get("provider", ""), "gen_ai.request.model": facts.get("model", "")}
    for message in asked(event.messages):
        yield _record(event, event.started, "gen_ai.content.prompt", common, _encode(formed(message)).decode())
    for i, message in enumerate(answered(event.response)):
        more: Facts = common | {"index": i, "finish_reason": message.finish or ""}
        yield _record(event, event.ended, "gen_ai.content.completion", more, _encode(formed(message)).decode())


def details(event: LogEvent, content: bool) -> Iterable[Record]:
    """Yield the one record of an attempt."""
    yield _record(event, event.ended, "gen_ai.client.inference.operation.details", latest(event, content))


def _record(event: LogEvent, at: float, name: str, attributes: Facts, body: str = "") -> Record:
    trace_id, span_id, _ = ids(event, whole=True)
    return Record(trace_id, span_id, nanoseconds(at), name, {"event.name": name, **attributes}, body)
