"""ClickHouse: rows of a table, over its HTTP interface (https://clickhouse.com/docs/interfaces/http)."""

from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import urlencode, urlsplit, urlunsplit

from tianji.callbacks.event import LogEvent
from tianji.callbacks.forms import lines, packed
from tianji.callbacks.sink import Delivery, Given, Sink

_QUERY: Final = "INSERT INTO {} FORMAT JSONEachRow"


def build(given: Given) -> Sink:
    """Make it of CLICKHOUSE_URL, which may hold a name and a password, and CLICKHOUSE_DATABASE."""
    parts = urlsplit(given.address("clickhouse_url", "CLICKHOUSE_URL"))
    database = given.text("clickhouse_database", "CLICKHOUSE_DATABASE", default="litellm")
    query = {
        "database": database,
        "query": _QUERY.format(given.text("clickhouse_table", default="spend_logs")),
        "input_format_skip_unknown_fields": "1",
        "date_time_input_format": "best_effort",
    }
    url = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path or "/", urlencode(query), ""))
    headers = {"content-type": "application/x-ndjson", "content-encoding": "gzip"}
    if parts.username:
        headers |= {"x-clickhouse-user": parts.username, "x-clickhouse-key": parts.password or ""}

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        yield Delivery(url, packed(lines(events)), headers)

    return Sink(given.name, write, batch=10_000, interval=1.0, apart=True)
