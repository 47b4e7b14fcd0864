"""What no destination is told, whatever else it is: what was said in messages of errors, and files as base64."""

import re
from typing import Any, Final

MARKER: Final = "redacted-by-litellm"  # stands where content was, as programs expect it
LONGEST: Final = 64  # characters of a file that is told
QUOTED: Final = 8  # characters of a text by which it is known again
_FILE: Final = re.compile(r"(data:[^;,\s]{0,100}(?:;[^;,\s]{0,100})*;base64,)([A-Za-z0-9+/=_-]{65,})")
FILES: Final = frozenset({"b64_json", "file_data"})  # members that are a file and do not say so
FORMS: Final = frozenset({"media_type", "mime_type", "mimeType", "format"})
"""What stands beside `data` that is a file: of Anthropic's pictures, Google's, and OpenAI's sound."""
_ALL: Final = FILES | {"data"}


def unquoted(message: str, said: Any) -> str:
    """Return a message with the marker where it repeats one of the texts that were said, but for very short ones."""
    if isinstance(said, str):
        return message.replace(said, MARKER) if len(said) >= QUOTED else message
    for one in said.values() if isinstance(said, dict) else said if isinstance(said, list) else ():
        message = unquoted(message, one)
    return message


def shortened(value: Any) -> Any:
    """Return what was said with the size of each file in its place."""
    if isinstance(value, str):
        return _FILE.sub(_sized, value) if ";base64," in value else value
    if isinstance(value, list):
        return [shortened(one) for one in value]
    if isinstance(value, dict):
        files = FILES if FORMS.isdisjoint(value) else _ALL
        return {name: _measured(one) if name in files else shortened(one) for name, one in value.items()}
    return value


def _measured(value: Any) -> Any:
    if not isinstance(value, str) or len(value) <= LONGEST:
        return value
    head, mark, data = value.rpartition(";base64,")
    return f"{head}{mark}[{len(data)} characters of base64]"


def _sized(match: re.Match[str]) -> str:
    return f"{match[1]}[{len(match[2])} characters of base64]"
