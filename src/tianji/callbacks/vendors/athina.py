"""Athina's log of inferences (https://docs.athina.ai/logging/log_via_api)."""

from collections.abc import Iterable, Sequence
from typing import Final

from tianji.callbacks.event import LogEvent
from tianji.callbacks.forms import JSON, encode, present
from tianji.callbacks.sink import SUCCESSES, Delivery, Given, Sink

BASE: Final = "https://log.athina.ai"
_SAID: Final = (
    "environment", "prompt_slug", "customer_id", "customer_user_id", "session_id", "external_reference_id", "context",
    "expected_response", "user_query", "tags", "user_feedback", "model_options", "custom_attributes",
)  # fmt: skip


def build(given: Given) -> Sink:
    """Make it of ATHINA_API_KEY and ATHINA_BASE_URL."""
    url = given.address("athina_base_url", "ATHINA_BASE_URL", default=BASE) + "/api/v1/log/inference"
    headers = JSON | {"athina-api-key": given.text("athina_api_key", "ATHINA_API_KEY")}

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        for event in events:
            yield Delivery(url, encode(present(_inference(event))), headers)

    return Sink(given.name, write, hears=SUCCESSES, batch=1, at_once=8)


def _inference(event: LogEvent) -> dict[str, object]:
    return {
        "language_model_id": event.model,
        "prompt": event.messages,
        "request": {"model": event.model, "messages": event.messages, **event.model_parameters},
        "response": event.response,
        "prompt_tokens": event.prompt_tokens,
        "completion_tokens": event.completion_tokens,
        "total_tokens": event.total_tokens,
        "response_time": round((event.ended - event.started) * 1000),
        "tools": event.model_parameters.get("tools"),
        "functions": event.model_parameters.get("functions"),
        **{name: event.said.get(name) for name in _SAID},
    }
