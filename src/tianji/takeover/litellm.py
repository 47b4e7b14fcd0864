"""The whole of it: from a database of LiteLLM's into one of ours, as often as one likes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from tianji._core.sharing.revision import EVERYTHING
from tianji.storage import changes
from tianji.storage.engine import Database
from tianji.takeover import models, spend
from tianji.takeover.people import TABLES, Takeover
from tianji.takeover.report import Report
from tianji.takeover.source import Source

# read, beside those that are taken row by row
_READ: Final = frozenset(
    {"TeamMembership", "ObjectPermissionTable", "ModelTable", models.DEPLOYMENTS, models.SECRETS}
    | {spend.LOGS, *spend.KINDS}
)


class _Rehearsal(Exception):  # noqa: N818 - it never leaves this module
    """Undoes a transaction."""


async def take_over(
    theirs: Database, ours: Database, salts: models.Salts | None, now: datetime, *, rehearse: bool
) -> Report:
    """Take everything over that has a place here, and say what has none.

    salts: for what is encrypted; rehearse: change nothing

    Raises StoreUnavailable when a database does not answer, ConfigurationError when theirs is not LiteLLM's.
    """
    report = Report()
    async with theirs.still() as reading:
        source = await Source.of(reading)
        async with _writing(ours, rehearse=rehearse) as connection:
            await Takeover(source, connection, report, now).run()
            await models.take_models(source, connection, report, salts, now)
            await changes.record(connection, [EVERYTHING], now)  # whoever serves asks again for everybody
        async with _writing(ours, rehearse=rehearse) as connection:
            before = await spend.first_day(source, connection)
            await spend.take_sums(source, connection, report, before)
        if spend.LOGS in source.tables:
            async for rows in source.pages(spend.LOGS, ("startTime", "request_id")):
                async with _writing(ours, rehearse=rehearse) as connection:
                    await spend.take_rows(connection, rows, report)
        else:
            report.absent.append(spend.LOGS)
        spend.compare(report)
        for table in sorted(source.tables.keys() - {taken.table for taken in TABLES} - _READ):
            count = await source.count(table)
            if count:
                report.others[table] = count
    return report


@asynccontextmanager
async def _writing(database: Database, *, rehearse: bool) -> AsyncIterator[AsyncConnection]:
    try:
        async with database.writing() as connection:
            yield connection
            if rehearse:
                raise _Rehearsal
    except _Rehearsal:
        pass
