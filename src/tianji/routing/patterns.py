"""Model names with stars: matching, what the stars stood for, and which pattern is tried first."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from msgspec import Struct

_META = frozenset("*+?\\^$|()")


class Match(Struct, frozen=True):
    """A pattern that fits, and what each of its stars stood for."""

    pattern: str
    captures: tuple[str, ...]


class Patterns:
    """Patterns in the order in which they are tried.

    LiteLLM's order: by the length of the pattern written as a regular expression, then by its count of special
    characters, both descending. A pattern fits the whole name, where LiteLLM looks at its start only.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        self._parts = [(pattern, pattern.split("*")) for pattern in sorted(set(patterns), key=_specificity)]

    def match(self, name: str) -> Match | None:
        """Return the first pattern that fits, None when none does. Takes time linear in the name for each pattern."""
        for pattern, parts in self._parts:
            captures = _captures(parts, name)
            if captures is not None:
                return Match(pattern, captures)
        return None


@lru_cache(maxsize=1024)  # most requests ask for what others have asked for
def substitute(template: str, captures: tuple[str, ...], name: str) -> str:
    """Return the upstream's model for `name`, whose pattern captured `captures`.

    A template without a star is used as it is. When the pattern captured more than the template has stars, the whole
    name is used; else the captures fill the stars from the left.
    """
    stars = template.count("*")
    if stars == 0:
        return template
    if len(captures) > stars:
        return name
    head, *tails = template.split("*")
    filled = [*captures, *("*" * (stars - len(captures)))]
    return head + "".join(value + tail for value, tail in zip(filled, tails, strict=True))


def _captures(parts: Sequence[str], name: str) -> tuple[str, ...] | None:
    """Match literal parts with stars between them, each star as long as can be, the first before the second.

    Placing the parts from the right end, each at its last possible position, gives exactly that without backtracking.
    """
    first, *middle = parts
    if not (name.startswith(first) and name.endswith(parts[-1])):
        return None
    starts: list[int] = []
    end = len(name)
    for part in reversed(middle):
        at = name.rfind(part, len(first), end)
        if at < len(first):
            return None
        starts.append(at)
        end = at
    found: list[str] = []
    begin = len(first)
    for at, part in zip(reversed(starts), middle, strict=True):
        found.append(name[begin:at])
        begin = at + len(part)
    return tuple(found)


def _specificity(pattern: str) -> tuple[int, int, str]:
    expression = re.escape(pattern).replace(r"\*", "(.*)")
    return -len(expression), -sum(character in _META for character in expression), pattern
