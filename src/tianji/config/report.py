"""The answer of `tianji check`: each key of a configuration with what this release does with it."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from tianji.config import spelling
from tianji.config.loader import Loaded
from tianji.config.problems import Place, Problem
from tianji.config.schema.root import SECTIONS
from tianji.config.support import Level, support
from tianji.config.tree import Items, Map

_ENTRIES: Final = "model_list"
_SERVERS: Final = "mcp_servers"
_OPENED: Final = frozenset({"litellm_settings", "router_settings", "general_settings", "environment_variables"})
_NESTED: Final = frozenset({"general_settings.litellm_jwtauth"})
_LEVELS: Final[tuple[Level, ...]] = ("unsupported", "partial", "exact")


class Row(Struct, frozen=True, kw_only=True):
    """One key, where it stands first and how often it occurs."""

    key: str
    level: Level
    note: str
    guards: bool
    file: str
    line: int
    count: int


def rows(loaded: Loaded) -> tuple[Row, ...]:
    """Every key that is present, once each, in file order. Values never appear."""
    first: dict[str, Place] = {}
    count: Counter[str] = Counter()
    for key, place in _keys(loaded.tree):
        first.setdefault(key, place)
        count[key] += 1
    unknown = {_without_indices(p.key): p.remedy for p in loaded.problems if p.message.startswith("is not a known key")}
    found = []
    for key, place in first.items():
        row = support(key)
        level, note = row.level, row.note
        if key in unknown:
            level, note = "unsupported", f"not a known key; {unknown[key]}"
        file, line = str(place.file), place.line
        found.append(Row(key=key, level=level, note=note, guards=row.guards, file=file, line=line, count=count[key]))
    return tuple(found)


def _keys(tree: Map) -> Iterator[tuple[str, Place]]:
    for name, value, place in tree.members():
        if name not in SECTIONS:
            if not name.startswith("x-"):
                yield name, place
        elif name == _ENTRIES and isinstance(value, Items):
            for entry in value:
                if isinstance(entry, Map):
                    yield from _entry(entry)
        elif name == _SERVERS and isinstance(value, Map):
            servers = (server for _, server, _ in value.members() if isinstance(server, Map))
            yield from ((f"{_SERVERS}.{key}", at) for server in servers for key, at in server.places.items())
        elif name in _OPENED and isinstance(value, Map):
            yield from _section(name, value)
        else:
            yield name, place


def _section(name: str, section: Map) -> Iterator[tuple[str, Place]]:
    twins = spelling.SECTIONS.get(name, {})
    for key, inner, where in section.members():
        written = f"{name}.{twins.get(key, key)}"
        if written in _NESTED and isinstance(inner, Map):
            yield from ((f"{written}.{deep}", at) for deep, at in inner.places.items())
        else:
            yield written, where


def _entry(entry: Map) -> Iterator[tuple[str, Place]]:
    for key, value, place in entry.members():
        name = spelling.ENTRY.get(key, key)
        if name in {"litellm_params", "model_info"} and isinstance(value, Map):
            for inner, where in value.places.items():
                yield f"{_ENTRIES}.{name}.{inner}", where
        else:
            yield f"{_ENTRIES}.{name}", place


def _without_indices(key: str) -> str:
    return "".join(part.partition("]")[2] if index else part for index, part in enumerate(key.split("[")))


def as_text(found: tuple[Row, ...], problems: tuple[Problem, ...] = ()) -> str:
    """Render aligned lines: problems first, then the keys, the unsupported ones before the rest, then the sums."""
    width = max((len(row.key) for row in found), default=0)
    lines = [str(problem) for problem in problems]
    for level in _LEVELS:
        for row in found:
            if row.level == level:
                where = Place(Path(row.file), row.line)
                mark = " (!)" if row.guards else ""
                lines.append(f"{level:<11}  {row.key:<{width}}  {where}{mark}  {row.note}".rstrip())
    sums = Counter(row.level for row in found)
    lines.append(", ".join(f"{sums[level]} {level}" for level in reversed(_LEVELS)))
    return "\n".join(lines)


def as_json(found: tuple[Row, ...], problems: tuple[Problem, ...] = ()) -> bytes:
    """Render `{"keys": [...], "problems": [...]}`, a line of JSON."""
    return msgspec.json.encode(
        {
            "keys": found,
            "problems": [
                {
                    "severity": problem.severity,
                    "dropped": problem.dropped,
                    "key": problem.key,
                    "file": str(problem.file) if problem.file else None,
                    "line": problem.line,
                    "message": problem.message,
                    "remedy": problem.remedy,
                }
                for problem in problems
            ],
        }
    )
