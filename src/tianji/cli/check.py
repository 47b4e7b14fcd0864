"""`tianji check`."""

import os
from pathlib import Path
from typing import Any

import click

from tianji.cli.configuration import UNUSABLE
from tianji.cli.edges import AUTO, VARIABLE, choose
from tianji.cli.flags import CONFIG
from tianji.errors import ConfigurationError
from tianji.lazy import load


@click.command("check")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@CONFIG
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def command(file: Path | None, config: Path | None, *, as_json: bool) -> None:
    """Judge the configuration FILE: every problem with its line, and how far each of its keys is supported.

    Exit code 2 when it could not be served, or leads a path of the gateway's own elsewhere.
    """
    file = file or config  # the variable of --config does not contradict a file that is named
    if file is None:
        raise click.UsageError("nothing to judge: give FILE or --config FILE")
    report = load("tianji.config.report")
    render = report.as_json if as_json else report.as_text
    try:
        app = load("tianji.app")
        loaded = app.read(file, os.environ)
    except ConfigurationError as error:
        findings: Any = getattr(error, "findings", ())
        click.echo(render((), findings))
        raise SystemExit(UNUSABLE) from error
    collisions = app.collisions(file, os.environ, loaded)
    click.echo(render(report.rows(loaded), (*collisions, *loaded.problems)))
    conversations = load("tianji.realtime.expected").expected(loaded.config, loaded.environment)
    edge = choose(os.environ.get(VARIABLE, AUTO), conversations).said
    for line in filter(None, [*app.rehearse(loaded), *load("tianji.cli.judging").untold(loaded), edge]):
        click.echo(line, err=True)
    if collisions:
        raise SystemExit(UNUSABLE)
