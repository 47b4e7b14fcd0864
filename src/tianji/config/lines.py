"""Settings that are a list, or the path of a text file with one item a line, as LiteLLM reads them."""

from pathlib import Path
from typing import Final

SETTINGS: Final = ("blocked_user_list", "banned_keywords_list")
"""Those of `litellm_settings`."""


def items(written: object) -> tuple[str, ...]:
    """Return the items, without white space around them. Raises OSError for a file that cannot be read."""
    lines = Path(written).read_text().splitlines() if isinstance(written, str) else written
    return tuple(text for line in lines if (text := str(line).strip())) if isinstance(lines, list | tuple) else ()
