"""Rows of the ledger as files that other programs read: CSV, or JSON with one object a line."""

import csv
import io
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Literal

from sqlalchemy.ext.asyncio import AsyncConnection

from tianji.ledger import books
from tianji.ledger.spendlogs import COLUMNS, wire

Format = Literal["csv", "jsonl"]
_SAID = frozenset({"messages", "response", "proxy_server_request"})
HEADINGS = tuple(column for column in COLUMNS if column not in _SAID)


async def exported(connection: AsyncConnection, form: Format, start: int, end: int) -> AsyncIterator[str]:
    """Yield the text of the requests that began from `start` on and before `end`, microseconds since 1970."""
    if form == "csv":
        yield _lines([HEADINGS])
    async for page in books.pages(connection, start, end):
        rows = [wire(row) for row in page]
        if form == "csv":
            yield _lines(_cells(row) for row in rows)
        else:
            yield "".join(json.dumps({name: row[name] for name in HEADINGS}) + "\n" for row in rows)


def _lines(rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _cells(row: Mapping[str, Any]) -> list[object]:
    return [_cell(row[name]) for name in HEADINGS]


def _cell(value: object) -> object:
    """Return what stands in a cell. A text that a spreadsheet would calculate is told to be text."""
    if isinstance(value, dict | list):
        return json.dumps(value)
    if isinstance(value, float):
        return f"{value:.9f}"
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return value
