"""LangSmith's runs (https://api.smith.langchain.com/redoc#tag/run/operation/batch_ingest_runs_runs_batch_post).

A request may say in its metadata that its run belongs to one of the client's: `parent_run_id` with the `trace_id` and
the `dotted_order` of that one's trace. Where one of them is missing it is a run of its own, since LangSmith refuses the
whole batch for one that contradicts itself.
"""

import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from tianji.callbacks.event import LogEvent
from tianji.callbacks.forms import JSON, encode, present, texts, unique
from tianji.callbacks.sink import Delivery, Given, Sink

BASE: Final = "https://api.smith.langchain.com"
_STAMP: Final = len("20260301T120000000000Z")


def build(given: Given) -> Sink:
    """Make it of LANGSMITH_API_KEY, with LANGSMITH_PROJECT, _BASE_URL, _TENANT_ID and _SAMPLING_RATE."""
    url = given.address("langsmith_base_url", "LANGSMITH_BASE_URL", default=BASE) + "/api/v1/runs/batch"
    headers = JSON | {"x-api-key": given.text("langsmith_api_key", "LANGSMITH_API_KEY")}
    tenant = given.optional("langsmith_tenant_id", "LANGSMITH_TENANT_ID")
    if tenant:
        headers["x-tenant-id"] = tenant
    project = given.text("langsmith_project", "LANGSMITH_PROJECT", default="litellm-completion")
    name = given.text("langsmith_default_run_name", "LANGSMITH_DEFAULT_RUN_NAME", default="LLMRun")

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        yield Delivery(url, encode({"post": [_run(event, project, name) for event in events]}), headers)

    return Sink(
        given.name,
        write,
        share=given.share("langsmith_sampling_rate", "LANGSMITH_SAMPLING_RATE"),
        batch=int(given.number("langsmith_batch_size", "LANGSMITH_BATCH_SIZE", default=100)) or 1,
    )


def _run(event: LogEvent, project: str, name: str) -> dict[str, Any]:
    own, began = event.said, datetime.fromtimestamp(event.started, UTC)
    return {
        **_place(event, began),
        "name": str(own.get("run_name") or name),
        "run_type": "llm",
        "session_name": str(own.get("project_name") or project),
        "inputs": {"messages": event.messages, "model": event.model, **event.model_parameters},
        "outputs": {**_answer(event), "usage_metadata": _usage(event)},
        "start_time": began.isoformat(),
        "end_time": datetime.fromtimestamp(event.ended, UTC).isoformat(),
        "tags": [*event.tags, *texts(own.get("tags"))],
        "extra": {"metadata": _extra(event)},
        "error": event.error_str if event.failed else None,
    }


def _answer(event: LogEvent) -> dict[str, Any]:
    """Return the answer with its members beside the usage: messages are shown where they stand as their API has them.

    https://docs.langchain.com/langsmith/log-llm-trace
    """
    return event.response if isinstance(event.response, dict) else present({"output": event.response})


def _usage(event: LogEvent) -> dict[str, Any]:
    usage = event.usage
    return {
        "input_tokens": event.prompt_tokens,
        "output_tokens": event.completion_tokens,
        "total_tokens": event.total_tokens,
        "total_cost": event.response_cost,
        "input_token_details": {
            "cache_read": usage["cache_read_input_tokens"],
            "cache_creation": usage["cache_creation_input_tokens"],
        },
        "output_token_details": {"reasoning": usage["reasoning_tokens"]},
    }


def _place(event: LogEvent, began: datetime) -> dict[str, Any]:
    """Return what says where a run belongs: below one of the client's, or first in a trace that has its id."""
    own = event.said
    run = _id(own.get("run_id") or own.get("id")) or unique(event)
    order = f"{began:%Y%m%dT%H%M%S%f}Z{run}"
    trace, parent, above = _id(own.get("trace_id")), _id(own.get("parent_run_id")), own.get("dotted_order")
    if trace and parent and isinstance(above, str) and above[_STAMP:].startswith(trace) and above.endswith(parent):
        return {"id": run, "trace_id": trace, "parent_run_id": parent, "dotted_order": f"{above}.{order}"}
    return {"id": run, "trace_id": run, "dotted_order": order}


def _extra(event: LogEvent) -> dict[str, Any]:
    """Return its metadata; what LangSmith takes for the thread of a conversation is `session_id` in there."""
    shown = {"ls_provider": event.custom_llm_provider, "ls_model_name": event.model}
    return {**event.metadata, **shown, **present({"session_id": event.said.get("session_id")})}


def _id(value: Any) -> str | None:
    """Return a UUID as LangSmith writes it; None for anything else."""
    try:
        return str(uuid.UUID(value)) if isinstance(value, str) else None
    except ValueError:
        return None
