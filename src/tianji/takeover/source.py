"""Their database, read: tables by name, whatever columns the version has that made them."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tianji.errors import ConfigurationError

PREFIX: Final = "LiteLLM_"
AT_ONCE: Final = 1000  # rows of one reading

Row = dict[str, Any]


class Source:
    """One state of their database. `connection` shows it throughout (`Database.still`)."""

    def __init__(self, connection: AsyncConnection, tables: Mapping[str, frozenset[str]]) -> None:
        self._connection = connection
        self.tables = tables  # name without the prefix: its columns

    @staticmethod
    async def of(connection: AsyncConnection) -> "Source":
        """Look what is there. Raises ConfigurationError for a database that is not LiteLLM's."""
        columns = sa.text(
            "SELECT table_name, column_name FROM information_schema.columns "
            "WHERE table_schema = current_schema() AND starts_with(table_name, :prefix)"
        )
        tables: dict[str, set[str]] = {}
        for table, column in await connection.execute(columns, {"prefix": PREFIX}):
            tables.setdefault(table.removeprefix(PREFIX), set()).add(column)
        if "VerificationToken" not in tables:
            raise ConfigurationError(
                f"the database of --from has no table {PREFIX}VerificationToken: name the one that LiteLLM uses"
            )
        return Source(connection, {name: frozenset(found) for name, found in tables.items()})

    async def count(self, table: str) -> int:
        """Count the rows of a table."""
        counted = sa.select(sa.func.count()).select_from(_table(table))
        return int((await self._connection.execute(counted)).scalar_one())

    async def least(self, table: str, column: str) -> Any:
        """Return the least value of a column; None of a table without rows."""
        wanted: sa.Select[Any] = sa.select(sa.func.min(sa.column(column))).select_from(_table(table))
        return (await self._connection.execute(wanted)).scalar()

    async def all(self, table: str) -> list[Row]:
        """Return all rows of a table; none of one that is not there."""
        if table not in self.tables:
            return []
        return await self._rows(_select(table))

    async def pages(self, table: str, order: tuple[str, ...]) -> AsyncIterator[list[Row]]:
        """Yield the rows of a table in the order of columns that tell all rows apart."""
        columns: list[sa.ColumnClause[Any]] = [sa.column(name) for name in order]
        page = _select(table).order_by(*columns).limit(AT_ONCE)
        rows = await self._rows(page)
        while rows:
            yield rows
            last = [sa.literal(rows[-1][name]) for name in order]
            rows = await self._rows(page.where(sa.tuple_(*columns) > sa.tuple_(*last)))

    async def _rows(self, statement: "sa.Select[Any]") -> list[Row]:
        return [dict(row) for row in (await self._connection.execute(statement)).mappings()]


def moment(value: datetime | None) -> datetime | None:
    """Return a time with its zone: theirs are UTC and do not say so."""
    return value if value is None or value.tzinfo is not None else value.replace(tzinfo=UTC)


def document(value: object) -> Any:
    """Return what a column of JSON holds."""
    return msgspec.json.decode(value) if isinstance(value, str | bytes) else value


def _table(table: str) -> "sa.TableClause":
    return sa.table(f"{PREFIX}{table}")


def _select(table: str) -> "sa.Select[Any]":
    return sa.select(sa.text("*")).select_from(_table(table))
