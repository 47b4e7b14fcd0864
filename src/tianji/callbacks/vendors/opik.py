"""Opik's traces, with a span each (https://www.comet.com/docs/opik/reference/rest-api).

`opik` in a request's metadata may name the project, a thread, tags, and the span of the client's that it belongs to.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from tianji.callbacks.event import LogEvent
from tianji.callbacks.forms import JSON, encode, moment, ordered, present, texts
from tianji.callbacks.sink import SUCCESSES, Delivery, Given, Sink

BASE: Final = "https://www.comet.com/opik/api"


def build(given: Given) -> Sink:
    """Make it of OPIK_API_KEY, OPIK_WORKSPACE, OPIK_PROJECT_NAME and OPIK_URL_OVERRIDE."""
    base = given.address("opik_url_override", "OPIK_URL_OVERRIDE", default=BASE) + "/v1/private"
    key, workspace = given.optional("opik_api_key", "OPIK_API_KEY"), given.optional("opik_workspace", "OPIK_WORKSPACE")
    named = {"authorization": key, "comet-workspace": workspace}
    headers = JSON | {name: value for name, value in named.items() if value}
    project = given.text("opik_project_name", "OPIK_PROJECT_NAME", default="Default Project")

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        traces = [trace for event in events if (trace := _trace(event, project)) is not None]
        if traces:
            yield Delivery(f"{base}/traces/batch", encode({"traces": traces}), headers)
        yield Delivery(f"{base}/spans/batch", encode({"spans": [_span(event, project) for event in events]}), headers)

    return Sink(given.name, write, hears=SUCCESSES, batch=100)


def _trace(event: LogEvent, project: str) -> dict[str, Any] | None:
    """Return the trace; None for one that the client keeps itself."""
    if _current(event):
        return None
    return {**_shared(event, project), "id": ordered(event, "trace"), "thread_id": _own(event).get("thread_id")}


def _span(event: LogEvent, project: str) -> dict[str, Any]:
    current = _current(event)
    return {
        **_shared(event, project),
        "id": ordered(event),
        "trace_id": str(current.get("trace_id") or ordered(event, "trace")),
        "parent_span_id": current.get("id"),
        "type": "llm",
        "model": event.model,
        "provider": event.custom_llm_provider,
        "total_estimated_cost": event.response_cost,
        "usage": {
            "prompt_tokens": event.prompt_tokens,
            "completion_tokens": event.completion_tokens,
            "total_tokens": event.total_tokens,
        },
    }


def _shared(event: LogEvent, project: str) -> dict[str, Any]:
    own = _own(event)
    return present({
        "project_name": str(own.get("project_name") or project),
        "name": f"litellm-{event.call_type}",
        "start_time": moment(event.started),
        "end_time": moment(event.ended),
        "input": event.messages if isinstance(event.messages, dict) else {"messages": event.messages},
        "output": event.response if isinstance(event.response, dict) else None,
        "metadata": {name: value for name, value in event.metadata.items() if name != "requester_metadata"},
        "tags": [*event.tags, *texts(own.get("tags"))],
    })  # fmt: skip


def _own(event: LogEvent) -> dict[str, Any]:
    found = event.said.get("opik")
    return found if isinstance(found, dict) else {}


def _current(event: LogEvent) -> dict[str, Any]:
    found = _own(event).get("current_span_data")
    return found if isinstance(found, dict) else {}
