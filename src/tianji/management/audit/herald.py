"""Tells destinations of the audit log: whatever is in the database, and nothing that is not.

The log itself is what waits for a destination, so one that does not answer holds up nobody, takes no memory, and is
told later. An entry that one refuses for itself is passed over and logged. What was told just before a process was
killed may be told again; an entry has the same id each time.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
import msgspec

from tianji._core.upstreams.http1 import Timeouts
from tianji.callbacks.audit import Audit
from tianji.callbacks.hearers import AUDITS, Hearer, hearers
from tianji.callbacks.outlet import AGAIN, Send
from tianji.callbacks.sink import Delivery, Sink
from tianji.egress.client import open_client
from tianji.errors import StoreUnavailable, TianjiError
from tianji.hooks.apart import apart
from tianji.hooks.calling import place, spoken
from tianji.management.audit import positions
from tianji.management.office import Office
from tianji.storage.engine import Database

RETRY: Final = timedelta(seconds=15)  # until a destination is asked again that did not take an entry
TOTAL: Final = 30.0  # seconds of one request, and of one call of a logger
_LIMITS: Final = Timeouts(connect=5.0, between_chunks=20.0)

log = logging.getLogger(__name__)


class _Later(Exception):  # noqa: N818 - it never leaves this module
    """A destination does not take entries now."""


class Herald:
    """Tells the destinations that a configuration names. began: when whoever has it began, seconds since 1970.

    send: makes one request and returns the status of its answer. Raises OSError where there is none
    """

    def __init__(self, office: Office, began: float, send: Send | None = None) -> None:
        self._office = office
        self._began = datetime.fromtimestamp(began, UTC)
        self._client: httpx.AsyncClient | None = None
        self._send = send or self._post
        self._config: object = None
        self._heard: dict[str, Hearer] = {}
        self._since: dict[str, datetime] = {}  # from when on each is told, should it be a new one
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._failing: set[str] = set()  # of which it was said
        self._said: set[str] = set()  # of what cannot be told

    async def round(self) -> None:
        """Begin to tell those that were not told everything. Raises StoreUnavailable."""
        await self._adopt()
        idle = {name: self._since[name] for name in self._heard.keys() - self._under_way.keys()}
        if not idle:
            return
        database = await self._office.store.open()
        for name in await positions.waiting(database, idle, self._now()):
            self._under_way[name] = asyncio.get_running_loop().create_task(self._tell(database, self._heard[name]))

    async def settle(self) -> None:
        """Wait until nothing is under way."""
        while self._under_way:
            await asyncio.wait(self.under_way)

    @property
    def under_way(self) -> tuple[asyncio.Task[None], ...]:
        """Who is being told; what is cut off is told by whoever comes next."""
        return tuple(self._under_way.values())

    async def _adopt(self) -> None:
        """Go by the configuration in force."""
        config = self._office.config()
        if config is self._config:
            return
        since = self._began if self._config is None else self._now()
        self._config = config
        found, problems = await asyncio.to_thread(
            hearers, AUDITS, config, self._office.environ(), self._office.folder()
        )
        for problem in set(problems) - self._said:  # each change of a model is another configuration
            log.error("%s", problem)
        self._said.update(problems)
        self._since = {one.name: self._since.get(one.name, since) for one in found}
        self._heard = {one.name: one for one in found}

    async def _tell(self, database: Database, hearer: Hearer) -> None:
        """Tell one of all that it was not told yet."""
        name = hearer.name
        try:
            position = await positions.take(database, name, self._now())
            if position is not None:
                await self._tell_from(position, database, hearer)
        except StoreUnavailable as error:
            log.warning("callback %s was not told of the audit log, and will be: %s", name, error)
        except Exception:  # boundary: whatever a destination makes of an entry stops nobody else
            log.exception("callback %s could not be told of the audit log", name)
        finally:
            del self._under_way[name]

    async def _tell_from(self, position: int, database: Database, hearer: Hearer) -> None:
        name = hearer.name
        while rows := await positions.after(database, position, hearer.batch):
            try:
                await self._deliver(hearer, [entry(row) for row in rows])
            except _Later as why:
                self._complain(name, str(why))
                await positions.keep(database, name, position, self._now() + RETRY)
                return
            self._failing.discard(name)
            position = rows[-1]["number"]
            await positions.keep(database, name, position, self._now() + positions.LEASE)
        await positions.keep(database, name, position, self._now())

    async def _deliver(self, hearer: Hearer, entries: Sequence[Audit]) -> None:
        """Have entries arrive. Raises _Later for what is to be tried again."""
        if hearer.sink is None:
            for one in entries:
                await self._call(hearer, one)
            return
        sink = hearer.sink
        parts = [entries[start : start + sink.batch] for start in range(0, len(entries), sink.batch)]
        done = await asyncio.gather(*(self._part(hearer.name, sink, part) for part in parts), return_exceptions=True)
        for failed in done:
            if failed is not None:
                raise failed

    async def _part(self, name: str, sink: Sink, entries: Sequence[Audit]) -> None:
        """Send a batch, in halves where it is refused."""
        if sink.audited is None:
            raise TypeError("a destination of the log takes entries")
        for request in sink.audited(entries):
            status = await self._asked(sink, request)
            if request.accepts(status):
                continue
            if len(entries) == 1:
                log.error("callback %s refused the entry %s of the audit log: status %d", name, entries[0].id, status)
                return
            middle = len(entries) // 2
            await self._part(name, sink, entries[:middle])
            await self._part(name, sink, entries[middle:])
            return

    async def _asked(self, sink: Sink, request: Delivery) -> int:
        """Return the status of an answer that is final. Raises _Later."""
        try:
            status = await self._send(request if sink.complete is None else await sink.complete(request))
        except (OSError, TianjiError) as error:
            raise _Later(str(error) or type(error).__name__) from error
        if status >= 500 or status in AGAIN:
            raise _Later(f"status {status}")
        return status

    async def _call(self, hearer: Hearer, one: Audit) -> None:
        """Call a logger's method, which has so many seconds. What it raises is logged, and the entry counts as told."""
        hook: Any = hearer.hook
        try:
            async with asyncio.timeout(TOTAL):
                await asyncio.wrap_future(apart().begin(spoken(hook, msgspec.to_builtins(one))))
        except (Exception, SystemExit) as error:  # boundary: somebody else's code
            log.exception("callback %s failed at %s", hearer.name, place(error, self._office.folder()))

    async def _post(self, request: Delivery) -> int:
        if self._client is None:
            self._client = open_client(_LIMITS)
        try:
            async with asyncio.timeout(TOTAL):
                answer = await self._client.request(
                    request.method, request.url, content=request.body, headers=dict(request.headers)
                )
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, TianjiError) as error:
            raise OSError(f"{type(error).__name__} {error}".strip()) from error
        return answer.status_code

    def _complain(self, name: str, why: str) -> None:
        """Say that a destination does not take entries, once until it does."""
        if name not in self._failing:
            self._failing.add(name)
            log.warning("callback %s does not take entries of the audit log, and is asked again: %s", name, why)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._office.clock.now(), UTC)


def entry(row: positions.Row) -> Audit:
    """Return an entry as destinations are told it."""
    before, after = (
        None if row[name] is None else msgspec.json.encode(row[name]).decode()
        for name in ("before_value", "updated_values")
    )
    return Audit(
        id=row["id"],
        updated_at=row["updated_at"].isoformat(),
        changed_by=row["changed_by"] or "",
        changed_by_api_key=row["changed_by_api_key"] or "",
        action=row["action"],
        table_name=row["table_name"],
        object_id=row["object_id"],
        before_value=before,
        updated_values=after,
    )
