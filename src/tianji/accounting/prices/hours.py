"""The hours of the week at which a provider is cheaper."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Final

from tianji.accounting.prices.exact import mapping
from tianji.lazy import load

_HOURS: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_Window = tuple[frozenset[int], tuple[tuple[int, int], ...]]  # weekdays from 1; minutes of the day, from and to


def off_peak(pricing: Mapping[str, object]) -> Callable[[int], bool]:
    """Return what says whether a second since 1970 is off-peak by `off_peak_pricing`.

    Hours are UTC and run over midnight where they do not end after they begin; the weekday is that of the same moment
    in `weekday_timezone`. Raises ValueError for hours, days or a zone that cannot be read.
    """
    written = pricing.get("windows")
    rows = [*written] if isinstance(written, Sequence) and not isinstance(written, str) else []
    windows = [_window(mapping(row)) for row in [*rows, *([pricing] if "hours_utc" in pricing else [])]]
    zone = _zone(pricing.get("weekday_timezone"))

    def holds(when: int) -> bool:
        now = datetime.fromtimestamp(when, UTC)
        minute, day = now.hour * 60 + now.minute, now.astimezone(zone).isoweekday()
        return any(
            day in days and (start <= minute < end if start < end else minute >= start or minute < end)
            for days, spans in windows
            for start, end in spans
        )

    return holds


def _window(row: Mapping[str, object]) -> _Window:
    return frozenset(map(_day, _listed(row.get("weekdays", range(1, 8))))), tuple(
        map(_span, _listed(row.get("hours_utc")))
    )


def _listed(value: object) -> Sequence[object]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else (value,)


def _span(value: object) -> tuple[int, int]:
    found = _HOURS.fullmatch(str(value))
    if found is None:
        raise ValueError(f"hours_utc: expected hours such as 16:30-00:30, not {value!r}")
    hours = [int(part) for part in found.groups()]
    return hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]


def _day(value: object) -> int:
    text = str(value).lower()[:3]
    if text in _DAYS:
        return _DAYS.index(text) + 1
    if text.isdecimal() and 1 <= int(text) <= 7:
        return int(text)
    raise ValueError(f"weekdays: expected 1 to 7 or the name of a day, not {value!r}")


def _zone(name: object) -> tzinfo:
    if name is None:
        return UTC
    try:
        zone: tzinfo = load("zoneinfo").ZoneInfo(str(name))
    except (KeyError, ValueError, OSError):
        raise ValueError(f"weekday_timezone: {name!r} is no time zone that is known here") from None
    return zone
