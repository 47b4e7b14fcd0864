"""What a check looks at, and how it reports."""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from tianji.config.problems import Findings, Place
from tianji.config.schema.root import Config
from tianji.config.tree import Items, Map

Where = tuple[str | int, ...]
"""The way to a value: keys and indices."""


class Subject(Struct, frozen=True, kw_only=True):
    """One decoded configuration with its text. `directory` is the folder of the root file."""

    config: Config
    tree: Map
    environ: Mapping[str, str]
    directory: Path
    findings: Findings

    def place(self, *path: str | int) -> Place | None:
        """Where `path` stands, or the nearest thing around it that does."""
        value: object = self.tree
        found: Place | None = None
        for step in path:
            member = _member(value, step)
            if member is None:
                break
            found, value = member
        return found

    def written(self, *path: str | int) -> object:
        """Return what was written at `path`, references unresolved, or None when nothing was."""
        value: object = self.tree
        for step in path:
            member = _member(value, step)
            if member is None:
                return None
            value = member[1]
        return value

    def error(self, path: Where, message: str, remedy: str) -> None:
        """Report a fatal fault of the value at `path`."""
        self.findings.error(self.place(*path), render(path), message, remedy)

    def warning(self, path: Where, message: str, remedy: str) -> None:
        """Report a doubt about the value at `path`."""
        self.findings.warning(self.place(*path), render(path), message, remedy)


def render(path: Where) -> str:
    """Write `("a", 0, "b")` as `a[0].b`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


def _member(value: object, step: str | int) -> tuple[Place, object] | None:
    if isinstance(value, Map):
        return (value.places[step], value[step]) if isinstance(step, str) and step in value else None
    if isinstance(value, Items) and isinstance(step, int) and step < len(value):
        return value.places[step], value[step]
    return None
