"""A prompt before it has its variables, and after."""

import re
from collections.abc import Mapping
from typing import Any, Final, Protocol

import msgspec
from msgspec import Struct

Variables = Mapping[str, Any]
Message = dict[str, Any]
DOUBLE: Final = re.compile(r"\{\{\s*([^\W\d][\w.-]*)\s*\}\}")
EITHER: Final = re.compile(r"\{\{\s*([^\W\d][\w.-]*)\s*\}\}|\{([^\W\d][\w.-]*)\}")


class Filled(Struct, frozen=True):
    """A prompt with its variables, as chat has it. `params`: members that it sets beside."""

    messages: list[Message]
    model: str | None = None
    params: Mapping[str, Any] = {}


class Template(Protocol):
    """What a source has of one prompt. It is shared by requests, and none of them changes it."""

    def fill(self, variables: Variables) -> Filled:
        """Put variables into it. Raises InvalidRequest for those that do not fit."""


class Spoken(Struct, frozen=True):
    """Messages with names between braces, each of which stands for the text of a variable and nothing else.

    places: what is a name in them; one that no variable has stays as it is
    """

    messages: tuple[Mapping[str, Any], ...]
    model: str | None = None
    params: Mapping[str, Any] = {}
    places: re.Pattern[str] = DOUBLE

    def fill(self, variables: Variables) -> Filled:
        """Put variables into it."""
        return Filled([_filled(message, variables, self.places) for message in self.messages], self.model, self.params)


def _filled(value: Any, variables: Variables, places: re.Pattern[str]) -> Any:
    if isinstance(value, str):
        return places.sub(lambda found: _text(found, variables), value)
    if isinstance(value, Mapping):
        return {name: _filled(inner, variables, places) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_filled(inner, variables, places) for inner in value]
    return value


def _text(found: re.Match[str], variables: Variables) -> str:
    name = next(filter(None, found.groups()))
    if name not in variables:
        return found[0]
    value = variables[name]
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
