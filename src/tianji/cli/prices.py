"""`tianji prices`."""

import os
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Final

import click

from tianji.accounting.prices import installing
from tianji.accounting.prices.catalogue import Catalogue
from tianji.accounting.prices.fields import is_price
from tianji.accounting.prices.names import candidates
from tianji.alike import alike
from tianji.cli.configuration import leave
from tianji.errors import ConfigurationError
from tianji.folders import data_folder
from tianji.providers.names import parse

FOUND: Final = 1  # exit code of `diff` where there is something, and of `show` where there is nothing
_FOLDER = click.option(
    "--data-dir", type=click.Path(path_type=Path), help="The data folder; otherwise TIANJI_DATA_DIR, or the user's."
)


@click.group("prices")
def command() -> None:
    """Look at the catalogue of prices, compare it and install a newer one."""


@command.command("show")
@click.argument("model")
@_FOLDER
def show(model: str, data_dir: Path | None) -> None:
    """Print what the catalogue says of MODEL, written as in litellm_params.

    Exit code 1 when it is not in it.
    """
    try:
        catalogue = Catalogue.current(_environ(data_dir))
        found = catalogue.find([model, *_names(model)])
        if found is None:
            near = alike(model, [name for name, _ in catalogue])
            click.echo(f"{model} is not in catalogue {catalogue.version}" + _meant(near), err=True)
            raise SystemExit(FOUND)
        click.echo(f"{found[0]} (catalogue {catalogue.version}), US dollars:")
    except ConfigurationError as error:
        leave(error)
    for field, value in found[1].items():
        if is_price(field):
            click.echo(f"  {field}: {_plain(value)}")


@command.command("diff")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--limit", default=0, show_default=True, help="Lines to print at most; 0: all.")
@_FOLDER
def diff(file: Path, limit: int, data_dir: Path | None) -> None:
    """Print what the price map in FILE would change: models that come (+) or go (-), prices that differ (~).

    Exit code 1 when there is something, 2 when the file cannot be used.
    """
    try:
        source = installing.read(file)
        catalogue = Catalogue.current(_environ(data_dir))
        lines = list(installing.changes(dict(catalogue), source.entries))
        click.echo(f"catalogue {catalogue.version} -> {source.version}: {len(lines)} changes")
    except ConfigurationError as error:
        leave(error)
    for line in islice(lines, limit or None):
        click.echo(line)
    if lines:
        raise SystemExit(FOUND)


@command.command("update")
@click.argument("file", type=click.Path(path_type=Path))
@_FOLDER
def update(file: Path, data_dir: Path | None) -> None:
    """Install the price map in FILE into the data folder, for gateways that start or reload from now on.

    Exit code 2 when the file cannot be used; then nothing is changed.
    """
    try:
        folder = data_folder(_environ(data_dir))
        if folder is None:
            raise ConfigurationError("there is no home folder: name one for data with --data-dir")
        source = installing.read(file)
        catalogue = installing.install(source, folder)
    except ConfigurationError as error:
        leave(error)
    click.echo(f"{catalogue.file}: catalogue {source.version}, {len(source.entries)} models")


def _environ(data_dir: Path | None) -> Mapping[str, str]:
    return os.environ if data_dir is None else {**os.environ, "TIANJI_DATA_DIR": str(data_dir)}


def _names(model: str) -> list[str]:
    try:
        return list(candidates(*parse(model)))
    except ConfigurationError:
        return []


def _plain(value: object) -> object:
    if isinstance(value, list):
        return [_plain(member) for member in value]
    return {key: str(member) for key, member in value.items()} if isinstance(value, dict) else value


def _meant(near: list[str]) -> str:
    return f"; did you mean {', '.join(near)}?" if near else ""
