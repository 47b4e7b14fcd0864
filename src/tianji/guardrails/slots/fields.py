"""Bodies of any form: every string in them, or those that paths name (`request_fields`, `response_fields`).

A path is of the JSONPath that such settings use (RFC 9535): `messages[*].content`, `$.input`, `data['a b'][0].text`,
`..` for any depth. Without a path every string is read.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from tianji.errors import ConfigurationError
from tianji.guardrails.content import Kind
from tianji.guardrails.slots.shapes import noticed
from tianji.guardrails.slots.sheet import Sheet, Voice
from tianji.guardrails.slots.texts import Path, leaves

Step = str | int | None
"""A member, an element, or None for all of them."""
_STEP: Final = re.compile(
    r"(?P<deep>\.\.)?(?:\.?(?P<name>[\w-]+)|\.?(?P<all>\*)|\[\s*(?:(?P<number>-?\d+)|(?P<each>\*)"
    r"|'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\")\s*\])"
)


def everything(sheet: Sheet, body: object) -> None:
    """Read every string."""
    calls = noticed(sheet, body)
    for number, (path, text) in enumerate(leaves(body, ())):
        kind = Kind.TOOL_ARGUMENTS if any(path[: len(call)] == call for call in calls) else Kind.SAID
        sheet.text(text, path, Voice(sheet.role, kind, number))


def at(expressions: Iterable[str]) -> Callable[[Sheet, object], None]:
    """Return what reads the strings at and below these places. Raises ConfigurationError for one that is no path."""
    compiled = [compiled_path(expression) for expression in expressions]

    def read(sheet: Sheet, body: object) -> None:
        seen: set[Path] = set()
        for steps in compiled:
            for place, value in _found(body, steps):
                for path, text in leaves(value, place):
                    if path not in seen:
                        seen.add(path)
                        sheet.text(text, path, Voice(sheet.role, message=len(seen) - 1))

    return read


def compiled_path(expression: str) -> list[tuple[bool, Step]]:
    """Return the steps of a path, each with whether it looks at any depth. Raises ConfigurationError."""
    steps: list[tuple[bool, Step]] = []
    rest = expression.removeprefix("$")
    position = 0
    while position < len(rest):
        found = _STEP.match(rest, position)
        if found is None:
            raise ConfigurationError(
                f"{expression!r} is no path to a field: write members and elements, as in messages[*].content"
            )
        step: Step = None
        if found["number"] is not None:
            step = int(found["number"])
        elif not (found["all"] or found["each"]):
            step = next(text for text in (found["name"], found["single"], found["double"]) if text is not None)
        steps.append((found["deep"] is not None, step))
        position = found.end()
    if not steps:
        raise ConfigurationError(f"{expression!r} names no field")
    return steps


def _found(value: object, steps: list[tuple[bool, Step]]) -> Iterator[tuple[Path, object]]:
    places: list[tuple[Path, object]] = [((), value)]
    for deep, step in steps:
        reached: dict[Path, object] = {}
        for path, node in places:
            for base, inner in _below(path, node) if deep else ((path, node),):
                reached.update(_children(base, inner, step))
        places = list(reached.items())
    yield from places


def _children(path: Path, node: object, step: Step) -> Iterator[tuple[Path, Any]]:
    if isinstance(node, dict):
        if step is None:
            yield from (((*path, name), inner) for name, inner in node.items())
        elif step in node:
            yield (*path, step), node[step]
    elif isinstance(node, list):
        if step is None:
            yield from (((*path, number), inner) for number, inner in enumerate(node))
        elif isinstance(step, int) and -len(node) <= step < len(node):
            yield (*path, step % len(node)), node[step]


def _below(path: Path, node: object) -> Iterator[tuple[Path, object]]:
    """Yield a value and everything in it."""
    waiting = [(path, node)]
    while waiting:
        at, inner = waiting.pop()
        yield at, inner
        waiting.extend(_children(at, inner, None))
