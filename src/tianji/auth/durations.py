"""Lengths of time as configurations and keys write them, and when a budget begins anew.

`30d` and its kin: a whole number and s, m, h, d, w or mo; or hourly, daily, weekly, monthly. Budgets are aligned to
the calendar: a day begins at midnight, a week on Monday, a month on its first day.
"""

from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Final

from tianji.config.durations import FORM, SECONDS, WORDS
from tianji.errors import Unacceptable
from tianji.lazy import load

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
    if name in (None, "", "UTC"):
        return UTC
    found: tzinfo = load("zoneinfo").ZoneInfo(name)
    return found


def next_reset(text: str, now: datetime, *, where: tzinfo, at: time, param: str = "budget_duration") -> datetime:
    """Return when a budget of this duration begins anew after `now`, in the zone of `now`.

    `where` and `at`: the zone and the hour in which days begin. An hour that a change of clocks skips is the one after
    it, and one that comes twice begins the day when it comes first. Raises Unacceptable.
    """
    number, unit = parse(text, param)
    if unit in ("s", "m", "h"):
        seconds = number * SECONDS[unit]
        whole = seconds >= SECONDS["d"]
        return now + timedelta(seconds=seconds) if whole else _multiple(now, seconds, where)[1].astimezone(now.tzinfo)
    start = _day(now, where, at)
    if (months := _months(number, unit)) is not None:
        following = _month(start, start.year * 12 + start.month - 1 + months)
    elif (unit, number) in (("d", 7), ("w", 1)):
        following = start + timedelta(days=7 - start.weekday())
    else:
        following = start + timedelta(days=number * (7 if unit == "w" else 1))
    return following.astimezone(now.tzinfo)


def following(text: str, ended: datetime, now: datetime, *, where: tzinfo, at: time) -> tuple[datetime, datetime]:
    """Return beginning and end of the period at `now` of a budget whose earlier one ended at `ended`, not after `now`.

    One period begins where another ends, so nobody's being late moves them. Raises Unacceptable.
    """
    number, unit = parse(text, "budget_duration")
    if unit in ("s", "m", "h"):
        seconds = number * SECONDS[unit]
        if seconds < SECONDS["d"]:
            begins, ends = _multiple(now, seconds, where)
            return max(begins, ended), ends
        passed = timedelta(seconds=(now - ended).total_seconds() // seconds * seconds)
        return ended + passed, ended + passed + timedelta(seconds=seconds)
    begins, ends = ended, next_reset(text, ended, where=where, at=at)
    while ends <= now:
        begins, ends = ends, next_reset(text, ends, where=where, at=at)
    return begins, ends


def span(text: str, now: datetime, *, where: tzinfo, at: time, param: str) -> tuple[datetime, datetime]:
    """Return beginning and end of the period at `now`, of a budget for which nobody keeps when its last one ended.

    Several days or months are counted from the same day for everybody, a Monday, hence. Raises Unacceptable.
    """
    number, unit = parse(text, param)
    if unit in ("s", "m", "h"):
        seconds = number * SECONDS[unit]
        if seconds < SECONDS["d"]:
            return _multiple(now, seconds, where)
        begins = datetime.fromtimestamp(now.timestamp() // seconds * seconds, UTC)
        return begins, begins + timedelta(seconds=seconds)
    start = _day(now, where, at)
    if (months := _months(number, unit)) is not None:
        first = (start.year * 12 + start.month - 1) // months * months
        edges = _month(start, first), _month(start, first + months)
    else:
        days = number * (7 if unit == "w" else 1)
        first_day = start - timedelta(days=(start.toordinal() - 1) % days)  # the first of all days was a Monday
        edges = first_day, first_day + timedelta(days=days)
    return edges[0].astimezone(UTC), edges[1].astimezone(UTC)


def _day(now: datetime, where: tzinfo, at: time) -> datetime:
    """Return when the day began in which `now` is."""
    start = datetime.combine(now.astimezone(where).date(), at, where)
    # within one zone, times are compared by what clocks show, which may come twice
    return start - timedelta(days=1) if start.astimezone(UTC) > now else start


def _months(number: int, unit: str) -> int | None:
    """Return of how many months of the calendar a duration is; None for one that is of days."""
    return number if unit == "mo" else 1 if (unit, number) == ("d", 30) else None


def _month(day: datetime, months: int) -> datetime:
    """Return the first day of a month, counted from the first one of the year 0, at the hour of `day`."""
    year, month = divmod(months, 12)
    return day.replace(year=year, month=month + 1, day=1)


def _multiple(now: datetime, seconds: int, where: tzinfo) -> tuple[datetime, datetime]:
    """Return the multiples of `seconds` since the day began between which `now` is, in UTC; less than a day.

    Clocks are changed in the middle of days: what passed is counted, not read off them.
    """
    midnight = now.astimezone(where).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    first, last = midnight.astimezone(UTC), (midnight + timedelta(days=1)).astimezone(UTC)
    begins = first + timedelta(seconds=(now - first).total_seconds() // seconds * seconds)
    return begins, min(begins + timedelta(seconds=seconds), last)
