"""What one transaction changes: rows as they were before and as they are at its end.

It listens to the connection, so whatever is written there is seen, by whichever function: a route that writes leaves an
entry without doing anything for it. Rows are read before a statement changes them, and once more at the end.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from tianji.management.audit.subjects import UNTOLD

AT_ONCE: Final = 500  # rows of one query
Row = dict[str, Any]
Name = tuple[Any, ...]


class Change(Struct):
    """One row that was touched. before: as it was; None for one that is new. after: None for one that is gone.

    renamed: its primary key is another one
    """

    table: sa.Table
    before: Row | None
    after: Row | None = None
    renamed: bool = False

    @property
    def name(self) -> str:
        """Whose row it is: the first column of its primary key, as it was if it was there before."""
        return str(_name(self.table, self.before or self.after or {})[0])


class Trail:
    """Follows the statements of one connection, from now on."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._touched: dict[sa.Table, dict[Name, Change]] = {}
        self._aimed: list[Name] = []  # the rows that the statement under way is about
        sync = connection.sync_connection
        sa.event.listen(sync, "before_execute", self._before)
        sa.event.listen(sync, "after_execute", self._after)

    async def changes(self) -> list[Change]:
        """Return what is not as it was, table by table, in the order in which rows were touched."""
        found: list[Change] = []
        for table, touched in self._touched.items():
            for names in _parts(touched):
                for row in (await self._connection.execute(_of(table, names))).mappings():
                    touched[_name(table, row)].after = dict(row)
            found += touched.values()
        return [change for change in found if change.before != change.after]

    def _before(self, connection: sa.Connection, statement: Any, *_: object) -> None:
        """Keep the rows that a statement is about to change or to delete."""
        if not isinstance(statement, sa.Update | sa.Delete) or statement.table in UNTOLD:
            return
        table: Any = statement.table
        wanted = sa.select(table)
        if statement.whereclause is not None:
            wanted = wanted.where(statement.whereclause)
        rows = {_name(table, row): dict(row) for row in connection.execute(wanted).mappings()}
        touched = self._touched.setdefault(table, {})
        for name, row in rows.items():
            touched.setdefault(name, Change(table, row))
        self._aimed = list(rows)

    def _after(self, _on: sa.Connection, statement: Any, _many: object, _one: object, _with: object, got: Any) -> None:
        """Keep the names of rows that are new, or that have another one from now on."""
        if not isinstance(statement, sa.Insert | sa.Update) or statement.table in UNTOLD:
            return
        table: Any = statement.table
        touched = self._touched.setdefault(table, {})
        for given in got.context.compiled_parameters:
            if isinstance(statement, sa.Insert):
                name = _name(table, given)
                touched.setdefault(name, Change(table, None))
            elif self._aimed and not given.keys().isdisjoint(table.primary_key.columns.keys()):
                change = touched.pop(self._aimed[0])
                change.renamed = True
                touched[_name(table, {**(change.before or {}), **given})] = change


def _name(table: sa.Table, row: Mapping[Any, Any]) -> Name:
    return tuple(row[column.name] for column in table.primary_key)


def _of(table: sa.Table, names: list[Name]) -> "sa.Select[Any]":
    columns = list(table.primary_key)
    if len(columns) == 1:
        return sa.select(table).where(columns[0].in_([name for (name,) in names]))
    return sa.select(table).where(sa.tuple_(*columns).in_(names))


def _parts(names: Iterable[Name]) -> Iterator[list[Name]]:
    whole = list(names)
    return (whole[at : at + AT_ONCE] for at in range(0, len(whole), AT_ONCE))
