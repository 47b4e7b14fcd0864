"""Lunary's runs: an event for the beginning of each and one for its end (https://docs.lunary.ai/docs/api)."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from tianji.callbacks.event import LogEvent
from tianji.callbacks.forms import JSON, encode, moment, present, unique
from tianji.callbacks.sink import Delivery, Given, Sink

BASE: Final = "https://api.lunary.ai"


def build(given: Given) -> Sink:
    """Make it of LUNARY_PUBLIC_KEY and LUNARY_API_URL."""
    url = given.address("lunary_api_url", "LUNARY_API_URL", default=BASE) + "/v1/runs/ingest"
    headers = JSON | {"authorization": f"Bearer {given.text('lunary_public_key', 'LUNARY_PUBLIC_KEY')}"}

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        yield Delivery(url, encode({"events": [told for event in events for told in _told(event)]}), headers)

    return Sink(given.name, write, batch=100)


def _told(event: LogEvent) -> Iterable[dict[str, Any]]:
    own = event.said
    run = {
        "type": "embed" if event.call_type == "aembedding" else "llm",
        "runId": unique(event),
        "parentRunId": own.get("parent_run_id"),
        "name": event.model,
        "runtime": "litellm",
    }
    yield present({
        **run,
        "event": "start",
        "timestamp": moment(event.started),
        "userId": own.get("user_id") or event.end_user,
        "userProps": own.get("user_props"),
        "input": event.messages,
        "tags": list(event.tags),
        "params": event.model_parameters,
        "metadata": own,
        "templateId": own.get("template_id"),
    })  # fmt: skip
    yield present({
        **run,
        "event": "error" if event.failed else "end",
        "timestamp": moment(event.ended),
        "output": None if event.failed else event.response,
        "error": {"message": event.error_str} if event.failed else None,
        "tokensUsage": {"prompt": event.prompt_tokens, "completion": event.completion_tokens},
    })  # fmt: skip
