"""Langfuse: a trace and a generation each.

https://api.reference.langfuse.com/#tag/ingestion/POST/api/public/ingestion

What the client says of itself in `metadata` names them: `trace_id`, `trace_name`, `session_id`, `trace_user_id`,
`trace_version`, `trace_release`, `trace_metadata`, `trace_public`, `tags`, `version`, `generation_name`,
`generation_id`, `parent_observation_id`, `prompt` (with `name` and `version`), `mask_input`, `mask_output`. With
`existing_trace_id` the trace is left as it is, but for what `update_trace_keys` names where
`langfuse_enable_update_trace_keys` lets clients change traces. Input tokens are told without what came out of the cache
or went into it: Langfuse prices each of the three for itself.
"""

import uuid
from base64 import b64encode
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji.callbacks.discretion import MARKER
from tianji.callbacks.event import LogEvent
from tianji.callbacks.forms import JSON, encode, moment, number, present, texts, word
from tianji.callbacks.sink import Delivery, Given, Sink

BASE: Final = "https://cloud.langfuse.com"
MOST: Final = 100  # events of a request: Langfuse takes 3.5 MB
LARGEST: Final = 900_000  # bytes of one event, below Langfuse's limit of 1 MB
_EACH, _LATER = 207, 429
_ACCEPTED: Final = frozenset({200, 201, _EACH})
_CAMEL: Final = {"user_id": "userId", "trace_user_id": "userId", "session_id": "sessionId"}  # theirs for ours
_SPACE: Final = uuid.UUID("0d1a3f53-9f7c-4a30-9d0e-55d3a6c1f7a2")


class _Error(Struct):
    status: int = 400


class _Outcome(Struct):
    errors: list[_Error] = []


def build(given: Given) -> Sink:
    """Make it of LANGFUSE_PUBLIC_KEY, LANGFUSE_SECRET_KEY and LANGFUSE_HOST."""
    base = given.text("langfuse_host", "LANGFUSE_HOST", "LANGFUSE_BASE_URL", default=BASE)
    url = (base if "://" in base else f"http://{base}").rstrip("/") + "/api/public/ingestion"
    public = given.text("langfuse_public_key", "LANGFUSE_PUBLIC_KEY")
    secret = given.text("langfuse_secret", "LANGFUSE_SECRET_KEY")
    headers = JSON | {
        "authorization": "Basic " + b64encode(f"{public}:{secret}".encode()).decode(),
        "x-langfuse-public-key": public,
    }
    facts = {
        "environment": given.optional("langfuse_environment", "LANGFUSE_TRACING_ENVIRONMENT") or None,
        "release": given.optional("langfuse_release", "LANGFUSE_RELEASE") or None,
        "tags": texts(given.params.get("langfuse_default_tags")),
        "base_url": given.variable("PROXY_BASE_URL"),
        "updates": given.flag("langfuse_enable_update_trace_keys"),
    }

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        fitting = (event if len(event.wire) <= LARGEST else event.bare for event in events)
        batch = [one for event in fitting for one in _ingested(event, facts)]
        yield Delivery(url, encode({"batch": batch}), headers, accepted=_ACCEPTED, meaning=meaning)

    share = given.share("langfuse_sample_rate", "LANGFUSE_SAMPLE_RATE")
    return Sink(given.name, write, share=share, batch=MOST, interval=1.0)


def meaning(status: int, body: bytes) -> int:
    """Return what an answer comes to: 207 says of each event what became of it, and one that was refused is found then.

    Their ids make it count once what is told again with it.
    """
    try:
        errors = msgspec.json.decode(body, type=_Outcome).errors if status == _EACH else []
    except msgspec.DecodeError:
        return status
    ends = [error.status for error in errors]
    refused = [end for end in ends if end < 500 and end != _LATER]
    return 400 if refused else max(ends, default=status)


