"""Weights & Biases: calls of Weave, by its service's interface (https://weave-docs.wandb.ai/reference/service-api).

A run for each request, as the old integration makes one, would cost more than the request.
"""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from typing import Any, Final

from tianji.callbacks.event import LogEvent
from tianji.callbacks.forms import JSON, encode, moment, unique
from tianji.callbacks.sink import SUCCESSES, Delivery, Given, Sink
from tianji.errors import ConfigurationError

BASE: Final = "https://trace.wandb.ai"


def build(given: Given) -> Sink:
    """Make it of WANDB_API_KEY and WANDB_PROJECT_ID, which is `entity/project`."""
    url = given.address("wandb_base_url", "WF_TRACE_SERVER_URL", default=BASE) + "/call/upsert_batch"
    key = given.text("wandb_api_key", "WANDB_API_KEY")
    project = given.text("weave_project_id", "WANDB_PROJECT_ID")
    if project.count("/") != 1:
        raise ConfigurationError(f"callback {given.name}: WANDB_PROJECT_ID {project!r} has the form entity/project")
    headers = JSON | {"authorization": "Basic " + b64encode(f"api:{key}".encode()).decode()}

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        batch = [
            {"mode": mode, "req": {mode: {"project_id": project, "id": unique(event), **members}}}
            for event in events
            for mode, members in (("start", _start(event)), ("end", _end(event)))
        ]
        yield Delivery(url, encode({"batch": batch}), headers)

    return Sink(given.name, write, hears=SUCCESSES, batch=100)


def _start(event: LogEvent) -> dict[str, Any]:
    return {
        "trace_id": event.trace_id,
        "op_name": event.call_type,
        "display_name": str(event.said.get("display_name") or f"{event.custom_llm_provider}/{event.model}"),
        "started_at": moment(event.started),
        "attributes": {name: value for name, value in event.metadata.items() if value is not None},
        "inputs": {"model": event.model, "messages": event.messages, **event.model_parameters},
    }


def _end(event: LogEvent) -> dict[str, Any]:
    used = {"prompt_tokens": event.prompt_tokens, "completion_tokens": event.completion_tokens, "requests": 1}
    return {
        "ended_at": moment(event.ended),
        "output": event.response,
        "exception": event.error_str if event.failed else None,
        "summary": {"usage": {event.model: {**used, "total_tokens": event.total_tokens}}},
    }
