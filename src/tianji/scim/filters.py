"""Filters: which resources, or which values of an attribute, are meant.

RFC 7644 section 3.4.2.2, of which `eq` and `and` are spoken: what identity providers ask by.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji.errors import Unacceptable

_ONE: Final = re.compile(
    r"""\s*(?:urn:[\w:.-]+:)?(?P<name>[A-Za-z$][\w$-]*(?:\.[A-Za-z$][\w$-]*)?)\s+[eE][qQ]\s+"""
    r"""(?P<value>"(?:[^"\\]|\\.)*"|true|false|True|False|null|-?\d+(?:\.\d+)?)\s*"""
)
_AND: Final = re.compile(r"and\s", re.IGNORECASE)
_LONGEST: Final = 4096


class Condition(Struct, frozen=True):
    """An attribute, in small letters and with a dot before a sub-attribute, and the value that it has."""

    name: str
    value: Any


def parse(text: str) -> list[Condition]:
    """Return conditions that hold together. Raises Unacceptable (`invalidFilter`) for what is not spoken here."""
    found: list[Condition] = []
    at = 0
    while True:
        one = _ONE.match(text, at) if len(text) <= _LONGEST else None
        if one is None:
            raise _unknown()
        found.append(Condition(one["name"].lower(), _value(one["value"])))
        at = one.end()
        if at == len(text):
            return found
        joint = _AND.match(text, at)
        if joint is None:
            raise _unknown()
        at = joint.end()


def fits(item: object, conditions: list[Condition]) -> bool:
    """Whether a value of an attribute is meant; one without sub-attributes is its own `value`."""
    members: Mapping[str, Any] = item if isinstance(item, Mapping) else {"value": item}
    known = {name.lower(): value for name, value in members.items()}
    return all(_same(known.get(condition.name), condition.value) for condition in conditions)


def _same(one: object, other: object) -> bool:
    if isinstance(one, bool) and isinstance(other, str):
        return str(one).lower() == other.lower()  # as some write it
    return one == other


def _value(text: str) -> Any:
    try:
        return msgspec.json.decode(text.lower() if text in ("True", "False") else text)
    except msgspec.DecodeError as error:
        raise _unknown() from error


def _unknown() -> Unacceptable:
    return Unacceptable(
        'this filter is not spoken here; write attribute eq "value"', param="filter", code="invalidFilter"
    )
