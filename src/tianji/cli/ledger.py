"""`tianji ledger`."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import click

from tianji.cli.configuration import leave
from tianji.errors import ConfigurationError, StoreUnavailable
from tianji.lazy import load
from tianji.ledger import books, export, proof
from tianji.money import NANOS
from tianji.storage.engine import Database
from tianji.storage.location import Location, locate

WRONG: Final = 1  # exit code of `verify` when the books are not right
FOREVER: Final = 2**63 - 1

T = TypeVar("T")
_CONFIG = click.option(
    "--config", "-c", "file", type=click.Path(path_type=Path), help="Configuration that names the database."
)
_DAY = click.DateTime(formats=["%Y-%m-%d"])


@click.group("ledger")
def command() -> None:
    """Prove the ledger right, make its sums anew, write it to a file.

    The database is the one that the configuration names, else DATABASE_URL, else the file in the data folder.
    Exit codes: 1 the database does not answer or the books are wrong, 2 it or the configuration cannot be used.
    """


@command.command("verify")
@_CONFIG
def verify(file: Path | None) -> None:
    """Compare each cost with what it comes of, and the sums by day with the rows. Nothing is changed.

    Requests whose rows were dropped for their age, or that have none (disable_spend_logs), are in the sums only and
    are left out, as are those that still wait in the journals. Exit code 1 when something is wrong.
    """

    async def work(database: Database) -> proof.Proof:
        async with database.still() as connection:
            return await proof.verify(connection)

    found = _in_database(file, work)
    click.echo(f"{found.rows} requests, {found.cost // NANOS}.{found.cost % NANOS:09d} US dollars")
    if not found.count:
        click.echo("the books are right")
        return
    for text in found.wrong:
        click.echo(text, err=True)
    click.echo(f"{found.count} things are wrong; where the sums are, `tianji ledger rebuild` makes them anew", err=True)
    raise SystemExit(WRONG)


@command.command("rebuild")
@_CONFIG
def rebuild(file: Path | None) -> None:
    """Make the sums by day anew from the rows.

    A gateway may go on serving: nothing else is written until this is done, and requests wait in the journals.
    """

    async def work(database: Database) -> int:
        async with database.writing() as connection:
            return await proof.rebuild(connection)

    click.echo(f"{_in_database(file, work)} sums were made anew")


@command.command("export")
@_CONFIG
@click.option("--format", "form", type=click.Choice(["csv", "jsonl"]), default="csv", show_default=True)
@click.option("--from", "first", type=_DAY, help="The first day, UTC.")
@click.option("--to", "last", type=_DAY, help="The last day, UTC.")
@click.option("--output", "-o", type=click.File("w", lazy=False), default="-", help="File to write to.")
def export_rows(
    file: Path | None, form: Literal["csv", "jsonl"], first: datetime | None, last: datetime | None, output: Any
) -> None:
    """Write rows of the ledger, the oldest first, with the columns of LiteLLM's SpendLogs."""
    start = books.microseconds(f"{first:%Y-%m-%d}") if first else 0
    end = books.microseconds(f"{last:%Y-%m-%d}") + books.DAY if last else FOREVER

    async def work(database: Database) -> None:
        async with database.still() as connection:
            async for text in export.exported(connection, form, start, end):
                await asyncio.to_thread(output.write, text)

    _in_database(file, work)


def _in_database(file: Path | None, work: Callable[[Database], Awaitable[T]]) -> T:
    try:
        location = _located(file)
        load("tianji.storage.migration").migrate(location)
        return asyncio.run(_opened(location, work))
    except StoreUnavailable as error:
        raise click.ClickException(error.message) from error
    except ConfigurationError as error:
        load("tianji.cli.configuration").say(tuple(map(str, error.problems)))
        leave(error)


def _located(file: Path | None) -> Location:
    if file is None:
        return locate(None, os.environ, None)
    loaded = load("tianji.app").read(file, os.environ)
    return locate(loaded.config.general_settings.database_url, loaded.environment, file)


async def _opened(location: Location, work: Callable[[Database], Awaitable[T]]) -> T:
    database = Database(location, pool=1)
    try:
        return await work(database)
    finally:
        await database.close()
