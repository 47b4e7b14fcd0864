"""One export of what was spent, and those that a configuration names.

A day is told when its sums are others than those that were told of it last, so a day that lies behind is told once,
and again where an entry of it comes late.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tianji.callbacks.billing.charge import Charge
from tianji.callbacks.settings import wanted
from tianji.callbacks.sink import Delivery, Given
from tianji.config.schema import Config
from tianji.errors import ConfigurationError, UpstreamProtocolError
from tianji.lazy import load

EXPORTS: Final = {
    name: f"tianji.callbacks.billing.{name}" for name in ("cloudzero", "focus", "mavvrik", "ternary", "vantage")
}
_OF_THE_DAY: Final = frozenset({400, 409, 413, 422})


class Answer(Struct, frozen=True):
    """What a destination says to a request; names of headers are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def document(self) -> dict[str, Any]:
        """Return its JSON object. Raises UpstreamProtocolError where it is none."""
        try:
            return msgspec.json.decode(self.body, type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError) as error:
            raise UpstreamProtocolError("it did not answer with a JSON object") from error


class RefusedError(Exception):
    """A destination did not take a request."""

    def __init__(self, status: int) -> None:
        super().__init__(f"it answered with status {status}")
        self.status = status

    @property
    def of_the_day(self) -> bool:
        """Whether other days may be taken nevertheless."""
        return self.status in _OF_THE_DAY


Ask = Callable[[Delivery], Awaitable[Answer]]
"""Makes a request. Raises TianjiError where no answer comes."""


class Told(Struct, frozen=True, omit_defaults=True):
    """What is known of a day at a destination.

    sums: what had been spent when it was told last; empty: that is not known
    ids: what the destination calls what it holds of the day
    others: ids of what it held of the day before it was told, and not by us; None: nothing is under way
    """

    sums: str = ""
    ids: tuple[str, ...] = ()
    others: tuple[str, ...] | None = None


class Page(Struct, frozen=True):
    """A day that is to be told.

    charges: all of it, never none; told: what is known of it; ask: makes a request
    note: keeps what is known from now on, so that the next process knows it, too
    """

    day: date
    charges: Sequence[Charge]
    told: Told
    ask: Ask
    note: Callable[[Told], Awaitable[None]]


Tell = Callable[[Page], Awaitable[tuple[str, ...]]]
"""Tells a day in place of what was told of it, and returns ids of what the destination holds now, where it has any.

Raises RefusedError or TianjiError where it could not be told: then it is told again, as it is when a process ends in
the middle.
"""


class Export(Struct, frozen=True):
    """Where sums of days go.

    place: what is told, as far as that matters: another one is told everything anew; every: seconds
    today: a day that is not over is told, too; start: the first day, where that is not the usual one
    behind: returns the last day that the destination has; whatever came later is told again. None: nobody knows
    foreign: the database names it, so where it leads is judged
    """

    name: str
    place: str
    tell: Tell
    every: float
    today: bool = False
    start: date | None = None
    behind: Callable[[Ask], Awaitable[date | None]] | None = None
    foreign: bool = False


def replacing(
    write: Callable[[Sequence[Charge]], Iterable[Delivery]],
    complete: Callable[[Delivery], Awaitable[Delivery]] | None = None,
) -> Tell:
    """Return what tells a day by requests that replace all that was told of it. complete: as a Sink has it."""

    async def tell(page: Page) -> tuple[str, ...]:
        for request in write(page.charges):
            await taken(page.ask, request if complete is None else await complete(request))
        return ()

    return tell


async def taken(ask: Ask, request: Delivery) -> Answer:
    """Make a request and return its answer. Raises RefusedError where that is none of those that are accepted."""
    answer = await ask(request)
    if not request.accepts(answer.status):
        raise RefusedError(answer.status)
    return answer


def exports_of(
    config: Config, environ: Mapping[str, str], kept: Mapping[str, Mapping[str, Any]] | None = None
) -> tuple[list[Export], list[str]]:
    """Return the exports that the callbacks of a configuration name, and what is to be said of others.

    kept: what the database says of those that the configuration does not name; it gets none of the operator's variables
    """
    found: list[Export] = []
    problems: list[str] = []
    named = wanted(config).keys() & EXPORTS.keys()
    given = [Given(name, config.callback_settings.get(name, {}), environ) for name in named]
    own = [Given(name, params, {}) for name, params in (kept or {}).items() if name in EXPORTS.keys() - named]
    for one in (*given, *own):
        try:
            found.append(replace(load(EXPORTS[one.name]).build(one), foreign=one in own))
        except ConfigurationError as error:
            problems.append(error.message)
    return sorted(found, key=lambda one: one.name), problems
