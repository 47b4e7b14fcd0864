"""`tianji import`."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import click

from tianji.cli.configuration import leave
from tianji.errors import ConfigurationError, StoreUnavailable
from tianji.lazy import load
from tianji.storage.engine import Database
from tianji.storage.location import Location, locate, parse
from tianji.takeover.litellm import take_over
from tianji.takeover.report import Report


@click.group("import")
def command() -> None:
    """Take over what another gateway keeps."""


@command.command("litellm-db")
@click.option(
    "--from",
    "source",
    required=True,
    envvar="LITELLM_DATABASE_URL",
    show_envvar=True,
    help="Address of LiteLLM's database, postgresql://user:password@host/name.",
)
@click.option("--config", "-c", "file", type=click.Path(path_type=Path), help="Configuration that names our database.")
@click.option("--dry-run", "rehearse", is_flag=True, help="Say what would be taken over and keep none of it.")
def litellm_db(source: str, file: Path | None, *, rehearse: bool) -> None:
    """Take keys, users, teams, organizations, customers, budgets, tags and what was spent out of LiteLLM's database.

    Keys go on working, and their database is not changed. What is here already stays as it is, so this may be done
    again, to fetch what came since. The report names what has no place here.
    Exit codes: 1 a database does not answer, 2 one of them or the configuration cannot be used.
    """
    try:
        theirs = parse(source)
        if theirs.file is not None:
            raise ConfigurationError("--from names a file; LiteLLM keeps everything in PostgreSQL")
        ours = _located(file)
        load("tianji.storage.migration").migrate(ours)
        report = asyncio.run(_run(theirs, ours, rehearse=rehearse))
    except StoreUnavailable as error:
        raise click.ClickException(error.message) from error
    except ConfigurationError as error:
        load("tianji.cli.configuration").say(tuple(map(str, error.problems)))
        leave(error)
    for line in report.lines():
        click.echo(line)
    if rehearse:
        click.echo("nothing of it was kept: this was a dry run")


async def _run(theirs: Location, ours: Location, *, rehearse: bool) -> Report:
    source, target = Database(theirs, pool=1), Database(ours, pool=1)
    try:
        return await take_over(source, target, datetime.now(UTC), rehearse=rehearse)
    finally:
        await source.close()
        await target.close()


def _located(file: Path | None) -> Location:
    if file is None:
        return locate(None, os.environ, None)
    loaded = load("tianji.app").read(file, os.environ)
    return locate(loaded.config.general_settings.database_url, loaded.environment, file)
