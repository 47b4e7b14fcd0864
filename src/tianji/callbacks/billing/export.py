"""One export of what was spent, and those that a configuration names."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

from msgspec import Struct

from tianji.callbacks.billing.charge import Charge
from tianji.callbacks.settings import wanted
from tianji.callbacks.sink import Delivery, Given
from tianji.config.schema import Config
from tianji.errors import ConfigurationError
from tianji.lazy import load

EXPORTS: Final = {name: f"tianji.callbacks.billing.{name}" for name in ("cloudzero", "focus")}


class Export(Struct, frozen=True):
    """Where charges go. every: seconds; today: a day that is not over is told, too; complete: as a Sink has it."""

    name: str
    write: Callable[[Sequence[Charge]], Iterable[Delivery]]
    every: float
    today: bool = True
    complete: Callable[[Delivery], Awaitable[Delivery]] | None = None

    def days(self, now: float) -> list[date]:
        """Return the days that are told now, in seconds since 1970: yesterday's last requests may have come late."""
        today = datetime.fromtimestamp(now, UTC).date()
        return [today - timedelta(days=1), *([today] if self.today else [])]


def exports_of(config: Config, environ: Mapping[str, str]) -> tuple[list[Export], list[str]]:
    """Return the exports that the callbacks of a configuration name, and what is to be said of others."""
    found: list[Export] = []
    problems: list[str] = []
    for name in wanted(config).keys() & EXPORTS.keys():
        try:
            found.append(load(EXPORTS[name]).build(Given(name, config.callback_settings.get(name, {}), environ)))
        except ConfigurationError as error:
            problems.append(error.message)
    return sorted(found, key=lambda one: one.name), problems
