"""How often exports are made, and from which day on."""

from datetime import date
from typing import Final

from tianji.callbacks.sink import Given
from tianji.errors import ConfigurationError

HOUR: Final = 3600.0
_USUAL: Final = {"hourly": HOUR, "daily": HOUR}  # a late entry of a day is told within the hour


def rhythm(given: Given, prefix: str, *, usual: str, choices: tuple[str, ...]) -> tuple[float, bool]:
    """Return after how many seconds there is an export, and whether it tells the day that is not over.

    prefix: of the variables _FREQUENCY and _INTERVAL_SECONDS. Raises ConfigurationError for none of the choices.
    """
    often = given.text("frequency", f"{prefix}_FREQUENCY", default=usual)
    if often not in choices:
        said = f"{prefix}_FREQUENCY {often!r} is none of {', '.join(choices)}"
        raise ConfigurationError(f"callback {given.name}: {said}")
    every = _USUAL.get(often) or given.number("interval_seconds", f"{prefix}_INTERVAL_SECONDS", default=HOUR)
    return max(1.0, every), often != "daily"


def first_day(given: Given, param: str, variable: str) -> date | None:
    """Return the day, YYYY-MM-DD, of a variable; None where there is none. Raises ConfigurationError."""
    written = given.optional(param, variable)
    if not written:
        return None
    try:
        return date.fromisoformat(written)
    except ValueError as error:
        raise ConfigurationError(
            f"callback {given.name}: {variable} {written!r} is no day; write 2026-01-31"
        ) from error
