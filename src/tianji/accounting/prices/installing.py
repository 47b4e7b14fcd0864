"""Newer catalogues: what they would change, and putting one into the place of the one that came with the package."""

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from tianji.accounting.prices.catalogue import HEADER, INSTALLED, Catalogue, Entry, write
from tianji.accounting.prices.fields import is_price
from tianji.accounting.prices.tables import compile_rates
from tianji.errors import ConfigurationError

_SHOWN: Final = 10  # problems of a file
_NO_MODELS: Final = ("sample_spec", "fallback_generalizations")  # how entries look, and how LiteLLM guesses others


class Source(Struct, frozen=True):
    """A catalogue to be: its entries, and the version that it names or that its bytes give it."""

    entries: Mapping[str, Entry]
    version: str


def read(file: Path) -> Source:
    """Read a price map: JSON with an entry for each model, as LiteLLM's.

    Entries without anything in them, and what LiteLLM's map says besides, are left out; other names of a model
    (`alias_of`, `aliases`) get its entry. Raises ConfigurationError that names the models and fields that cannot be
    used.
    """
    try:
        text = file.read_bytes()
        found = json.loads(text, parse_float=Decimal, parse_constant=_no_number)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{file} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise ConfigurationError(f"{file}: expected an object with an entry for each model")
    header = found.pop(HEADER, {})
    for name in _NO_MODELS:
        found.pop(name, None)
    entries = {name: entry for name, entry in _named(found).items() if entry != {}}
    problems = [f"{name}: {fault}" for name, entry in entries.items() if (fault := _fault(name, entry)) is not None]
    if problems:
        more = [f"and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else []
        raise ConfigurationError("\n".join([f"{file} was not taken:", *problems[:_SHOWN], *more]))
    version = header.get("version") if isinstance(header, dict) else None
    return Source(entries, str(version or f"sha256-{sha256(text).hexdigest()[:12]}"))


def changes(old: Mapping[str, Entry], new: Mapping[str, Entry]) -> Iterator[str]:
    """Yield a line for each model that comes or goes, and for each of its prices that changes."""
    for name in sorted({**old, **new}):
        if name not in new:
            yield f"- {name}"
        elif name not in old:
            yield f"+ {name}"
        else:
            before, after = old[name], new[name]
            for field in sorted(filter(is_price, {**before, **after})):
                if before.get(field) != after.get(field):
                    yield f"~ {name}: {field} {_shown(before.get(field))} -> {_shown(after.get(field))}"


def install(source: Source, folder: Path) -> Catalogue:
    """Write it into the data folder, where gateways that start from now on find it. Raises ConfigurationError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write(source.entries, source.version, folder / INSTALLED)
    except OSError as error:
        raise ConfigurationError(f"the catalogue cannot be written: {error}") from error
    return Catalogue(folder / INSTALLED)


def _named(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return entries by all names of their models, as LiteLLM serves them. A name that leads to no entry is none."""
    entries: dict[str, Any] = {}
    pointing: dict[str, str] = {}
    for name, entry in found.items():
        if isinstance(entry, dict) and isinstance(target := entry.get("alias_of"), str):
            pointing[name] = target
        elif isinstance(entry, dict) and isinstance(entry.get("aliases"), list):
            entries[name] = {field: value for field, value in entry.items() if field != "aliases"}
            pointing.update((other, name) for other in entry["aliases"] if isinstance(other, str))
        else:
            entries[name] = entry
    others = {name: entries[target] for name, target in pointing.items() if target in entries and name not in entries}
    return {**entries, **others}


def _fault(name: str, entry: object) -> str | None:
    if not name.isprintable() or not {'"', "\\"}.isdisjoint(name):
        return "a name must be printable and without quotes and backslashes"
    if not isinstance(entry, dict):
        return f"expected an object, not {type(entry).__name__}"
    try:
        compile_rates(entry, str(entry.get("litellm_provider")))
    except ValueError as error:
        return str(error)
    return None


def _no_number(text: str) -> object:
    raise ValueError(f"{text} is no number")


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    return str(value) if isinstance(value, int | str | Decimal) else json.dumps(value, default=str)
