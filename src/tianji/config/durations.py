"""How configurations and keys write a length of time: a number and s, m (or min), h, d, w or mo, or a word as daily."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

FORM: Final = re.compile(r"([1-9]\d{0,8})(mo|[smhdw])(?:(?<=m)in)?")
WORDS: Final[Mapping[str, str]] = MappingProxyType({"hourly": "1h", "daily": "1d", "weekly": "7d", "monthly": "30d"})
SECONDS: Final[Mapping[str, int]] = {
    "s": 1,
    "m": 60,
    "h": 3600,
    "d": 86400,
    "w": 604800,
    "mo": 2592000,
}  # a month has thirty days here
NO_DURATION: Final = ("is no length of time", "write a number and one of s m h d w mo, as in 30d")


def is_duration(text: str | None) -> bool:
    """Whether it is one, or nothing is written."""
    return text is None or FORM.fullmatch(WORDS.get(text, text)) is not None


def seconds_of(length: float | str) -> float:
    """Return a length of time in seconds: a number is one already, text is `is_duration`'s or holds a number."""
    if not isinstance(length, str):
        return length
    match = FORM.fullmatch(WORDS.get(length, length))
    return float(match[1]) * SECONDS[match[2]] if match else float(length)
