"""Galileo's traces (https://v2docs.galileo.ai/api-reference).

With a key they are ingested; with a name and a password, which are exchanged for a token, they are added to a project.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec

from tianji.callbacks.event import LogEvent
from tianji.callbacks.forms import JSON, encode, moment, present, unique
from tianji.callbacks.sink import SUCCESSES, Delivery, Given, Sink
from tianji.providers.logins.fetching import Fetch
from tianji.providers.logins.oauth import FORM, read_token
from tianji.providers.logins.tokens import Token, TokenSource

BASE: Final = "https://api.galileo.ai"


def build(given: Given) -> Sink:
    """Make it of GALILEO_API_KEY or GALILEO_USERNAME and _PASSWORD, with GALILEO_PROJECT_ID and _LOG_STREAM_ID."""
    base = given.address("galileo_base_url", "GALILEO_BASE_URL", default=BASE)
    project = quote(given.text("galileo_project_id", "GALILEO_PROJECT_ID"), safe="")
    stream = given.optional("galileo_log_stream_id", "GALILEO_LOG_STREAM_ID") or None
    key = given.optional("galileo_api_key", "GALILEO_API_KEY")
    url = f"{base}/ingest/traces/{project}" if key else f"{base}/v2/projects/{project}/traces"
    headers = JSON | ({"galileo-api-key": key} if key else {})

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        body = {
            "log_stream_id": stream,
            "logging_method": "api_direct",
            "reliable": False,
            "is_complete": True,
            "traces": [_trace(event) for event in events],
        }
        yield Delivery(url, encode(present(body)), headers)

    return Sink(given.name, write, hears=SUCCESSES, batch=50, complete=None if key else _entrance(given, base))


def _entrance(given: Given, base: str) -> Any:
    form = {
        "username": given.text("galileo_username", "GALILEO_USERNAME"),
        "password": given.text("galileo_password", "GALILEO_PASSWORD"),
    }
    tokens = TokenSource(partial(_log_in, given.fetch, base, urlencode(form).encode()))

    async def complete(request: Delivery) -> Delivery:
        headers = {**request.headers, "authorization": f"Bearer {await tokens.wait()}"}
        return msgspec.structs.replace(request, headers=headers)

    return complete


async def _log_in(fetch: Fetch, base: str, form: bytes) -> Token[str]:
    return read_token("Galileo", await fetch("POST", f"{base}/login", FORM, form))


def _trace(event: LogEvent) -> dict[str, Any]:
    shared = {
        "name": str(event.said.get("trace_name") or f"litellm-{event.call_type}"),
        "created_at": moment(event.started),
        "input": event.messages,
        "output": event.text or event.response,
        "status_code": 200,
        "user_metadata": {name: value for name, value in event.said.items() if isinstance(value, str)},
        "tags": list(event.tags),
        "metrics": {
            "duration_ns": round((event.ended - event.started) * 1e9),
            "num_input_tokens": event.prompt_tokens,
            "num_output_tokens": event.completion_tokens,
            "num_total_tokens": event.total_tokens,
            "cost": event.response_cost,
        },
    }
    span = {"type": "llm", "id": unique(event), "model": event.model, **shared}
    return {"type": "trace", "id": unique(event, "trace"), **shared, "spans": [span]}
