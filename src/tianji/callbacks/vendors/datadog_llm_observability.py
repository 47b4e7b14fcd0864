"""Datadog's LLM Observability: a span a request (https://docs.datadoghq.com/llm_observability/instrumentation/api/)."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from tianji.callbacks.accounts.datadog import ACCEPTED, account
from tianji.callbacks.event import LogEvent
from tianji.callbacks.forms import encode, present, unique
from tianji.callbacks.sink import Delivery, Given, Sink

_KINDS: Final = {"aembedding": "embedding", "arerank": "retrieval", "_arealtime": "task"}
_PATH: Final = "/api/intake/llm-obs/v1/trace/spans"


def build(given: Given) -> Sink:
    """Make it of DD_API_KEY and DD_SITE, or of an agent's LITELLM_DD_AGENT_HOST; DD_LLMOBS_ML_APP is its name."""
    place = account(given, "api", ("LITELLM_DD_LLM_OBS_PORT", "8126"))
    app = given.text("ml_app", "DD_LLMOBS_ML_APP", default=place.names["service"])

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        spans = [_span(event, place.tags_of(event)) for event in events]
        attributes = {"ml_app": app, "tags": list(place.tags), "spans": spans}
        body = encode({"data": {"type": "span", "attributes": attributes}})
        yield Delivery(place.base + _PATH, body, place.headers, accepted=ACCEPTED)

    return Sink(given.name, write, batch=100)


def _span(event: LogEvent, tags: list[str]) -> dict[str, Any]:
    own, usage = event.said, event.usage
    cached, written = usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]
    known = event.error_information or {}
    error = {"message": event.error_str, "type": known.get("error_class")} if event.failed else None
    answer = [{"role": "assistant", "content": event.text}] if event.text else []
    return {
        "parent_id": str(own.get("parent_id") or "undefined"),
        "trace_id": event.trace_id,
        "span_id": str(own.get("span_id") or unique(event)),
        "name": str(own.get("name") or "litellm_llm_call"),
        "meta": present({
            "kind": _KINDS.get(event.call_type, "llm"),
            "input": {"messages": _messages(event.messages)},
            "output": {"messages": answer},
            "metadata": {**event.metadata, "model_name": event.model, "model_provider": event.custom_llm_provider},
            "error": error,
            "tool_definitions": event.model_parameters.get("tools"),
        }),
        "start_ns": round(event.started * 1e9),
        "duration": round((event.ended - event.started) * 1e9),
        "metrics": {
            "input_tokens": event.prompt_tokens,
            "output_tokens": event.completion_tokens,
            "total_tokens": event.total_tokens,
            "total_cost": event.response_cost,
            "time_to_first_token": event.response_time if event.stream else 0.0,
            "cache_read_input_tokens": cached,
            "cache_write_input_tokens": written,
            "non_cached_input_tokens": max(0, event.prompt_tokens - cached - written),
            "reasoning_output_tokens": usage["reasoning_tokens"],
        },
        "status": "error" if event.failed else "ok",
        "tags": tags,
    }  # fmt: skip


def _messages(said: Any) -> list[Any]:
    if isinstance(said, list) and all(isinstance(one, dict) for one in said):
        return said
    return [] if said is None else [{"role": "user", "content": said}]
