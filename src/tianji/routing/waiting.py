"""How long an upstream asks its callers to wait, from the headers of its answer."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from tianji.errors import Header
from tianji.lazy import load

_DURATION: Final = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")
_UNITS: Final = (86_400, 3_600, 60, 1, 0.001)
_EPOCH: Final = 1e9  # seconds; a larger number is a time and no duration
_EPOCH_MS: Final = 1e12


def seconds_to_wait(headers: Iterable[Header], now: float) -> float | None:
    """Seconds from `now`, seconds since the epoch; None when the upstream asks for no wait.

    `retry-after-ms` (OpenAI, Azure) is the most exact, then `retry-after` (RFC 9110 section 10.2.3: seconds or a date),
    then the reset of the limits that have nothing left: `x-ratelimit-reset-requests` beside
    `x-ratelimit-remaining-requests` (OpenAI) and `anthropic-ratelimit-tokens-reset` beside `...-remaining`. When no
    limit says that nothing is left, the earliest reset counts.
    """
    said = {name.lower(): value.decode("latin-1").strip() for name, value in headers}
    milliseconds = _number(said.get(b"retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    asked = _seconds(said.get(b"retry-after", ""), now)
    if asked is not None:
        return asked
    resets = {name: _seconds(value, now) for name, value in said.items() if b"ratelimit" in name and b"reset" in name}
    known = {name: seconds for name, seconds in resets.items() if seconds is not None}
    empty = [seconds for name, seconds in known.items() if said.get(name.replace(b"reset", b"remaining")) == "0"]
    return max(empty) if empty else min(known.values(), default=None)


def _seconds(text: str, now: float) -> float | None:
    number = _number(text)
    if number is not None:
        if number >= _EPOCH_MS:
            number /= 1000
        return max(0.0, number - now) if number >= _EPOCH else number
    duration = _DURATION.fullmatch(text)
    if text and duration is not None:
        return sum(float(part) * unit for part, unit in zip(duration.groups(), _UNITS, strict=True) if part)
    moment = _moment(text)
    return None if moment is None else max(0.0, moment.timestamp() - now)


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\d{1,15}(?:\.\d{1,9})?", text) else None


def _moment(text: str) -> datetime | None:
    """Read RFC 3339, as Anthropic writes, or a date of HTTP."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        try:
            moment = load("email.utils").parsedate_to_datetime(text)
        except ValueError:
            return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
