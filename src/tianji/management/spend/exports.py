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

from tianji._core.http1 import Timeouts
from tianji.callbacks.billing.charges import MOST, charges, sums
from tianji.callbacks.billing.export import Answer, Ask, Export, Page, RefusedError, Told
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


async def deliver(office: Office, export: Export) -> None:
    """Tell an export what it has not been told yet. Raises StoreUnavailable; whatever the other end does is logged."""
    database = await office.store.open()
    diary = await taken(database, export.name, export.place, office.clock)
    if diary is None:
        return
    today = datetime.fromtimestamp(office.clock.now(), UTC).date()
    try:
        async with open_client(_LIMITS) as client, diary.kept():
            first = await _tell(database, export, diary, partial(_ask, client), today)
        await diary.close(first)
    except asyncio.CancelledError:  # a process that ends in order lets another one go on at once
        with contextlib.suppress(TianjiError, TakenError):
            await diary.close()
        raise
    except TakenError:
        log.warning("export %s: it took so long that another worker goes on with it", export.name)


async def _tell(database: Database, export: Export, diary: Diary, ask: Ask, today: date) -> date:
    """Tell days, and return the first one that is to be looked at next time."""
    first = diary.first or export.start or today - BACK
    try:
        behind = None if export.behind is None else await export.behind(ask)
    except (RefusedError, TianjiError) as error:
        log.error("export %s: %s; it is tried again", export.name, error)
        return first
    async with database.reading() as connection:
        found = await sums(connection, first, today if export.today else today - timedelta(days=1))
    due = [day for day, spent in found.items() if _is_due(day, spent, diary.days, behind)]
    untold: list[date] = []
    for number, day in enumerate(due):
        try:
            await _tell_day(database, export, diary, ask, day, found[day])
        except RefusedError as error:
            log.error("export %s: of %s %s; it is tried again", export.name, day, error)
            untold.append(day)
            if not error.of_the_day:
                untold += due[number:]
                break
        except StoreUnavailable:
            raise
        except TianjiError as error:
            log.error("export %s: %s %s; it is tried again", export.name, type(error).__name__, error)
            untold += due[number:]
            break
    return max(first, min([today - BACK, *untold]))


def _is_due(day: date, spent: str, days: Mapping[str, Told], behind: date | None) -> bool:
    told = days.get(day.isoformat(), Told())
    return told.sums != spent or told.others is not None or (behind is not None and day > behind)


async def _tell_day(database: Database, export: Export, diary: Diary, ask: Ask, day: date, spent: str) -> None:
    async with database.reading() as connection:
        found = await charges(connection, day)
    if len(found) == MOST:
        log.error("export %s: %s has more charges than %d; the smallest are left out", export.name, day, MOST)
    known = diary.days.get(day.isoformat(), Told())
    ids = await export.tell(Page(day, found, known, ask, partial(diary.note, day)))
    await diary.note(day, Told(sums=spent, ids=ids))


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
