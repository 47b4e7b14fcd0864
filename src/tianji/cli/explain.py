"""`tianji explain`."""

import os
from pathlib import Path
from typing import Any, BinaryIO

import click

from tianji.cli.configuration import UNUSABLE
from tianji.errors import ConfigurationError, TianjiError
from tianji.lazy import load

KEY = "TIANJI_MASTER_KEY"


@click.command("explain")
@click.argument("request_file", type=click.File("rb"), metavar="REQUEST")
@click.option("--config", type=click.Path(path_type=Path), help="Decide by this configuration, with nothing under way.")
@click.option("--url", help=f"Ask the gateway at this address, with the key in {KEY}.")
@click.option("--operation", default="chat", show_default=True, help="What the request asks for.")
@click.option("--json", "as_json", is_flag=True, help="Print the explanation as JSON.")
def command(request_file: BinaryIO, config: Path | None, url: str | None, operation: str, *, as_json: bool) -> None:
    """Say who would serve the request in the file REQUEST, a JSON body or - for stdin, and why nobody else would.

    Nothing is sent to a model. Exit code 2 when the configuration cannot be used, 1 when the request cannot.
    """
    body = request_file.read()
    if (config is None) == (url is None):
        raise click.UsageError("give one of --config FILE and --url URL")
    if url is None:
        assert config is not None  # noqa: S101 - one of the two is there
        text = _of_configuration(config, body, operation)
    else:
        text = _of_gateway(url, body, operation)
    explanation = load("msgspec").json.decode(text)
    click.echo(text.decode() if as_json else "\n".join(lines(explanation)))


def lines(explanation: dict[str, Any]) -> list[str]:
    """Return an explanation in words, a line for each deployment."""
    said = [f"model {explanation['model']}"]
    if explanation["reason"] is not None:
        said[0] += f": auto router, {explanation['reason']}"
    if explanation["needs"]:
        said.append(f"needs {', '.join(explanation['needs'])}")
    for number, group in enumerate(explanation["considered"]):
        what = "group" if number == 0 else "falls back to"
        refused = f": passed over, {group['refused']}" if group["refused"] else f" ({group['strategy']})"
        said.append(f"{what} {group['group']}{refused}")
        for verdict in group["verdicts"]:
            mark = "->" if verdict["deployment"] == group["chosen"] else "  "
            figure = f" {verdict['figure']:.4g}" if verdict["figure"] else ""
            said.append(f"  {mark} {verdict['deployment']}  {verdict['reason']}{figure}")
    return said


def _of_configuration(config: Path, body: bytes, operation: str) -> bytes:
    app = load("tianji.app")
    try:
        loaded = app.read(config, os.environ)
    except ConfigurationError as error:
        click.echo(error.message, err=True)
        raise SystemExit(UNUSABLE) from error
    try:
        text: bytes = load("msgspec").json.encode(app.explain(loaded, body, operation))
    except TianjiError as error:
        raise click.ClickException(error.message) from error
    return text


def _of_gateway(url: str, body: bytes, operation: str) -> bytes:
    httpx = load("httpx")
    headers = {"authorization": f"Bearer {os.environ.get(KEY, '')}", "content-type": "application/json"}
    try:
        answer = httpx.post(
            f"{url.rstrip('/')}/router/explain", content=body, params={"operation": operation}, headers=headers
        )
    except httpx.HTTPError as error:
        raise click.ClickException(f"{url}: {error}") from error
    if answer.status_code != 200:
        raise click.ClickException(f"{url} answered {answer.status_code}: {answer.text[:500]}")
    text: bytes = answer.content
    return text
