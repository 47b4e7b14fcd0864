"""Placed YAML values into schema structs: lenient where LiteLLM is, with every wrong value reported."""

import functools
import math
import types
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin

import msgspec

from tianji.alike import alike
from tianji.config.misplaced import belongs
from tianji.config.problems import Findings, Place
from tianji.config.schema.base import Flag, Section
from tianji.config.tree import Items, Map, kind, plain

S = TypeVar("S", bound=Section)
_TRUE: Final = frozenset({"true", "1", "yes", "on"})
_FALSE: Final = frozenset({"false", "0", "no", "off"})
_TRUTH: Final = frozenset({"true", "false"})


class _Wrong(Exception):  # noqa: N818 - it never leaves this module
    """A value that its type does not take; the text says what was expected."""


class _Skip(Exception):  # noqa: N818 - it never leaves this module
    """A value that counts as not written, or that is already reported."""


def decode(schema: type[S], value: Map, path: str, findings: Findings) -> S | None:
    """Build `schema` from `value`, or return None when a required key is missing or wrong; all faults are reported.

    Null counts as not written, except where the key's type admits None. Keys that the schema does not have go to
    `extra`; what else happens to them the schema's `unknown` says. An empty `path` is the top level.
    """
    prefix = f"{path}." if path else ""
    fields = _fields(schema)
    known: dict[str, Any] = {}
    extra: dict[str, object] = {}
    for key, member, place in value.members():
        where = prefix + key
        if key not in fields:
            extra[key] = plain(member)
            if schema.unknown != "keep":
                _unknown(schema, fields, where, place, findings)
            continue
        try:
            known[key] = _convert(member, fields[key].type, where, place, findings)
        except _Wrong as wrong:
            findings.error(place, where, f"must be {wrong}, not {kind(member)}", schema.remedies.get(key, ""))
        except _Skip:
            continue
    for name in sorted(schema.required - value.keys()):
        findings.error(value.place, path, f"has no `{name}`", schema.remedies.get(name, f"add `{name}:` to this entry"))
    for name in sorted(schema.required & value.keys()):
        if value[name] is None:
            findings.error(value.at(name), prefix + name, "is null", schema.remedies.get(name, "give it a value"))
    return schema(**known, extra=extra) if schema.required <= known.keys() else None


