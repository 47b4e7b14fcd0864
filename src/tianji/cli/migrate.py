"""`tianji migrate`, and the same before a gateway starts."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from tianji.cli.apart import apart
from tianji.cli.configuration import leave
from tianji.errors import ConfigurationError, StoreUnavailable
from tianji.lazy import load

PAUSE: Final = 0.5  # seconds between two attempts


class Outcome(msgspec.Struct, frozen=True):
    """How a migration went: nothing to say when it went well. `conversations`: see tianji.realtime.expected."""

    unavailable: str | None = None
    impossible: str | None = None
    conversations: str = ""


@click.command("migrate")
@click.option("--config", "-c", "file", type=click.Path(path_type=Path), help="Configuration that names the database.")
@click.option("--wait", is_flag=True, help="Wait until the database answers.")
@click.option("--timeout", type=float, default=300.0, show_default=True, help="Seconds to wait at most.")
def command(file: Path | None, *, wait: bool, timeout: float) -> None:
    """Bring the database to the form that this version knows.

    It is the one that the configuration names, else DATABASE_URL, else the file in the data folder, which is made.
    Exit codes: 1 the database does not answer, 2 it or the configuration cannot be used.
    """
    deadline = time.monotonic() + (timeout if wait else 0)
    while (outcome := migrate(file, os.environ)).unavailable is not None:
        if time.monotonic() >= deadline:
            raise click.ClickException(outcome.unavailable)
        time.sleep(PAUSE)
    if outcome.impossible is not None:
        leave(ConfigurationError(outcome.impossible))
    click.echo("the database is up to date")


def at_start(file: Path, environ: Mapping[str, str], *, asks: bool) -> str:
    """Migrate before serving, in a process that ends. A database that is away does not keep a gateway from starting.

    asks: return what the database adds that says that conversations will be held, "" for nothing
    """

    def work() -> Outcome:
        outcome = migrate(file, environ)
        if not asks or outcome != Outcome():
            return outcome
        return Outcome(conversations=load("tianji.cli.judging").of_database(file, environ))

    outcome = apart(work, Outcome)
    if outcome.impossible is not None:
        leave(ConfigurationError(outcome.impossible))
    if outcome.unavailable is not None:
        click.echo(f"the database was not migrated: {outcome.unavailable}; it will be when it answers", err=True)
    return outcome.conversations


def migrate(file: Path | None, environ: Mapping[str, str]) -> Outcome:
    """Migrate the database that the configuration at `file` and the environment name."""
    url: str | None = None
    locate: Any = load("tianji.storage.location").locate
    try:
        if file is not None:
            loaded = load("tianji.app").read(file, environ)
            url, environ = loaded.config.general_settings.database_url, loaded.environment
        load("tianji.storage.migration").migrate(locate(url, environ, file))
    except StoreUnavailable as error:
        return Outcome(unavailable=error.message)
    except ConfigurationError as error:
        return Outcome(impossible="\n".join([*map(str, error.problems), error.message]))
    return Outcome()
