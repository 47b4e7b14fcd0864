"""Lengths of time as configurations and keys write them, and when a budget begins anew.

`30d` and its kin: a whole number and s, m, h, d, w or mo; or hourly, daily, weekly, monthly. Budgets are aligned to
the calendar: a day begins at midnight, a week on Monday, a month on its first day.
"""

from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from tianji.config.durations import FORM, SECONDS, WORDS
from tianji.errors import Unacceptable

_LONGEST: Final = timedelta(days=365 * 200)


def parse(text: str, param: str) -> tuple[int, str]:
    """Return the number and the unit of a duration. Raises Unacceptable (400) naming `param`."""
    found = FORM.fullmatch(WORDS.get(text, text))
    if found is None or int(found[1]) * SECONDS[found[2]] > _LONGEST.total_seconds():
        raise Unacceptable(
            f"Invalid duration format in {param}: {text[:40]!r}; write a number and one of s m h d w mo, as in 30d",
            param=param,
        )
    return int(found[1]), found[2]


def length(text: str, param: str) -> timedelta:
    """Return how long a duration is; a month has 30 days. Raises Unacceptable."""
    number, unit = parse(text, param)
    return timedelta(seconds=number * SECONDS[unit])


def zone(name: str | None) -> tzinfo:
    """Return the time zone of the settings, UTC when there is none. Raises ZoneInfoNotFoundError."""
    return UTC if name in (None, "", "UTC") else ZoneInfo(name)


def next_reset(text: str, now: datetime, *, where: tzinfo, at: time, param: str = "budget_duration") -> datetime:
    """Return when a budget of this duration begins anew after `now`, in the zone of `now`.

    `where` and `at`: the zone and the hour in which days begin. An hour that a change of clocks skips is the one after
    it, and one that comes twice begins the day when it comes first. Raises Unacceptable.
    """
    number, unit = parse(text, param)
    local = now.astimezone(where)
    if unit in ("s", "m", "h"):
        return _multiple(local, number * SECONDS[unit]).astimezone(now.tzinfo)
    start = datetime.combine(local.date(), at, where)
    if start.astimezone(UTC) > now:  # within one zone, times are compared by what clocks show, which may come twice
        start -= timedelta(days=1)
    if unit == "mo" or (unit, number) == ("d", 30):
        months = number if unit == "mo" else 1
        year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
        following = start.replace(year=year, month=month + 1, day=1)
    elif (unit, number) in (("d", 7), ("w", 1)):
        following = start + timedelta(days=7 - start.weekday())
    else:
        following = start + timedelta(days=number * (7 if unit == "w" else 1))
    return following.astimezone(now.tzinfo)


def _multiple(local: datetime, seconds: int) -> datetime:
    """Return the next multiple of `seconds` since its day began, in UTC; what is longer than a day begins now.

    Clocks are changed in the middle of days: what passed is counted, not read off them.
    """
    now = local.astimezone(UTC)
    if seconds >= SECONDS["d"]:
        return now + timedelta(seconds=seconds)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    began, ends = midnight.astimezone(UTC), (midnight + timedelta(days=1)).astimezone(UTC)
    passed = int((now - began).total_seconds())
    return min(began + timedelta(seconds=(passed // seconds + 1) * seconds), ends)