@functools.cache
def _fields(schema: type[Section]) -> Mapping[str, msgspec.structs.FieldInfo]:
    """Return the keys that can be written; computed once, because resolving the annotations takes milliseconds."""
    return {f.name: f for f in msgspec.structs.fields(schema) if f.name != "extra" and f.name not in schema.derived}


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a remedy: the known name most like `name`, or that it can go."""
    close = alike(name, known, most=1)
    return f"did you mean `{close[0]}`?" if close else "remove it"


def _unknown(schema: type[Section], fields: Iterable[str], where: str, place: Place, findings: Findings) -> None:
    section, _, name = where.rpartition(".")
    report = findings.error if schema.unknown == "refuse" else findings.warning
    report(place, where, "is not a known key, so it has no effect", belongs(section, name) or nearest(name, fields))


def _convert(  # noqa: PLR0911 - one return for each kind of type
    value: object, kind_: Any, where: str, place: Place, findings: Findings
) -> object:
    origin = get_origin(kind_)
    if origin in {Union, types.UnionType}:
        return _choice(value, get_args(kind_), where, place, findings)
    if kind_ is object:
        return plain(value)
    if value is None:
        raise _Skip
    lenient = ""
    if origin is Annotated:
        kind_, meta = get_args(kind_)[:2]
        lenient = meta.extra["lenient"]
    elif origin is Literal:
        return _literal(value, get_args(kind_))
    elif origin is tuple:
        return _tuple(value, get_args(kind_)[0], where, place, findings)
    elif origin is dict:
        return _dict(value, get_args(kind_)[1], where, findings)
    if kind_ is bool:
        return _boolean(value, lenient, where, place, findings)
    if kind_ is str:
        return _text(value, lenient)
    if kind_ in _NUMBERS:
        return _NUMBERS[kind_](value)
    return _struct(value, kind_, where, findings)


def _choice(value: object, kinds: tuple[Any, ...], where: str, place: Place, findings: Findings) -> object:
    """Take the first alternative that takes the value as it is written, else the first that can be made of it."""
    if value is None and types.NoneType in kinds:
        return None
    choices = [kind_ for kind_ in kinds if kind_ is not types.NoneType]
    if len(choices) == 1:
        return _convert(value, choices[0], where, place, findings)
    if isinstance(value, str) and value.strip().lower() in _TRUTH and Flag in choices:
        return _boolean(value, "text", where, place, findings)
    for kind_ in choices:
        if type(value) is kind_ or isinstance(value, {dict: Map, tuple: Items}.get(get_origin(kind_), ())):
            return _convert(value, kind_, where, place, findings)
    expected = []
    for kind_ in choices:
        try:
            return _convert(value, kind_, where, place, findings)
        except _Wrong as wrong:
            expected.append(str(wrong))
    raise _Wrong(" or ".join(expected))


def _literal(value: object, allowed: tuple[object, ...]) -> object:
    if value not in allowed:
        raise _Wrong("one of " + ", ".join(str(word) for word in allowed))
    return value


def _tuple(value: object, kind_: Any, where: str, place: Place, findings: Findings) -> tuple[object, ...]:
    if isinstance(value, str) and (kind_ is str or str in get_args(kind_)):
        findings.warning(place, where, "should be a list; the one word is taken as a list of one", "write it in [ ]")
        return (value,)
    if not isinstance(value, Items):
        raise _Wrong("a list")
    converted = []
    for index, member, at in value.members():
        try:
            converted.append(_convert(member, kind_, f"{where}[{index}]", at, findings))
        except _Wrong as wrong:
            findings.error(at, f"{where}[{index}]", f"must be {wrong}, not {kind(member)}")
        except _Skip:
            continue
    return tuple(converted)


def _dict(value: object, kind_: Any, where: str, findings: Findings) -> dict[str, object]:
    if not isinstance(value, Map):
        raise _Wrong("a mapping")
    converted = {}
    for key, member, at in value.members():
        try:
            converted[key] = _convert(member, kind_, f"{where}.{key}", at, findings)
        except _Wrong as wrong:
            findings.error(at, f"{where}.{key}", f"must be {wrong}, not {kind(member)}")
        except _Skip:
            continue
    return converted


def _struct(value: object, schema: type[Section], where: str, findings: Findings) -> Section:
    if not isinstance(value, Map):
        raise _Wrong("a mapping")
    built = decode(schema, value, where, findings)
    if built is None:
        raise _Skip
    return built


def _boolean(value: object, lenient: str, where: str, place: Place, findings: Findings) -> bool:
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    if lenient == "off" and isinstance(value, str) and word not in _TRUE | _FALSE:
        findings.warning(place, where, "is neither true nor false, so it is off", "write true or false")
        return False
    if word not in _TRUE | _FALSE:
        raise _Wrong("true or false")
    if not lenient:
        findings.warning(
            place, where, "a boolean in quotes is text and switches nothing, so the default holds", "remove the quotes"
        )
        raise _Skip
    return word in _TRUE


def number(value: object) -> float | None:
    """`value` as a number, or None when it holds none."""
    try:
        return _number(value)
    except _Wrong:
        return None


def _integer(value: object) -> int:
    number = _number(value, "an integer") if not isinstance(value, int) or isinstance(value, bool) else value
    if isinstance(number, float):
        if isinstance(value, str) and value.strip().lstrip("+-").isdecimal():
            return int(value)
        if not number.is_integer():
            raise _Wrong("an integer")
        return int(number)
    return number


def _number(value: object, expected: str = "a number") -> float:
    """Numbers, and text that holds one: YAML 1.1 reads `1e-5`, which has no dot, as text."""
    try:
        number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
    except ValueError:
        number = math.nan
    if math.isnan(number):
        raise _Wrong(expected)
    return number


def _text(value: object, lenient: str) -> str:
    if isinstance(value, str):
        return value
    if lenient and isinstance(value, int | float):
        return str(value).lower() if isinstance(value, bool) else str(value)
    raise _Wrong("text")


_NUMBERS: Final[Mapping[type, Callable[[object], float]]] = MappingProxyType({int: _integer, float: _number})
