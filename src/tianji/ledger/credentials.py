"""Credentials that stand in a request, which are neither kept nor told anybody."""

import re
from functools import lru_cache
from typing import Any, Final

_SECRET: Final = re.compile(
    r"(^|[_-])(api[_-]?key|secret([_-]?(access[_-]?)?key)?|private[_-]?key|password|credentials?|authorization|cookie"
    r"|service[_-]account|(access|auth|ad|session|id|bearer)[_-]token|token)$",
    re.IGNORECASE,
)
_LONGEST: Final = 64  # characters; a longer name is not remembered
_WHOLE: Final = frozenset({"extra_headers", "headers"})  # maps in which anything may be a credential


def without_secrets(members: dict[str, Any]) -> dict[str, Any]:
    """Return members without texts that are called like credentials, at any depth."""
    return {
        name: _kept(value)
        for name, value in members.items()
        if not (isinstance(value, str) and _is_secret(name)) and name not in _WHOLE
    }


def _is_secret(name: str) -> bool:
    return _remembered(name) if len(name) < _LONGEST else _is_called_so(name)


def _is_called_so(name: str) -> bool:
    return _SECRET.search(name) is not None


_remembered: Final = lru_cache(1024)(_is_called_so)  # requests of a program have the same members


def _kept(value: Any) -> Any:
    if isinstance(value, dict):
        return without_secrets(value)
    return [_kept(one) for one in value] if isinstance(value, list) else value
