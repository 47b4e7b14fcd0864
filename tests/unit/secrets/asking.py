"""What the tests of managers share: how one is chosen and asked, and what a failure may say."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tianji.config.schema.secrets import KeyManagement
from tianji.config.secrets import Choice, SecretFailure
from tianji.secrets import open_source
from tianji.secrets.manager import Manager, Note

VALUE = "canary-secret-value-93ab"


def choice(system: str, environ: Mapping[str, str], at: Path = Path("/nowhere"), **settings: Any) -> Choice:
    return Choice(system=system, settings=KeyManagement(**settings), environ=environ, folder=at)


def read(chosen: Choice, *names: str) -> dict[str, object]:
    source = open_source(chosen)
    assert source is not None
    return dict(source.fetch(names))


def said(answer: object) -> str:
    assert isinstance(answer, SecretFailure), answer
    assert VALUE not in str(answer)
    return str(answer)


async def keep(manager: Manager, name: str, value: str, note: Note | None = None) -> None:
    await manager.log_in()
    await manager.write(name, value, note or Note())
