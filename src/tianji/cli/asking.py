"""`tianji --health` and `--test`: questions to a gateway that serves already, with its master key."""

import json
import os
from typing import Any, Final

import click

from tianji.config.environment import lookup
from tianji.lazy import load

PATIENCE: Final = 300.0  # seconds for an answer: all models are asked
EVERYWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - nobody listens there, but on all addresses


def address(host: str, port: int, *, secure: bool) -> str:
    """Return where a gateway of this machine is, as it listens."""
    name = "127.0.0.1" if host in EVERYWHERE else f"[{host}]" if ":" in host else host
    return f"http{'s' * secure}://{name}:{port}"


def health(url: str) -> None:
    """Print which models answer. Exit code 1 where one does not."""
    told = _asked("GET", f"{url}/health")
    click.echo(json.dumps(told, indent=4))
    if told.get("unhealthy_count"):
        raise SystemExit(1)


def try_out(url: str, model: str | None) -> None:
    """Print what a model answers: the one that is named, else the first of the gateway's list."""
    base = url.rstrip("/").removesuffix("/chat/completions").removesuffix("/v1")
    listed = _asked("GET", f"{base}/v1/models")["data"] if model is None else [{"id": model}]
    if not listed:
        raise click.ClickException(f"{base} serves no models")
    body = {"model": listed[0]["id"], "messages": [{"role": "user", "content": "This is a test. Say that it works."}]}
    click.echo(json.dumps(_asked("POST", f"{base}/v1/chat/completions", body), indent=4))


def _asked(method: str, url: str, body: dict[str, Any] | None = None) -> Any:
    httpx = load("httpx")
    key = lookup(os.environ, "MASTER_KEY")
    headers = {"authorization": f"Bearer {key}"} if key else {}
    try:
        answer = httpx.request(method, url, json=body, headers=headers, timeout=PATIENCE)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise click.ClickException(f"{url}: {error}") from error
    if answer.status_code != 200:
        unknown = "; set LITELLM_MASTER_KEY to its key" if answer.status_code == 401 else ""
        raise click.ClickException(f"{url} answered {answer.status_code}{unknown}: {answer.text[:500]}")
    return answer.json()
