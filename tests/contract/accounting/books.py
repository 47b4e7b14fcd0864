"""What the ledger of a gateway keeps, read past the gateway."""

import sqlite3
from contextlib import closing
from typing import Any

from tests.contract.harness import PATIENCE, Gateway, eventually


def row_of(gateway: Gateway, column: str, value: str) -> dict[str, Any]:
    """Return the row of the ledger whose column has a value, as soon as it is there."""
    return eventually(lambda: _find(gateway, column, value), f"the row of {value}", PATIENCE)


def _find(gateway: Gateway, column: str, value: str) -> dict[str, Any]:
    return next(iter(_all(gateway, column, value)), {})


def _all(gateway: Gateway, column: str, value: str) -> list[dict[str, Any]]:
    books = gateway.file.parent / "tianji-data" / "tianji.db"
    if not books.exists():
        return []
    with closing(sqlite3.connect(f"file:{books}?mode=ro", uri=True, timeout=20)) as connection:
        connection.row_factory = sqlite3.Row
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'daily_spend'").fetchall():
            return []
        return [
            dict(row) for row in connection.execute(f"SELECT * FROM ledger WHERE {column} = ?", (value,)).fetchall()
        ]


def entries(gateway: Gateway, count: int, **where: str) -> list[dict[str, Any]]:
    """Return the rows of the ledger with these values, as soon as there are so many."""
    ((column, value),) = where.items()
    return eventually(
        lambda: found if len(found := _all(gateway, column, value)) >= count else [],
        f"{count} rows of {value}",
        PATIENCE,
    )
