"""PostHog's events of LLM calls (https://posthog.com/docs/ai-engineering/observability)."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from tianji.callbacks.event import LogEvent
from tianji.callbacks.forms import JSON, encode, moment, present
from tianji.callbacks.sink import Delivery, Given, Sink

BASE: Final = "https://us.i.posthog.com"
MOST: Final = 100


def build(given: Given) -> Sink:
    """Make it of POSTHOG_API_KEY and POSTHOG_API_URL."""
    url = given.address("posthog_api_url", "POSTHOG_API_URL", default=BASE) + "/batch/"
    key = given.text("posthog_api_key", "POSTHOG_API_KEY")

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        yield Delivery(url, encode({"api_key": key, "batch": [_captured(event) for event in events]}), JSON)

    return Sink(given.name, write, batch=MOST)


def _captured(event: LogEvent) -> dict[str, Any]:
    own = event.said
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
        "timestamp": moment(event.ended),
        "properties": present(properties),
    }
