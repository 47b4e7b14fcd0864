"""Literal AI's steps, by its GraphQL (https://docs.literalai.com): one mutation a batch, with a field for each step."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from tianji.callbacks.event import LogEvent
from tianji.callbacks.forms import JSON, encode, moment, texts, unique
from tianji.callbacks.sink import Delivery, Given, Sink

BASE: Final = "https://cloud.getliteral.ai"
_TYPES: Final = {
    "id": "String!", "threadId": "String", "parentId": "String", "rootRunId": "String", "type": "StepType",
    "name": "String", "tags": "[String!]", "startTime": "DateTime", "endTime": "DateTime", "error": "String",
    "input": "Json", "output": "Json", "metadata": "Json", "generation": "GenerationPayloadInput",
}  # fmt: skip


def build(given: Given) -> Sink:
    """Make it of LITERAL_API_KEY, LITERAL_API_URL and LITERAL_BATCH_SIZE."""
    url = given.address("literal_api_url", "LITERAL_API_URL", default=BASE) + "/api/graphql"
    key = given.text("literal_api_key", "LITERAL_API_KEY")
    headers = JSON | {"x-api-key": key, "x-client-name": "litellm"}

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        steps = [_step(event) for event in events]
        variables = {f"{name}_{at}": value for at, step in enumerate(steps) for name, value in step.items()}
        yield Delivery(url, encode({"query": _mutation(len(steps)), "variables": variables}), headers)

    return Sink(given.name, write, batch=int(given.number("batch_size", "LITERAL_BATCH_SIZE", default=100)) or 1)


def _mutation(steps: int) -> str:
    declared = ", ".join(f"${name}_{at}: {kind}" for at in range(steps) for name, kind in _TYPES.items())
    fields = " ".join(
        f"step_{at}: ingestStep({', '.join(f'{name}: ${name}_{at}' for name in _TYPES)}) {{ ok message }}"
        for at in range(steps)
    )
    return f"mutation AddSteps({declared}) {{ {fields} }}"


def _step(event: LogEvent) -> dict[str, Any]:
    own = event.said
    settings = {name: value for name, value in event.model_parameters.items() if name not in ("tools", "stream")}
    return {
        "id": str(own.get("step_id") or unique(event)),
        "threadId": own.get("literalai_thread_id"),
        "parentId": own.get("literalai_parent_id"),
        "rootRunId": own.get("literalai_root_run_id"),
        "type": "llm",
        "name": event.model,
        "tags": [*event.tags, *texts(own.get("literalai_tags"))],
        "startTime": moment(event.started),
        "endTime": moment(event.ended),
        "error": event.error_str if event.failed else None,
        "input": {"messages": event.messages},
        "output": event.response if isinstance(event.response, dict) else None,
        "metadata": event.metadata,
        "generation": {
            "provider": event.custom_llm_provider,
            "model": event.model,
            "settings": settings,
            "tools": event.model_parameters.get("tools"),
            "messages": event.messages if isinstance(event.messages, list) else None,
            "messageCompletion": {"role": "assistant", "content": event.text} if event.text else None,
            "inputTokenCount": event.prompt_tokens,
            "outputTokenCount": event.completion_tokens,
            "tokenCount": event.total_tokens,
            "duration": event.ended - event.started,
        },
    }
