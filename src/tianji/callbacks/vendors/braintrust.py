"""Braintrust's logs of projects (https://www.braintrust.dev/docs/reference/api/Logs).

`project_id` or `project_name` in a request's metadata say which project it belongs to; else it is `litellm`. The id of
a name is asked for once: to create a project that is there already returns it.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final
from urllib.parse import quote, unquote

import msgspec

from tianji.callbacks.event import LogEvent
from tianji.callbacks.forms import JSON, encode, present, texts, unique
from tianji.callbacks.sink import SUCCESSES, Delivery, Given, Sink
from tianji.providers.logins.oauth import read_object

BASE: Final = "https://api.braintrustdata.com/v1"
PROJECT: Final = "litellm"
_NAMED: Final = "/project_logs/name:"


def build(given: Given) -> Sink:
    """Make it of BRAINTRUST_API_KEY and BRAINTRUST_API_BASE."""
    base = given.address("braintrust_api_base", "BRAINTRUST_API_BASE", default=BASE)
    headers = JSON | {"authorization": f"Bearer {given.text('braintrust_api_key', 'BRAINTRUST_API_KEY')}"}
    ids: dict[str, str] = {}

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        projects: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for event in events:
            projects[_place(event)].append(_logged(event))
        for place, logged in projects.items():
            yield Delivery(f"{base}{place}/insert", encode({"events": logged}), headers)

    async def complete(request: Delivery) -> Delivery:
        head, mark, tail = request.url.partition(_NAMED)
        if not mark:
            return request
        name = unquote(tail.removesuffix("/insert"))
        if name not in ids:
            answer = await given.fetch("POST", f"{head}/project", headers, encode({"name": name}))
            ids[name] = str(read_object("Braintrust", answer)["id"])
        return msgspec.structs.replace(request, url=f"{head}/project_logs/{quote(ids[name], safe='')}/insert")

    return Sink(given.name, write, hears=SUCCESSES, batch=100, complete=complete)


def _place(event: LogEvent) -> str:
    known = event.said.get("project_id")
    if isinstance(known, str):
        return f"/project_logs/{quote(known, safe='')}"
    return _NAMED + quote(str(event.said.get("project_name") or PROJECT), safe="")


def _logged(event: LogEvent) -> dict[str, Any]:
    own = event.said
    return present({
        "id": unique(event),
        "input": event.messages,
        "output": event.response,
        "metadata": {**event.metadata, "model": event.model, "provider": event.custom_llm_provider},
        "tags": [*event.tags, *texts(own.get("tags"))],
        "metrics": {
            "prompt_tokens": event.prompt_tokens,
            "completion_tokens": event.completion_tokens,
            "tokens": event.total_tokens,
            "total_tokens": event.total_tokens,  # as LiteLLM has it; Braintrust reads the other
            "total_cost": event.response_cost,
            "start": event.started,
            "end": event.ended,
            "time_to_first_token": event.response_time,
        },
        "span_attributes": {"name": str(own.get("span_name") or "Chat Completion"), "type": "llm"},
        "span_id": own.get("span_id") or unique(event),
        "root_span_id": own.get("root_span_id") or unique(event),
        "span_parents": texts(own.get("span_parents")) or None,
    })  # fmt: skip
