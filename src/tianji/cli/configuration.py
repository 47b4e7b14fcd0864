"""Load a configuration for a command, or say everything that is wrong with it and leave."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import click

from tianji.errors import ConfigurationError
from tianji.lazy import load

UNUSABLE = 2  # exit code: the configuration has problems
REFUSED = 3  # exit code: the master key is missing, weak or published


def load_or_leave(path: Path, environ: Mapping[str, str] = os.environ) -> Any:
    """Return the loaded configuration; warnings go to stderr. Problems that are fatal end the process with code 2."""
    try:
        loaded = load("tianji.app").read(path, environ)
    except ConfigurationError as error:
        leave(error)
    for problem in loaded.problems:
        click.echo(str(problem), err=True)
    for row in load("tianji.config.report").rows(loaded):
        if row.guards and row.level == "unsupported":
            click.echo(f"{row.file}:{row.line}: warning: {row.key}: {row.note}", err=True)
    return loaded


def leave(error: ConfigurationError) -> NoReturn:
    """Print every problem, one a line, and end the process."""
    for problem in error.problems or (error.message,):
        click.echo(problem, err=True)
    if error.problems:
        click.echo(error.message, err=True)
    raise SystemExit(UNUSABLE)


def require_master_key(loaded: Any, *, loopback: bool) -> None:
    """Refuse to go on, with code 3, without a master key that protects anything. See tianji.config.master_key."""
    general = loaded.config.general_settings
    environment = load("tianji.config.environment")
    key = general.master_key or environment.lookup(loaded.environment, "MASTER_KEY")
    problem = load("tianji.config.master_key").check(
        key,
        loaded.environment,
        loopback=loopback,
        permitted=general.dangerously_permit_weak_or_unset_master_key,
    )
    if problem is None:
        return
    click.echo(str(problem), err=True)
    if problem.fatal:
        raise SystemExit(REFUSED)