def _ingested(event: LogEvent, facts: dict[str, Any]) -> Iterable[dict[str, Any]]:
    own = event.said
    existing = word(own.get("existing_trace_id"))
    body = _trace(event, existing or word(own.get("trace_id")) or event.trace_id, facts)
    if existing:
        named = texts(own.get("update_trace_keys")) if facts["updates"] else ()
        updated = {_CAMEL.get(name, name) for name in named}
        body = {name: value for name, value in body.items() if name == "id" or name in updated}
    if not existing or len(body) > 1:
        yield _told("trace-create", f"trace {event.id}", event.ended, body)
    yield _told("generation-create", event.id, event.ended, _generation(event, body["id"], facts))


def _told(kind: str, of: str, at: float, body: dict[str, Any]) -> dict[str, Any]:
    """Return an event of theirs. Its id is made of ours, so what is told twice counts once."""
    found = {"id": str(uuid.uuid5(_SPACE, f"{kind} {of}")), "type": kind, "timestamp": moment(at)}
    return {**found, "body": present(body)}


def _trace(event: LogEvent, trace: str, facts: dict[str, Any]) -> dict[str, Any]:
    own = event.said
    tags = [*event.tags, *(tag for tag in texts(own.get("tags")) if tag not in event.tags)]
    known = {**event.metadata, "cache_hit": event.cache_hit, "proxy_base_url": facts["base_url"]}
    tags += [f"{name}:{known[name]}" for name in dict.fromkeys(facts["tags"]) if known.get(name) not in (None, "")]
    return {
        "id": trace,
        "timestamp": moment(event.started),
        "name": word(own.get("trace_name")) or f"litellm-{event.call_type}",
        "userId": word(own.get("trace_user_id")) or event.end_user or event.metadata["user_api_key_user_id"],
        "sessionId": word(own.get("session_id")),
        "version": word(own.get("trace_version")) or word(own.get("version")),
        "release": word(own.get("trace_release")) or facts["release"],
        "public": public if isinstance(public := own.get("trace_public"), bool) else None,
        "tags": tags,
        "input": _input(event),
        "output": _output(event, event.text or event.response),
        "metadata": own.get("trace_metadata"),
        "environment": facts["environment"],
    }


def _output(event: LogEvent, answer: Any) -> Any:
    if event.said.get("mask_output") is True:
        return MARKER
    return event.error_str if event.failed else answer


def _input(event: LogEvent) -> Any:
    return MARKER if event.said.get("mask_input") is True else event.messages


def _generation(event: LogEvent, trace: str, facts: dict[str, Any]) -> dict[str, Any]:
    own, usage = event.said, event.usage
    prompt = own.get("prompt")
    linked = prompt if isinstance(prompt, dict) else {}
    cached, written = usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]
    alias = event.metadata["user_api_key_alias"]
    return {
        "id": word(own.get("generation_id")) or event.id,
        "traceId": trace,
        "parentObservationId": word(own.get("parent_observation_id")),
        "name": word(own.get("generation_name")) or (f"litellm:{alias}" if alias else f"litellm-{event.call_type}"),
        "startTime": moment(event.started),
        "endTime": moment(event.ended),
        "completionStartTime": moment(event.first_token),
        "model": event.model,
        "modelParameters": {name: str(value) for name, value in event.model_parameters.items()},
        "input": _input(event),
        "output": _output(event, event.response),
        "promptName": word(linked.get("name")),
        "promptVersion": number(linked.get("version")),
        "usageDetails": {
            "input": max(0, event.prompt_tokens - cached - written),
            "output": event.completion_tokens,
            "total": event.total_tokens,
            "cache_read_input_tokens": cached,
            "cache_creation_input_tokens": written,
        },
        "costDetails": {"total": event.response_cost},
        "level": "ERROR" if event.failed else "DEFAULT",
        "statusMessage": event.error_str if event.failed else None,
        "version": word(own.get("version")),
        "metadata": event.metadata,
        "environment": facts["environment"],
    }
