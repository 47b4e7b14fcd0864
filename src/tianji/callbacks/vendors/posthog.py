"""PostHog's events of LLM calls (https://posthog.com/docs/llm-analytics/manual-capture).

What the client says in `metadata` are properties of its own; `user_id` is who it was, and `parent_id` or
`parent_run_id` the span that it belongs to.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from tianji.callbacks.event import LogEvent
from tianji.callbacks.forms import JSON, encode, moment, present, unique
from tianji.callbacks.sink import Delivery, Given, Sink

BASE: Final = "https://us.i.posthog.com"
MOST: Final = 100
_NAMED: Final = frozenset({"user_id", "parent_id", "parent_run_id"})


def build(given: Given) -> Sink:
    """Make it of POSTHOG_API_KEY and POSTHOG_API_URL."""
    url = given.address("posthog_api_url", "POSTHOG_API_URL", default=BASE) + "/batch/"
    key = given.text("posthog_api_key", "POSTHOG_API_KEY")

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        yield Delivery(url, encode({"api_key": key, "batch": [_captured(event) for event in events]}), JSON)

    return Sink(given.name, write, batch=MOST)


def _captured(event: LogEvent) -> dict[str, Any]:
    own, embeds = event.said, event.call_type == "aembedding"
    custom = {name: value for name, value in own.items() if name not in _NAMED and not name.startswith("$")}
    properties = {
        "$ai_model": event.model,
        "$ai_provider": event.custom_llm_provider,
        "$ai_base_url": event.api_base or None,
        "$ai_input": event.messages,
        "$ai_output_choices": None if embeds else _choices(event.response),
        "$ai_input_tokens": event.prompt_tokens,
        "$ai_output_tokens": None if embeds else event.completion_tokens,
        "$ai_cache_read_input_tokens": event.usage["cache_read_input_tokens"] or None,
        "$ai_cache_creation_input_tokens": event.usage["cache_creation_input_tokens"] or None,
        "$ai_cache_reporting_exclusive": False,  # what came out of a cache is among the input, whoever the provider is
        "$ai_reasoning_tokens": event.usage["reasoning_tokens"] or None,
        "$ai_total_cost_usd": event.response_cost,
        "$ai_cost_passthrough": True,  # or PostHog reckons by prices of its own
        "$ai_latency": event.ended - event.started,
        "$ai_stream": event.stream,
        "$ai_time_to_first_token": event.response_time if event.stream else None,
        "$ai_tools": event.model_parameters.get("tools"),
        "$ai_is_error": event.failed,
        "$ai_error": event.error_str,
        "$ai_http_status": _status(event),
        "$ai_trace_id": event.trace_id,
        "$ai_session_id": event.session_id,
        "$ai_span_id": event.id,
        "$ai_parent_id": own.get("parent_run_id") or own.get("parent_id"),
    }
    return {
        "event": "$ai_embedding" if embeds else "$ai_generation",
        "uuid": unique(event),  # of what is told twice PostHog keeps one
        "distinct_id": str(own.get("user_id") or event.end_user or event.trace_id),
        "timestamp": moment(event.ended),
        "properties": present(custom | properties),
    }


def _choices(response: Any) -> Any:
    """Return the answers that there are to choose from; what has none is the one."""
    if isinstance(response, dict) and isinstance(response.get("choices"), list):
        return [one.get("message", one) if isinstance(one, dict) else one for one in response["choices"]]
    return None if response is None else [response]


def _status(event: LogEvent) -> int | None:
    code = str((event.error_information or {}).get("error_code")) if event.failed else "200"
    return int(code) if code.isdecimal() else None
