"""Marks of prompt caches that a deployment puts into its requests: `cache_control_injection_points`.

https://docs.litellm.ai/docs/tutorials/prompt_caching has the setting. A mark stands in a block of content
(https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching), so a text becomes one; providers that know of no
marks have them taken out again.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import UNSET, Struct, UnsetType, ValidationError, convert

from tianji.errors import ConfigurationError
from tianji.providers.steps.step import Step, messages, parts, tools
from tianji.providers.upstream import Body

SETTING: Final = "cache_control_injection_points"
MOST: Final = 4  # that Anthropic takes in one request
MARK: Final = "cache_control"
_ON: Final = frozenset({"messages"})
_LOCATIONS: Final = ("message", "tool_config")


class _Point(Struct, frozen=True):
    """Where a mark goes: the last tool, the message at an index, or else all messages with a role."""

    location: str
    role: str | None = None
    index: int | str | None = None
    control: Mapping[str, Any] | UnsetType = UNSET

    @property
    def mark(self) -> dict[str, Any]:
        return {"type": "ephemeral"} if self.control is UNSET else dict(self.control)


def marking(params: Mapping[str, object]) -> tuple[Step, ...]:
    """Return the step that marks what a deployment's params say, if they say anything. Raises ConfigurationError."""
    points = _read(params.get(SETTING) or ())

    def run(body: Body) -> None:
        room = MOST - sum(MARK in block for block in _blocks(body))
        for point in points:
            for holder, name in _places(body, point):
                room -= room > 0 and _put(holder, name, point.mark)

    return (Step(run, _ON),) if points else ()


def _read(said: object) -> Sequence[_Point]:
    try:
        points = convert(said, tuple[_Point, ...])
        for point in points:
            int(point.index or 0)
    except (ValidationError, ValueError) as error:
        raise ConfigurationError(
            f"{SETTING}: {error}: expected entries like {{location: message, role: system}}"
        ) from None
    unknown = next((point.location for point in points if point.location not in _LOCATIONS), None)
    if unknown is not None:
        raise ConfigurationError(f"{SETTING}: no location is called {unknown!r}: use one of {', '.join(_LOCATIONS)}")
    return points


def _blocks(body: Body) -> Iterator[dict[str, object]]:
    """Yield all that may hold a mark already."""
    for message in messages(body):
        yield message
        yield from parts(message)
    yield from parts({"content": body.get("system")})  # Anthropic's own form
    yield from tools(body)


def _places(body: Body, point: _Point) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield where marks go: an object, and the name of its member whose last block is marked, or none."""
    if point.location == "tool_config":
        yield from ((tool, "") for tool in list(tools(body))[-1:])
        return
    found = list(messages(body))
    if point.index is not None:
        at = int(point.index)
        yield from ((message, "content") for message in found[at : at + 1 or None])
        return
    if point.role == "system" and body.get("system"):
        yield body, "system"
    yield from ((message, "content") for message in found if message.get("role") == point.role)


def _put(holder: dict[str, Any], name: str, mark: dict[str, Any]) -> bool:
    """Mark a place; whether that is a mark more."""
    block: Any = holder
    if name:
        content = holder.get(name)
        if isinstance(content, str) and content:
            content = holder[name] = [{"type": "text", "text": content}]
        block = content[-1] if isinstance(content, list) and content else None
    if not isinstance(block, dict) or MARK in block or MARK in holder:
        return False
    block[MARK] = mark
    return True
