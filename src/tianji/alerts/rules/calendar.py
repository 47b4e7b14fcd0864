"""When reports are due: periods begin at midnight where the operator is, or divide his day."""

from datetime import datetime, time, timedelta, tzinfo
from typing import Final

DAY: Final = 86_400
_MONDAY: Final = datetime(1970, 1, 5)  # noqa: DTZ001 - a date, whatever the zone


def day_part(now: float, seconds: int, where: tzinfo) -> float:
    """Return when the part of the day began that `now` is in; whole days where a part is longer than one."""
    local = datetime.fromtimestamp(now, where)
    midnight = datetime.combine(local.date(), time(), where)
    if seconds >= DAY:
        return days(now, seconds // DAY, where)
    return midnight.timestamp() + (now - midnight.timestamp()) // seconds * seconds


def days(now: float, count: int, where: tzinfo) -> float:
    """Return when the period of so many days began that `now` is in; those of seven days begin on Mondays."""
    date = datetime.fromtimestamp(now, where).date()
    passed = (date - _MONDAY.date()).days % count
    return datetime.combine(date - timedelta(days=passed), time(), where).timestamp()


def month(now: float, where: tzinfo) -> float:
    """Return when the month began that `now` is in."""
    date = datetime.fromtimestamp(now, where).date()
    return datetime.combine(date.replace(day=1), time(), where).timestamp()


def hour_of_day(now: float, hour: int, where: tzinfo) -> float:
    """Return when it was this hour last."""
    local = datetime.fromtimestamp(now, where)
    today = datetime.combine(local.date(), time(hour), where)
    return (today if today <= local else today - timedelta(days=1)).timestamp()


def day_of(moment: float, where: tzinfo) -> str:
    """Return the day of a moment."""
    return datetime.fromtimestamp(moment, where).strftime("%Y-%m-%d")
