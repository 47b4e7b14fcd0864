"""Bills as CSV (RFC 4180): their columns stand in the first line, and amounts never have an exponent."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any


def csv_of(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Return rows as one file."""
    return b"".join(parts(rows, most=max(1, len(rows)), size=2**63)) if rows else b""


def parts(rows: Sequence[Mapping[str, Any]], *, most: int, size: int) -> Iterator[bytes]:
    """Yield files with so many rows, and bytes, at most. A row that is larger than a file has one of its own.

    Rows have the columns of the first one.
    """
    names = list(rows[0]) if rows else []
    head = _line(names)
    part, count = bytearray(head), 0
    for row in rows:
        line = _line(_written(row[name]) for name in names)
        if count and (count == most or len(part) + len(line) > size):
            yield bytes(part)
            part, count = bytearray(head), 0
        part += line
        count += 1
    if count:
        yield bytes(part)


def _line(cells: Iterable[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue().encode()


def _written(value: Any) -> Any:
    return f"{value:.9f}" if isinstance(value, float) else value
