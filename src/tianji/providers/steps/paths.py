"""Paths into a body, as `additional_drop_params` writes them: `a.b`, `tools[*].function.strict`, `messages[0].name`."""

import re

from tianji.errors import ConfigurationError
from tianji.providers.steps.step import Step
from tianji.providers.upstream import Body

_KEY = re.compile(r"[^.\[\]]+")
_INDEX = re.compile(r"\[(\*|\d{1,9})\]")

Segment = str | int | None  # a key, an index, or every item


def is_path(name: str) -> bool:
    """Tell a path from a plain name."""
    return "." in name or "[" in name


def parse(path: str) -> tuple[Segment, ...]:
    """Split a path into its segments. Raises ConfigurationError for one that is not well formed."""
    text = path.removeprefix("$.")
    found: list[Segment] = []
    at = 0
    while at < len(text):
        if index := _INDEX.match(text, at):
            found.append(None if index[1] == "*" else int(index[1]))
            at = index.end()
        else:
            at += 1 if found and text[at] == "." else 0
            key = _KEY.match(text, at)
            if key is None:
                raise ConfigurationError(f"additional_drop_params: {path!r} is no path; write it like tools[*].strict")
            found.append(key[0])
            at = key.end()
    if not found or not isinstance(found[0], str):
        raise ConfigurationError(f"additional_drop_params: {path!r} must begin with the name of a member")
    return tuple(found)


def dropper(segments: tuple[Segment, ...]) -> Step:
    """Make the step that removes what the path leads to."""

    def run(body: Body) -> None:
        _remove(body, segments)

    return Step(run, frozenset({str(segments[0])}))


def _remove(node: object, segments: tuple[Segment, ...]) -> None:
    head, rest = segments[0], segments[1:]
    if isinstance(head, str):
        if isinstance(node, dict) and head in node:
            if rest:
                _remove(node[head], rest)
            else:
                del node[head]
    elif isinstance(node, list):
        if not rest:
            del node[slice(None) if head is None else slice(head, head + 1)]
        else:
            for item in node if head is None else node[head : head + 1]:
                _remove(item, rest)
