"""LangSmith's runs (https://api.smith.langchain.com/redoc#tag/run/operation/batch_ingest_runs_runs_batch_post)."""

import random
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from tianji.callbacks.event import LogEvent
from tianji.callbacks.sink import Delivery, Given, Sink
from tianji.errors import ConfigurationError

BASE: Final = "https://api.smith.langchain.com"
_SPACE: Final = uuid.UUID("6f0e5d0c-6c3b-4d8e-8a56-3f2f5b6f7c11")  # of the ids that are made of ours
_encode: Final = msgspec.json.Encoder().encode


def build(given: Given) -> Sink:
    """Make it of LANGSMITH_API_KEY, with LANGSMITH_PROJECT, _BASE_URL, _TENANT_ID and _SAMPLING_RATE."""
    url = given.address("langsmith_base_url", "LANGSMITH_BASE_URL", default=BASE) + "/api/v1/runs/batch"
    headers = {"content-type": "application/json"}
    headers["x-api-key"] = given.text("langsmith_api_key", "LANGSMITH_API_KEY")
    tenant = given.optional("langsmith_tenant_id", "LANGSMITH_TENANT_ID")
    if tenant:
        headers["x-tenant-id"] = tenant
    project = given.text("langsmith_project", "LANGSMITH_PROJECT", default="litellm-completion")
    name = given.text("langsmith_default_run_name", "LANGSMITH_DEFAULT_RUN_NAME", default="LLMRun")
    rate = _rate(given)

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        runs = [_run(event, project, name) for event in events if rate >= 1 or random.random() < rate]  # noqa: S311
        if runs:
            yield Delivery(url, _encode({"post": runs}), headers)

    batch = given.text("langsmith_batch_size", "LANGSMITH_BATCH_SIZE", default="100")
    return Sink(given.name, write, batch=int(batch))


def _rate(given: Given) -> float:
    written = given.text("langsmith_sampling_rate", "LANGSMITH_SAMPLING_RATE", default="1.0")
    try:
        rate = float(written)
    except ValueError:
        rate = -1.0
    if not 0 <= rate <= 1:
        raise ConfigurationError(f"callback {given.name}: the sampling rate {written!r} is no number from 0 to 1")
    return rate


def _run(event: LogEvent, project: str, name: str) -> dict[str, Any]:
    """Return a root run: its trace has its own id, and it is first in the order of its trace."""
    own: dict[str, Any] = event.metadata["requester_metadata"]
    run_id = str(uuid.uuid5(_SPACE, event.id))
    began = datetime.fromtimestamp(event.started, UTC)
    usage = event.metadata["usage_object"]
    return {
        "id": run_id,
        "trace_id": run_id,
        "dotted_order": f"{began:%Y%m%dT%H%M%S%f}Z{run_id}",
        "name": str(own.get("run_name") or name),
        "run_type": "llm",
        "session_name": str(own.get("project_name") or project),
        "inputs": {"messages": event.messages, "model": event.model, **event.model_parameters},
        "outputs": {
            "response": event.response,
            "usage_metadata": {
                "input_tokens": event.prompt_tokens,
                "output_tokens": event.completion_tokens,
                "total_tokens": event.total_tokens,
                "total_cost": event.response_cost,
                "input_token_details": {"cache_read": usage["cache_read_input_tokens"]},
            },
        },
        "start_time": began.isoformat(),
        "end_time": datetime.fromtimestamp(event.ended, UTC).isoformat(),
        "tags": list(event.tags),
        "extra": {
            "metadata": {**event.metadata, "ls_provider": event.custom_llm_provider, "ls_model_name": event.model}
        },
        "error": event.error_str if event.failed else None,
    }
