"""What every manager of secrets can do, and how its settings are read."""

import re
from collections.abc import Mapping
from typing import ClassVar, Final

from msgspec import Struct

from tianji.config.secrets import SecretFailure

TIMEOUT: Final = 5.0  # seconds that a manager may take to answer one request
DAY: Final = 86400.0
_NO_NAME: Final = re.compile(r"[\x00-\x20\x7f]|(?:^|/)\.{1,2}(?:/|$)|^/|/$|^$")


class Note(Struct, frozen=True):
    """What is written beside a secret, for people."""

    description: str | None = None
    tags: Mapping[str, str] = {}


class Manager:
    """One manager. `label` names it and its place in messages; `interval` is the seconds that it is believed."""

    interval: float = DAY
    reserved: ClassVar[frozenset[str]] = frozenset()  # what the manager itself is reached with: never asked of it

    def __init__(self, label: str) -> None:
        self.label = label

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.label})"

    async def log_in(self) -> None:
        """Get what further requests need, where that is not valid any more. Raises SecretFailure."""

    async def read(self, name: str) -> str | None:
        """Return a secret, None where there is none of this name. Raises SecretFailure."""
        raise NotImplementedError

    async def write(self, name: str, value: str, note: Note) -> None:  # noqa: ARG002
        """Keep a secret, in place of one of the same name. Raises SecretFailure."""
        raise SecretFailure(f"{self.label} takes no secrets from this gateway")

    async def delete(self, name: str) -> None:  # noqa: ARG002
        """Delete a secret; one that is not there is no failure. Raises SecretFailure."""
        raise SecretFailure(f"{self.label} deletes no secrets for this gateway")


def require_name(name: str) -> None:
    """Raise SecretFailure for what cannot be the name of a secret, or would lead out of its folder."""
    if _NO_NAME.search(name):
        raise SecretFailure(f"{name[:80]!r} cannot be the name of a secret: no blanks, no .., no / at an end")


def require(environ: Mapping[str, str], name: str, system: str) -> str:
    """Return a variable that a manager cannot do without. Raises SecretFailure."""
    value = environ.get(name)
    if not value:
        raise SecretFailure(f"{system} needs the environment variable {name}")
    return value


def seconds(environ: Mapping[str, str], name: str, usual: float = DAY) -> float:
    """Return a variable that is a number of seconds above 0. Raises SecretFailure for any other text."""
    text = environ.get(name)
    if not text:
        return usual
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e9:
        raise SecretFailure(f"{name} is no number of seconds")
    return value
