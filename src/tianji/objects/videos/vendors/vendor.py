"""What a maker of videos says of itself, and how OpenAI's members are read for all of them."""

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from tianji.errors import Header, InvalidRequest, UpstreamProtocolError

OPENAIS: Final = frozenset({"model", "prompt", "seconds", "size", "input_reference", "parameters", "user"})
"""Members that a vendor gets in a form of its own, or not at all."""
_LONGEST: Final = 3600  # seconds
_SECONDS: Final = re.compile(r"([0-9]{1,4})(?:\.0+)?s?")
_NUMBER: Final = re.compile(r"-?[0-9]{1,18}")
_SIZE: Final = re.compile(r"([0-9]{2,5})x([0-9]{2,5})")
Json = dict[str, Any]


class Begun(Struct, frozen=True):
    """A request for a video: its path, what it says, and further headers."""

    path: str
    body: Json
    headers: tuple[Header, ...] = ()


class Vendor:
    """One maker. `seconds`: how long a video is of which nobody says it, since it is paid for when it is begun."""

    seconds: int = 5

    def begun(self, model: str, members: Json, picture: str | None) -> Begun:
        """Return the request for a video. picture: the address at which it begins, which may hold it (RFC 2397)."""
        raise NotImplementedError

    def name(self, model: str, answer: Json) -> str:
        """Return what a video that was begun is called, which `look` is told; "" where the answer does not say it."""
        raise NotImplementedError

    def look(self, name: str) -> str:
        """Return the path at which it is said how far a video is."""
        raise NotImplementedError

    def result(self, name: str) -> str:
        """Return the path at which it is said where a video lies."""
        return self.look(name)

    def state(self, answer: Json) -> Json:
        """Return how far a video is, as OpenAI says it. Raises UpstreamProtocolError for a state that nobody knows."""
        raise NotImplementedError

    def url(self, answer: Json) -> str | None:
        """Return the address at which a video lies; None as long as it lies nowhere."""
        raise NotImplementedError

    def removal(self, name: str) -> str | None:  # noqa: ARG002
        """Return the path at which a video is deleted; None where nobody can."""
        return None

    def resolution(self, members: Mapping[str, Any]) -> str | None:
        """Return what prices call the resolution that is asked for; None: the usual price counts."""
        raise NotImplementedError


def length(members: Mapping[str, Any], usual: int) -> int:
    """Return how many seconds a video is to have. Raises InvalidRequest, also where the vendor would choose."""
    own = members.get("parameters")
    given = (own.get("duration") if isinstance(own, dict) else None) or members.get("duration")
    text = str(given or members.get("seconds") or usual)
    found = _SECONDS.fullmatch(text)
    if found is None or not 0 < int(found[1]) <= _LONGEST:
        raise InvalidRequest("seconds: expected a whole number of seconds, since a video costs those", param="seconds")
    return int(found[1])


def shape(members: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return the width and the height that a video is to have; None where nobody says. Raises InvalidRequest."""
    size = members.get("size")
    if size is None:
        return None
    found = _SIZE.fullmatch(str(size))
    if found is None:
        raise InvalidRequest("size: expected WIDTHxHEIGHT, such as 1280x720", param="size")
    return int(found[1]), int(found[2])


def ratio(width: int, height: int) -> str:
    """Return how width and height go together, such as 16:9."""
    divisor = math.gcd(width, height)
    return f"{width // divisor}:{height // divisor}"


def own(members: Mapping[str, Any]) -> Json:
    """Return the members that are the vendor's own: those that OpenAI does not have, and `parameters`.

    A form has texts alone, so what looks like a number is one; a length may be a text, though.
    """
    given = members.get("parameters")
    more = {name: _number(value) for name, value in members.items() if name not in OPENAIS and value is not None}
    if "duration" in more:
        more["duration"] = members["duration"]
    return (given if isinstance(given, dict) else {}) | more


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else value


def told(states: Mapping[str, str], state: object, code: object = None, message: object = None) -> Json:
    """Return a state as OpenAI says it, and why it failed. Raises UpstreamProtocolError for one that nobody knows."""
    status = states.get(str(state))
    if status is None:
        raise UpstreamProtocolError(f"the upstream's video is in a state that nobody knows: {str(state)[:64]}")
    found: Json = {"status": status, "progress": 100 if status == "completed" else 0}
    if status == "failed":
        found["error"] = {"code": str(code or "failed"), "message": str(message or "it failed")}
    return found
