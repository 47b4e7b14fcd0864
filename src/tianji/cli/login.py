"""`tianji login` and `tianji logout`."""

import os
import time
import webbrowser
from typing import Any, Final

import click

from tianji.cli.quickstart import data_folder
from tianji.lazy import load

FILE: Final = "credentials.json"  # in the data folder: address of a gateway -> its key and whose it is
_EVERY: Final = 1.0  # seconds between two questions
_HEADER: Final = "x-tianji-cli-poll-secret"


@click.command("login")
@click.argument("url")
@click.option("--team", help="Get a key of this team, where you are in several.")
@click.option("--no-browser", is_flag=True, help="Only print the address to go to.")
def command(url: str, team: str | None, *, no_browser: bool) -> None:
    """Sign in to the gateway at URL with a browser, and keep the key that it gives for this terminal."""
    address = url.rstrip("/")
    with _client() as client:
        begun = _document(client.post(f"{address}/sso/cli/start"))
        click.echo(f"go to  {begun['verification_uri']}")
        click.echo(f"code   {begun['user_code']}")
        if not no_browser:
            webbrowser.open(begun["verification_uri"])
        found = _wait(client, address, begun, team)
    _keep(address, {name: found[name] for name in ("key", "user_id", "team_id")})
    of_team = f", team {found['team_id']}" if found["team_id"] else ""
    click.echo(f"signed in as {found['user_id']}{of_team}; the key stands in {data_folder(os.environ) / FILE}")


@click.command("logout")
@click.argument("url")
def leave(url: str) -> None:
    """End what `tianji login` began at the gateway at URL, and forget its key."""
    address = url.rstrip("/")
    kept = _kept().get(address)
    if kept is None:
        raise click.ClickException(f"nobody is signed in at {address}")
    with _client() as client:
        answer = client.post(f"{address}/session/logout", headers={"authorization": f"Bearer {kept['key']}"})
    _keep(address, None)
    if answer.status_code not in (200, 401):
        raise click.ClickException(f"the gateway answered {answer.status_code}; the key was forgotten here only")
    click.echo("signed out")


def _wait(client: Any, address: str, begun: dict[str, Any], team: str | None) -> dict[str, Any]:
    """Ask until somebody has let this terminal in, or it took too long."""
    headers = {_HEADER: begun["poll_secret"]}
    ends = time.monotonic() + begun["expires_in"]
    while time.monotonic() < ends:
        query = {} if team is None else {"team_id": team}
        told = _document(client.get(f"{address}/sso/cli/poll/{begun['login_id']}", headers=headers, params=query))
        if told.get("requires_team_selection"):
            names = [one["team_id"] for one in told["team_details"]]
            team = click.prompt("team", type=click.Choice(names))
        elif told["status"] == "ready":
            return told
        else:
            time.sleep(_EVERY)
    raise click.ClickException("nobody signed in; begin again")


def _client() -> Any:
    return load("httpx").Client(timeout=20)


def _document(answer: Any) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        found = {}
    if answer.status_code != 200 or not isinstance(found, dict):
        said = found.get("error", {}).get("message", "") if isinstance(found, dict) else ""
        raise click.ClickException(f"the gateway answered {answer.status_code} {said}".strip())
    return found


def _kept() -> dict[str, dict[str, Any]]:
    file = data_folder(os.environ) / FILE
    try:
        found: dict[str, dict[str, Any]] = load("json").loads(file.read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise click.ClickException(f"{file} cannot be read; remove it and sign in again") from error
    return found


def _keep(address: str, entry: dict[str, Any] | None) -> None:
    """Write an entry, or take it out. The file is its owner's alone from its first byte on."""
    kept = {name: value for name, value in _kept().items() if name != address}
    if entry is not None:
        kept[address] = entry
    file = data_folder(os.environ) / FILE
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        load("json").dump(kept, opened, indent=2)
    new.replace(file)
