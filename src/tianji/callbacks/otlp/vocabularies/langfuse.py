"""Langfuse (https://langfuse.com/integrations/native/opentelemetry#property-mapping).

What a client says of itself in `metadata` names its traces: `trace_name`, `session_id`, `trace_user_id`, `tags`,
`trace_metadata`, `trace_public`, `generation_name`, `version`, `trace_release`; `mask_input` and `mask_output` keep a
side back. Input tokens are told without what came out of the cache or went into it: Langfuse prices each of the three.
"""

import hashlib
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from tianji.callbacks.event import LogEvent
from tianji.callbacks.otlp.facts import Facts, Value, identity
from tianji.callbacks.otlp.span import Vocabulary
from tianji.callbacks.tools import NOTED

_encode: Final = msgspec.json.Encoder().encode


def langfuse(event: LogEvent, content: bool) -> Facts:
    """Return the attributes of an attempt."""
    own: dict[str, Any] = event.metadata["requester_metadata"]
    found: dict[str, Value | None] = {
        "langfuse.observation.type": "generation" if event.metadata[NOTED] is None else "tool",
        "langfuse.observation.level": "ERROR" if event.failed else "DEFAULT",
        "langfuse.observation.status_message": event.error_str if event.failed else None,
        "langfuse.observation.model.name": event.model or event.model_group or None,
        "langfuse.observation.usage_details": _encode(_usage(event)).decode(),
        "langfuse.observation.cost_details": _encode({"total": event.response_cost}).decode(),
        "langfuse.observation.completion_start_time": _moment(event.first_token) if event.stream else None,
        "langfuse.observation.metadata.attempt": event.metadata["attempt"],
        "langfuse.trace.name": _text(own, "trace_name") or f"litellm-{event.call_type}",
        "langfuse.trace.tags": _tags(event, own) or None,
        "langfuse.trace.public": own["trace_public"] if isinstance(own.get("trace_public"), bool) else None,
        "langfuse.version": _text(own, "version") or _text(own, "trace_version"),
        "langfuse.release": _text(own, "trace_release"),
        "user.id": _text(own, "trace_user_id") or event.end_user or event.metadata["user_api_key_user_id"],
        "session.id": _text(own, "session_id"),
    }
    for name, value in identity(event).items():
        found[f"langfuse.observation.metadata.{name}"] = value
    if own.get("existing_trace_id"):  # it has a name and all the rest already
        found = {name: value for name, value in found.items() if not name.startswith("langfuse.trace.")}
    more = own.get("trace_metadata")
    for name, value in more.items() if isinstance(more, dict) else ():
        found[f"langfuse.trace.metadata.{name}"] = value if isinstance(value, str) else _encode(value).decode()
    if content:
        found |= _said(event, own)
    return {name: value for name, value in found.items() if value is not None}


def _said(event: LogEvent, own: dict[str, Any]) -> dict[str, Value | None]:
    parameters = {name: str(value) for name, value in event.model_parameters.items() if name != "tools"}
    asked = None if own.get("mask_input") else _json(event.messages)
    answered = None if own.get("mask_output") else event.error_str if event.failed else _json(event.response)
    found: dict[str, Value | None] = {
        "langfuse.observation.model.parameters": _encode(parameters).decode(),
        "langfuse.observation.input": asked,
        "langfuse.observation.output": answered,
    }
    if not own.get("existing_trace_id"):
        found |= {"langfuse.trace.input": asked, "langfuse.trace.output": answered}
    return found


def _usage(event: LogEvent) -> dict[str, int]:
    usage: dict[str, int] = event.metadata["usage_object"]
    read, written = usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]
    return {
        "input": max(0, event.prompt_tokens - read - written),
        "output": event.completion_tokens,
        "total": event.total_tokens,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": written,
    }


def _tags(event: LogEvent, own: dict[str, Any]) -> tuple[str, ...]:
    said = own.get("tags")
    more = [tag for tag in said if isinstance(tag, str)] if isinstance(said, list) else []
    return tuple(dict.fromkeys((*event.tags, *more)))


def _title(event: LogEvent) -> str:
    own, alias = event.metadata["requester_metadata"], event.metadata["user_api_key_alias"]
    return _text(own, "generation_name") or (f"litellm:{alias}" if alias else f"litellm-{event.call_type}")


def _text(own: dict[str, Any], name: str) -> str | None:
    value = own.get(name)
    return value if isinstance(value, str) and value else None


def _json(document: Any) -> str | None:
    return None if document is None else _encode(document).decode()


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _lineage(event: LogEvent) -> tuple[bytes, bytes] | None:
    """Return the trace that a client names, and the observation in it: ids of Langfuse's, or made of what it says."""
    own = event.metadata["requester_metadata"]
    trace = _text(own, "existing_trace_id") or _text(own, "trace_id")
    parent = _text(own, "parent_observation_id")
    return None if trace is None else (_id(trace, 16), b"" if parent is None else _id(parent, 8))


def _id(text: str, size: int) -> bytes:
    plain = text.replace("-", "")
    try:
        made = bytes.fromhex(plain)
    except ValueError:
        made = b""
    return made if len(made) == size and any(made) else hashlib.sha256(text.encode()).digest()[:size]


LANGFUSE: Final = Vocabulary(
    langfuse,
    title=_title,
    whole=False,
    guardrail=(("langfuse.observation.type", "guardrail"),),
    lineage=_lineage,
)
