"""The types of guardrails, found by the modules that hold them: those of `vendors`, then those of other packages.

A module of `vendors` exports a TYPE, PRESETS, or both. Another package names such a module as an entry point of the
group `tianji.guardrails`.
"""

import functools
import importlib.metadata
import pkgutil
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Final

from tianji.guardrails import vendors
from tianji.guardrails.vendor import Preset, Type
from tianji.lazy import load

GROUP: Final = "tianji.guardrails"
_WORD: Final = re.compile(r"\w+")


def find(name: str) -> tuple[Type[Any], Preset | None] | None:
    """Return the type that an entry means, and the preset that it is of it; None for a name that nobody has.

    A dot says that it is a class in a file. The module that is called like the type is looked at first, so that a
    worker need not load all.
    """
    if "." in name:
        return load(f"{vendors.__name__}.custom_class").TYPE, None
    module = "_".join(_WORD.findall(name)).lower()
    if module in _modules():
        found = _named(name, load(f"{vendors.__name__}.{module}"))
        if found is not None:
            return found
    return next((found for one in _all() if (found := _named(name, one)) is not None), None)


@functools.cache
def names() -> frozenset[str]:
    """Return every name that an entry may have, which loads all modules."""
    found: set[str] = set()
    for module in _all():
        own = getattr(module, "TYPE", None)
        found.update(() if own is None else own.names)
        found.update(preset.name for preset in getattr(module, "PRESETS", ()))
    return frozenset(found)


def _named(name: str, module: ModuleType) -> tuple[Type[Any], Preset | None] | None:
    own = getattr(module, "TYPE", None)
    if own is not None and name in own.names:
        return own, None
    for preset in getattr(module, "PRESETS", ()):
        if preset.name == name:
            base = find(preset.base)
            return None if base is None else (base[0], preset)
    return None


@functools.cache
def _modules() -> frozenset[str]:
    return frozenset(module.name for module in pkgutil.iter_modules(vendors.__path__))


def _all() -> Iterator[ModuleType]:
    for name in sorted(_modules()):
        yield load(f"{vendors.__name__}.{name}")
    for point in importlib.metadata.entry_points(group=GROUP):
        yield point.load()
