"""Regular expressions of the configuration that strangers' texts are searched with: RE2's, which takes linear time."""

from importlib.util import find_spec
from typing import Protocol, cast

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


def compile_pattern(text: str) -> Pattern:
    """Compile `text`. Raises ConfigurationError where RE2 does not take it, ImportError without google-re2."""
    re2 = load("re2")
    options = re2.Options()
    options.log_errors = False  # they are said here
    options.never_capture = True  # whether it occurs is all that is asked, and that is quicker
    try:
        return cast("Pattern", re2.compile(text, options))
    except re2.error as error:
        (reason,) = error.args
        fault = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise ConfigurationError(fault) from None
