"""Newer catalogues: what they would change, and putting one into the place of the one that came with the package."""

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Final

from msgspec import Struct

from tianji.accounting.prices.catalogue import HEADER, INSTALLED, Catalogue, Entry, write
from tianji.accounting.prices.fields import is_price
from tianji.accounting.prices.tables import compile_rates
from tianji.errors import ConfigurationError

_SHOWN: Final = 10  # problems of a file


class Source(Struct, frozen=True):
    """A catalogue to be: its entries, and the version that it names or that its bytes give it."""

    entries: Mapping[str, Entry]
    version: str


def read(file: Path) -> Source:
    """Read a price map: JSON with an entry for each model, as LiteLLM's.

    Entries without anything in them, and LiteLLM's explanation of the format, are left out. Raises ConfigurationError
    that names the models and fields that cannot be used.
    """
    try:
        text = file.read_bytes()
        found = json.loads(text, parse_float=Decimal, parse_constant=_no_number)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{file} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise ConfigurationError(f"{file}: expected an object with an entry for each model")
    header = found.pop(HEADER, {})
    found.pop("sample_spec", None)
    entries = {name: entry for name, entry in found.items() if entry != {}}
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
