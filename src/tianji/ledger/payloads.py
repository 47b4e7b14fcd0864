"""What was said, shortened: a ledger is no archive of prompts."""

from typing import Any, Final

import msgspec

LONGEST: Final = 2048  # characters of a text that are kept, its beginning and its end
_MARK: Final = "... ({} characters left out) ..."


def shortened(document: bytes, longest: int = LONGEST) -> bytes:
    """Return a JSON document whose long texts have lost their middle; nothing for what is no JSON."""
    try:
        return msgspec.json.encode(_shortened(msgspec.json.decode(document), longest))
    except (msgspec.DecodeError, RecursionError):
        return b""


def _shortened(value: Any, longest: int) -> Any:
    if isinstance(value, str):
        return _cut(value, longest)
    if isinstance(value, list):
        return [_shortened(one, longest) for one in value]
    if isinstance(value, dict):
        return {name: _shortened(one, longest) for name, one in value.items()}
    return value


def _cut(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    head = longest * 35 // 100
    tail = longest - head
    return text[:head] + _MARK.format(len(text) - longest) + text[-tail:]
