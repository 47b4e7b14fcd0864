"""DeepEval's traces at Confident AI (https://www.confident-ai.com/docs/llm-tracing)."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from tianji.callbacks.event import LogEvent
from tianji.callbacks.forms import JSON, encode, moment, present, unique
from tianji.callbacks.sink import Delivery, Given, Sink
from tianji.errors import ConfigurationError

BASE: Final = "https://api.confident-ai.com"
ENVIRONMENTS: Final = ("production", "staging", "development")


def build(given: Given) -> Sink:
    """Make it of CONFIDENT_API_KEY and LITELM_ENVIRONMENT."""
    url = given.address("confident_api_base", "CONFIDENT_API_BASE", default=BASE) + "/v1/tracing"
    headers = JSON | {"confident_api_key": given.text("confident_api_key", "CONFIDENT_API_KEY")}
    environment = given.text("environment", "LITELM_ENVIRONMENT", default="development")
    if environment not in ENVIRONMENTS:
        raise ConfigurationError(f"callback {given.name}: environment {environment!r} is none of {ENVIRONMENTS}")

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        for event in events:
            yield Delivery(url, encode(_trace(event, environment)), headers)

    return Sink(given.name, write, batch=1, at_once=8)


def _trace(event: LogEvent, environment: str) -> dict[str, Any]:
    trace, started, ended = unique(event, "trace"), moment(event.started), moment(event.ended)
    span = {
        "uuid": unique(event),
        "name": str(event.said.get("generation_name") or event.call_type),
        "status": "ERRORED" if event.failed else "SUCCESS",
        "type": "llm",
        "traceUuid": trace,
        "startTime": started,
        "endTime": ended,
        "input": event.messages,
        "output": event.text or event.output,
        "error": event.error_str if event.failed else None,
        "model": event.model,
        "inputTokenCount": event.prompt_tokens,
        "outputTokenCount": event.completion_tokens,
    }
    others: dict[str, list[Any]] = {f"{kind}Spans": [] for kind in ("base", "agent", "retriever", "tool")}
    return {"uuid": trace, **others, "llmSpans": [present(span)], "startTime": started, "endTime": ended,
            "environment": environment}  # fmt: skip
