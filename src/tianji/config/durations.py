"""How configurations and keys write a length of time: a number and s, m, h, d, w or mo, or a word such as daily."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

FORM: Final = re.compile(r"([1-9]\d{0,8})(mo|[smhdw])")
WORDS: Final[Mapping[str, str]] = MappingProxyType({"hourly": "1h", "daily": "1d", "weekly": "7d", "monthly": "30d"})
NO_DURATION: Final = ("is no length of time", "write a number and one of s m h d w mo, as in 30d")


def is_duration(text: str | None) -> bool:
    """Whether it is one, or nothing is written."""
    return text is None or FORM.fullmatch(WORDS.get(text, text)) is not None
