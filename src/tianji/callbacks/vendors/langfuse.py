"""Langfuse: a trace and a generation each.

https://api.reference.langfuse.com/#tag/ingestion/POST/api/public/ingestion

What the client says of itself in `metadata` names them: `trace_id`, `trace_name`, `session_id`, `trace_user_id`,
`generation_name`, `tags`, `trace_metadata`, `version`. Input tokens are told without what came out of the cache or went
into it: Langfuse prices each of the three for itself.
"""

import uuid
from base64 import b64encode
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from tianji.callbacks.event import LogEvent
from tianji.callbacks.sink import Delivery, Given, Sink

BASE: Final = "https://cloud.langfuse.com"
MOST: Final = 100  # events of a request: Langfuse takes 3.5 MB
_ACCEPTED: Final = frozenset({200, 201, 207})
_SPACE: Final = uuid.UUID("0d1a3f53-9f7c-4a30-9d0e-55d3a6c1f7a2")
_encode: Final = msgspec.json.Encoder().encode


def build(given: Given) -> Sink:
    """Make it of LANGFUSE_PUBLIC_KEY, LANGFUSE_SECRET_KEY and LANGFUSE_HOST."""
    base = given.text("langfuse_host", "LANGFUSE_HOST", "LANGFUSE_BASE_URL", default=BASE)
    url = (base if "://" in base else f"http://{base}").rstrip("/") + "/api/public/ingestion"
    public = given.text("langfuse_public_key", "LANGFUSE_PUBLIC_KEY")
    secret = given.text("langfuse_secret", "LANGFUSE_SECRET_KEY")
    headers = {
        "content-type": "application/json",
        "authorization": "Basic " + b64encode(f"{public}:{secret}".encode()).decode(),
        "x-langfuse-public-key": public,
    }
    facts = {
        "environment": given.optional("langfuse_environment", "LANGFUSE_TRACING_ENVIRONMENT") or None,
        "release": given.optional("langfuse_release", "LANGFUSE_RELEASE") or None,
    }

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        batch = [one for event in events for one in _ingested(event, facts)]
        yield Delivery(url, _encode({"batch": batch}), headers, accepted=_ACCEPTED)

    return Sink(given.name, write, batch=MOST, interval=1.0)


def _ingested(event: LogEvent, facts: dict[str, Any]) -> Iterable[dict[str, Any]]:
    own: dict[str, Any] = event.metadata["requester_metadata"]
    trace = str(own.get("existing_trace_id") or own.get("trace_id") or event.trace_id)
    generation = str(own.get("generation_id") or event.id)
    if not own.get("existing_trace_id"):
        yield _told("trace-create", f"trace {event.id}", event.ended, _trace(event, own, trace, facts))
    yield _told("generation-create", event.id, event.ended, _generation(event, own, trace, generation, facts))


def _told(kind: str, of: str, at: float, body: dict[str, Any]) -> dict[str, Any]:
    """Return an event of theirs. Its id is made of ours, so what is told twice counts once."""
    kept = {name: value for name, value in body.items() if value is not None}
    return {"id": str(uuid.uuid5(_SPACE, f"{kind} {of}")), "type": kind, "timestamp": _moment(at), "body": kept}


def _trace(event: LogEvent, own: dict[str, Any], trace: str, facts: dict[str, Any]) -> dict[str, Any]:
    tags = [*event.tags, *(tag for tag in own.get("tags") or () if isinstance(tag, str) and tag not in event.tags)]
    return {
        "id": trace,
        "timestamp": _moment(event.started),
        "name": own.get("trace_name") or f"litellm-{event.call_type}",
        "userId": own.get("trace_user_id") or event.end_user or event.metadata["user_api_key_user_id"],
        "sessionId": own.get("session_id"),
        "version": own.get("trace_version") or own.get("version"),
        "tags": tags,
        "input": event.messages,
        "output": event.error_str if event.failed else event.text or event.response,
        "metadata": own.get("trace_metadata"),
        **facts,
    }


def _generation(
    event: LogEvent, own: dict[str, Any], trace: str, generation: str, facts: dict[str, Any]
) -> dict[str, Any]:
    usage = event.metadata["usage_object"]
    cached, written = usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]
    alias = event.metadata["user_api_key_alias"]
    return {
        "id": generation,
        "traceId": trace,
        "parentObservationId": own.get("parent_observation_id"),
        "name": own.get("generation_name") or (f"litellm:{alias}" if alias else f"litellm-{event.call_type}"),
        "startTime": _moment(event.started),
        "endTime": _moment(event.ended),
        "completionStartTime": _moment(event.first_token),
        "model": event.model,
        "modelParameters": {name: str(value) for name, value in event.model_parameters.items()},
        "input": event.messages,
        "output": event.error_str if event.failed else event.response,
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
        "version": own.get("version"),
        "metadata": event.metadata,
        "environment": facts["environment"],
    }


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
