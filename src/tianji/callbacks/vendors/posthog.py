"""PostHog's events of LLM calls (https://posthog.com/docs/ai-engineering/observability)."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from tianji.callbacks.event import LogEvent
from tianji.callbacks.sink import Delivery, Given, Sink

BASE: Final = "https://us.i.posthog.com"
MOST: Final = 100
_JSON: Final = {"content-type": "application/json"}
_encode: Final = msgspec.json.Encoder().encode


def build(given: Given) -> Sink:
    """Make it of POSTHOG_API_KEY and POSTHOG_API_URL."""
    url = given.address("posthog_api_url", "POSTHOG_API_URL", default=BASE) + "/batch/"
    key = given.text("posthog_api_key", "POSTHOG_API_KEY")

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        yield Delivery(url, _encode({"api_key": key, "batch": [_captured(event) for event in events]}), _JSON)

    return Sink(given.name, write, batch=MOST)


def _captured(event: LogEvent) -> dict[str, Any]:
    own: dict[str, Any] = event.metadata["requester_metadata"]
    properties = {
        "$ai_model": event.model,
        "$ai_provider": event.custom_llm_provider,
        "$ai_input": event.messages,
        "$ai_output_choices": event.response,
        "$ai_input_tokens": event.prompt_tokens,
        "$ai_output_tokens": event.completion_tokens,
        "$ai_total_cost_usd": event.response_cost,
        "$ai_latency": event.ended - event.started,
        "$ai_is_error": event.failed,
        "$ai_error": event.error_str,
        "$ai_trace_id": event.trace_id,
        "$ai_span_id": event.id,
        "$ai_parent_id": own.get("parent_id"),
    }
    return {
        "event": "$ai_embedding" if event.call_type == "aembedding" else "$ai_generation",
        "distinct_id": str(own.get("user_id") or event.end_user or event.trace_id),
        "timestamp": datetime.fromtimestamp(event.ended, UTC).isoformat(),
        "properties": {name: value for name, value in properties.items() if value is not None},
    }
