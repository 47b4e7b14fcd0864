"""How prompts are named: an id, a version behind it, and what else a request may say of the one that it wants."""

import re
from typing import Any, Final

from msgspec import Struct

from tianji.errors import InvalidRequest

DEVELOPMENT: Final = "development"
_ORDER: Final = ("production", "staging", DEVELOPMENT)
_VERSIONED: Final = re.compile(r"(?P<base>.+)[._]v(?P<version>[0-9]{1,9})")


def parted(name: str) -> tuple[str, int | None]:
    """Return (base, version) of an id: `.v2` and `_v2` are versions, and only numbers are, so `is_valid` is a name."""
    found = _VERSIONED.fullmatch(name)
    return (found["base"], int(found["version"])) if found else (name, None)


def rank(environment: str) -> tuple[int, str]:
    """Return what orders environments where a request names none: production first, unknown ones last, by name."""
    return (_ORDER.index(environment) if environment in _ORDER else len(_ORDER), environment)


class Wanted(Struct, frozen=True):
    """The prompt that a request asks for. `id`: without a version."""

    id: str
    version: int | None = None
    label: str | None = None
    environment: str | None = None


def wanted(name: object, version: object, label: object, environment: object) -> Wanted:
    """Read what a request, or a deployment, says. Raises InvalidRequest."""
    if not isinstance(name, str) or not name:
        raise InvalidRequest("`prompt_id` must be the name of a prompt", param="prompt_id")
    base, own = parted(name)
    said = _number(version)
    number = own if said is None else said
    return Wanted(base, number, _text("prompt_label", label), _text("prompt_environment", environment))


def _number(version: Any) -> int | None:
    if version is None or (isinstance(version, int) and not isinstance(version, bool) and version >= 0):
        return version
    if isinstance(version, str) and version.isascii() and version.isdigit() and len(version) < 10:
        return int(version)
    raise InvalidRequest("`prompt_version` must be a number", param="prompt_version")


def _text(member: str, value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise InvalidRequest(f"`{member}` must be text", param=member)
    return value
