"""`tianji import`."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import click

from tianji.cli.configuration import leave
from tianji.config.environment import lookup
from tianji.errors import ConfigurationError, StoreUnavailable
from tianji.lazy import load
from tianji.storage.engine import Database
from tianji.storage.location import Location, locate, parse
from tianji.takeover.litellm import take_over
from tianji.takeover.models import Salts
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
@click.option(
    "--salt",
    envvar=("LITELLM_SALT_KEY", "LITELLM_MASTER_KEY"),
    show_envvar=True,
    help="What LiteLLM encrypts its models with: its salt key, else its master key. Without it, what ours are.",
)
@click.option("--dry-run", "rehearse", is_flag=True, help="Say what would be taken over and keep none of it.")
def litellm_db(source: str, file: Path | None, salt: str | None, *, rehearse: bool) -> None:
    """Take what LiteLLM keeps in its database: keys and whoever is above them, models, credentials, what was spent.

    Keys go on working, and their database is not changed. What is here already stays as it is, so this may be done
    again, to fetch what came since. The report names what has no place here.
    Exit codes: 1 a database does not answer, 2 one of them or the configuration cannot be used.
    """
    try:
        theirs = parse(source)
        if theirs.file is not None:
            raise ConfigurationError("--from names a file; LiteLLM keeps everything in PostgreSQL")
        ours, own_salt = _located(file)
        load("tianji.storage.migration").migrate(ours)
        salts = Salts(salt or own_salt, own_salt) if own_salt else None
        report = asyncio.run(_run(theirs, ours, salts, rehearse=rehearse))
    except StoreUnavailable as error:
        raise click.ClickException(error.message) from error
    except ConfigurationError as error:
        load("tianji.cli.configuration").say(tuple(map(str, error.problems)))
        leave(error)
    for line in report.lines():
        click.echo(line)
    if rehearse:
        click.echo("nothing of it was kept: this was a dry run")


async def _run(theirs: Location, ours: Location, salts: Salts | None, *, rehearse: bool) -> Report:
    source, target = Database(theirs, pool=1), Database(ours, pool=1)
    try:
        return await take_over(source, target, salts, datetime.now(UTC), rehearse=rehearse)
    finally:
        await source.close()
        await target.close()


def _located(file: Path | None) -> tuple[Location, str]:
    """Return where our database is, and what we encrypt with; empty where nobody says that."""
    if file is None:
        salt = lookup(os.environ, "SALT_KEY") or lookup(os.environ, "MASTER_KEY") or ""
        return locate(None, os.environ, None), salt
    loaded = load("tianji.app").read(file, os.environ)
    general = loaded.config.general_settings
    salt = lookup(loaded.environment, "SALT_KEY") or general.master_key or ""
    return locate(general.database_url, loaded.environment, file), salt
