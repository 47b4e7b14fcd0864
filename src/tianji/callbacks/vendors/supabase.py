"""Supabase: a row a request, over its REST interface (https://supabase.com/docs/guides/api).

The table has a unique `litellm_call_id`; of a request that was tried again the last attempt stands there.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from tianji.callbacks.event import LogEvent
from tianji.callbacks.forms import JSON, encode
from tianji.callbacks.sink import Delivery, Given, Sink


def build(given: Given) -> Sink:
    """Make it of SUPABASE_URL and SUPABASE_KEY; `supabase_table_name` is request_logs where it is not said."""
    table = quote(given.text("supabase_table_name", default="request_logs"), safe="")
    base, key = given.address("supabase_url", "SUPABASE_URL"), given.text("supabase_key", "SUPABASE_KEY")
    url = f"{base}/rest/v1/{table}?on_conflict=litellm_call_id"
    headers = JSON | {
        "apikey": key,
        "authorization": f"Bearer {key}",
        "prefer": "resolution=merge-duplicates,return=minimal",
    }

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        rows = {event.call_id: _row(event) for event in events}  # no row may come twice in one statement
        yield Delivery(url, encode(list(rows.values())), headers)

    return Sink(given.name, write, batch=100)


def _row(event: LogEvent) -> dict[str, Any]:
    return {
        "litellm_call_id": event.call_id,
        "model": event.model,
        "messages": event.messages,
        "response": None if event.failed else event.response,
        "end_user": event.end_user or "",
        "error": event.error_str if event.failed else None,
        "response_time": event.ended - event.started,
        "total_cost": event.response_cost,
        "status": event.status,
    }
