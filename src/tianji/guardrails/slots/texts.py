"""JSON texts: decoded without a loss, leaf by leaf, and written with other leaves."""

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from tianji._core.bodies.leaves import measured, members_in, replaced

Json = dict[str, Any]
Path = tuple[str | int, ...]
Changes = dict[str | int, Any]
"""Shaped like a text: by member or element the JSON text that stands there instead, None for nothing, or Changes."""

DEEPEST: Final = 128
"""Levels of nesting that are read; the gateway takes no deeper body."""
_ESCAPES: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
_encode: Final = msgspec.json.Encoder().encode


class Unreadable(Exception):  # noqa: N818 - what it is of, request or answer, decides which error of ours it is
    """A text is not JSON, or two readers would not read the same in it."""


class Unmaskable(Exception):  # noqa: N818 - a verdict, not an error
    """What a guardrail wants changed is part of something that cannot be: then it is a block."""


class Mismatched(Exception):  # noqa: N818 - as Unreadable
    """A rewrite names what the content does not have, or says one place twice."""


def decoded(text: bytes) -> Any:
    """Return what a JSON text holds. Half a surrogate pair, which no text can hold, is read as U+FFFD.

    Raises Unreadable, also for an object that names a member twice: others might read the first of them.
    """
    members, depth = measured(text)
    if depth > DEEPEST:
        raise Unreadable(f"it is nested deeper than {DEEPEST} levels")
    try:
        try:
            tree = msgspec.json.decode(text)
        except msgspec.DecodeError:
            tree = msgspec.json.decode(_ESCAPES.sub(_whole_characters, text))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Unreadable("it is no JSON text") from error
    if members_in(tree) != members:
        raise Unreadable("an object names a member twice")
    return tree


def rewritten(text: bytes, changes: Changes) -> bytes:
    """Return a text that was decoded before, with its changes; all other bytes are as they were."""
    return replaced(text, changes)


def leaves(value: object, path: Path) -> Iterator[tuple[Path, str]]:
    """Yield every string in a value with its place, in order."""
    waiting: list[tuple[Path, object]] = [(path, value)]
    while waiting:
        at, node = waiting.pop()
        if isinstance(node, str):
            yield at, node
        elif isinstance(node, dict):
            waiting.extend(((*at, name), inner) for name, inner in reversed(node.items()))
        elif isinstance(node, list):
            waiting.extend(((*at, number), node[number]) for number in range(len(node) - 1, -1, -1))


def unmaskable(value: object) -> Iterator[str]:
    """Yield what a value holds beside its strings: names of members, and numbers."""
    waiting = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield from node
            waiting.extend(reversed(node.values()))
        elif isinstance(node, list):
            waiting.extend(reversed(node))
        elif isinstance(node, int | float) and not isinstance(node, bool):
            yield str(node)


def put(changes: Changes, path: Path, value: bytes | None) -> None:
    """Note what stands at a place instead. Raises Mismatched where the place, or one around it, is changed already."""
    at = changes
    for key in path[:-1]:
        at = at.setdefault(key, {})
        if not isinstance(at, dict):
            raise Mismatched("a rewrite changes a part of what it replaces")
    if path[-1] in at:
        raise Mismatched("a rewrite changes one place twice")
    at[path[-1]] = value


def quoted(text: str) -> bytes:
    """Return a text as a JSON string. Raises Mismatched for one that holds half a surrogate pair."""
    try:
        return _encode(text)
    except UnicodeEncodeError as error:
        raise Mismatched("a rewrite holds what is no text") from error


def encoded(value: object) -> bytes:
    """Return a value as a JSON text. Raises Mismatched for one that has none."""
    try:
        return _encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise Mismatched("a rewrite holds what has no form in JSON") from error


def _whole_characters(found: re.Match[bytes]) -> bytes:
    return found[0] if found[1] is None else rb"\ufffd"
