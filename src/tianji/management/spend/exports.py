"""Exports of what was spent: each when its time has come, day by day.

Of each day stands in a diary what was told of it, so a day is told when it is another one than that: for the first
time, or since an entry came late. What could not be told, or was under way when a process ended, is told next time.
Days are those of UTC, as the sums are.
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Final

import httpx
from msgspec import Struct

from tianji._core.upstreams.http1 import Timeouts
from tianji.callbacks.billing.charges import MOST, charges, sums
from tianji.callbacks.billing.export import Answer, Ask, Export, Page, RefusedError, Told
from tianji.callbacks.lent import checking
from tianji.callbacks.sink import Delivery
from tianji.egress.client import open_client
from tianji.errors import StoreUnavailable, TianjiError, UpstreamConnectFailed, UpstreamTimeout
from tianji.management.office import Office
from tianji.management.spend.diary import Diary, TakenError, taken
from tianji.storage.engine import Database

TOTAL: Final = 120.0  # seconds of one request
BACK: Final = timedelta(days=35)  # for so long a day is looked at again, and an export begins so far back
_LIMITS: Final = Timeouts(connect=10.0, between_chunks=TOTAL)

log = logging.getLogger(__name__)


class Delivered(Struct):
    """What came of an export. charges: so many were told; failures: what was not taken, and why."""

    charges: int = 0
    failures: list[str] = []


async def deliver(office: Office, export: Export, window: tuple[date, date] | None = None) -> Delivered | None:
    """Tell an export what it has not been told yet. Raises StoreUnavailable; whatever the other end does is logged.

    None: another worker is at it.
    window: the first and the last day that are told, whatever was told of them before
    """
    database, done = await office.store.open(), Delivered()
    diary = await taken(database, export.name, export.place, office.clock)
    if diary is None:
        return None
    today = datetime.fromtimestamp(office.clock.now(), UTC).date()
    check = checking(office.config()) if export.foreign else None
    try:
        async with open_client(_LIMITS, check=check) as client, diary.kept():
            round_ = _Round(database, export, diary, partial(_ask, client), done)
            first = await (round_.tell(today) if window is None else round_.repeat(*window))
        await diary.close(first)
    except asyncio.CancelledError:  # a process that ends in order lets another one go on at once
        with contextlib.suppress(TianjiError, TakenError):
            await diary.close()
        raise
    except TakenError:
        log.warning("export %s: it took so long that another worker goes on with it", export.name)
        done.failures.append("it took so long that another worker goes on with it")
    return done


class _Round(Struct, frozen=True):
    """One round of an export."""

    database: Database
    export: Export
    diary: Diary
    ask: Ask
    done: Delivered

    async def tell(self, today: date) -> date:
        """Tell days, and return the first one that is to be looked at next time."""
        export = self.export
        first = self.diary.first or export.start or today - BACK
        try:
            behind = None if export.behind is None else await export.behind(self.ask)
        except (RefusedError, TianjiError) as error:
            self._failed(f"{error}")
            return first
        async with self.database.reading() as connection:
            found = await sums(connection, first, today if export.today else today - timedelta(days=1))
        untold = await self._days({day: of for day, of in found.items() if _is_due(day, of, self.diary.days, behind)})
        return max(first, min([today - BACK, *untold]))

    async def repeat(self, first: date, last: date) -> None:
        """Tell days whatever was told of them. What is looked at next time stays."""
        async with self.database.reading() as connection:
            found = await sums(connection, first, last)
        await self._days(found)

    async def _days(self, due: Mapping[date, str]) -> list[date]:
        """Tell days, and return those that were not taken."""
        untold: list[date] = []
        for number, (day, spent) in enumerate(due.items()):
            try:
                await self._day(day, spent)
            except RefusedError as error:
                self._failed(f"of {day} {error}")
                untold.append(day)
                if not error.of_the_day:
                    return [*untold, *list(due)[number:]]
            except StoreUnavailable:
                raise
            except TianjiError as error:
                self._failed(f"{type(error).__name__} {error}")
                return [*untold, *list(due)[number:]]
        return untold

    async def _day(self, day: date, spent: str) -> None:
        async with self.database.reading() as connection:
            found = await charges(connection, day)
        if len(found) == MOST:
            log.error("export %s: %s has more charges than %d; the smallest are left out", self.export.name, day, MOST)
        known = self.diary.days.get(day.isoformat(), Told())
        ids = await self.export.tell(Page(day, found, known, self.ask, partial(self.diary.note, day)))
        await self.diary.note(day, Told(sums=spent, ids=ids))
        self.done.charges += len(found)

    def _failed(self, said: str) -> None:
        log.error("export %s: %s; it is tried again", self.export.name, said)
        self.done.failures.append(said)


def _is_due(day: date, spent: str, days: Mapping[str, Told], behind: date | None) -> bool:
    told = days.get(day.isoformat(), Told())
    return told.sums != spent or told.others is not None or (behind is not None and day > behind)


async def _ask(client: httpx.AsyncClient, request: Delivery) -> Answer:
    """Make a request. Raises UpstreamFailure where no answer comes."""
    try:
        async with asyncio.timeout(TOTAL):
            answer = await client.request(
                request.method, request.url, content=request.body, headers=dict(request.headers)
            )
    except TimeoutError as error:
        raise UpstreamTimeout("it did not answer in time", "total") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UpstreamConnectFailed(f"it cannot be reached: {type(error).__name__}") from error
    return Answer(answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, answer.content)
