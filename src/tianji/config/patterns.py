"""Regular expressions of the configuration that strangers' texts are searched with: RE2's, which takes linear time."""

from collections.abc import Iterable
from importlib.util import find_spec
from typing import Any, Protocol, cast

from tianji.errors import ConfigurationError
from tianji.lazy import load


class Match(Protocol):
    """A place where a pattern occurs."""

    def span(self) -> tuple[int, int]:
        """Return where it begins and where it ends: characters of a text, bytes of its UTF-8."""


class Pattern(Protocol):
    """A compiled pattern."""

    def search(self, text: str | bytes, pos: int = 0, endpos: int = ..., /) -> Match | None:
        """Return the first place where the pattern occurs in `text` from `pos` on, None where it does not."""


def installed() -> bool:
    """Whether the package google-re2 is there."""
    return find_spec("re2") is not None


class Patterns(Protocol):
    """Several compiled patterns."""

    def Match(self, text: bytes, /) -> list[int]:  # noqa: N802 - RE2's
        """Return which of them occur, in one pass; none where they have too many states for that."""


def compile_all(texts: Iterable[str]) -> Patterns:
    """Compile several, each of which `compile_pattern` takes."""
    re2 = load("re2")
    found = re2.Set.SearchSet(_options(re2))
    for text in texts:
        found.Add(text)
    found.Compile()
    return cast("Patterns", found)


def _options(re2: Any) -> Any:
    options = re2.Options()
    options.log_errors = False  # they are said here
    options.never_capture = True  # whether it occurs is all that is asked, and that is quicker
    return options


def compile_pattern(text: str) -> Pattern:
    """Compile `text`. Raises ConfigurationError where RE2 does not take it, ImportError without google-re2."""
    re2 = load("re2")
    try:
        return cast("Pattern", re2.compile(text, _options(re2)))
    except re2.error as error:
        (reason,) = error.args
        fault = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise ConfigurationError(fault) from None
