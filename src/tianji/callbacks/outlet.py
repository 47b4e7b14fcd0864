"""Sends events to one destination: in batches, again when that is worth it, and never at another one's cost.

Events leave the backlog when they arrived, or when they were given up. While a destination does not answer at all,
nothing is given up here: how long the journals are kept for it is the teller's to say.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from msgspec import Struct

from tianji.callbacks.backlog import Backlog, Pages
from tianji.callbacks.event import Notice
from tianji.callbacks.sink import Delivery, Sink, UnwritableError
from tianji.errors import TianjiError

FIRST_WAIT, LONGEST_WAIT = 0.1, 30.0  # seconds between two tries, doubled each time
TOO_LARGE: Final = "status 413"
REMIND: Final = 60.0  # seconds until it is logged again that a destination fails
# what may pass, and what is no fault of the events: a key that is wrong now, an address that is not there yet
AGAIN: Final = frozenset({401, 403, 404, 408, 425, 429})

Send = Callable[[Delivery], Awaitable[int]]
"""Makes a request and returns the status of its answer. Raises OSError where there is none."""
log = logging.getLogger(__name__)


class Standing(Struct):
    """How it goes with a destination."""

    told: int = 0
    dropped: int = 0  # the journals were not kept any longer
    refused: int = 0  # the destination does not want them, or failed on them too often
    fault: str | None = None  # why the last try failed; None: it did not
    told_at: float | None = None  # seconds since 1970


class Outlet:
    """Tells one destination what its backlog holds."""

    def __init__(
        self,
        sink: Sink,
        pages: Pages,
        send: Send,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.sink = sink
        self.standing = Standing()
        self.backlog = Backlog(pages, self._wants)
        self.send = send
        self._sleep = sleep
        self._now = now
        self._ending = asyncio.Event()
        self._remind_at = float("-inf")
        self._complained = False

    def _wants(self, event: Notice) -> bool:
        return self.sink.wants(event)  # the sink of the moment

    async def run(self) -> None:
        """Send what there is, again and again, until `end`, and then once more."""
        over = False
        while not over:
            await self._pause()
            over = self._ending.is_set()  # asked first: what has been written by then is sent
            try:
                await self.flush()
            except Exception:  # boundary: what waits is still there in the next round
                log.exception("callback %s: events could not be taken out of the journals", self.sink.name)

    def end(self) -> None:
        """Have `run` return once it has sent what there is."""
        self._ending.set()

    async def _pause(self) -> None:
        asleep = asyncio.ensure_future(self._sleep(self.sink.interval))
        ending = asyncio.ensure_future(self._ending.wait())
        try:
            await asyncio.wait({asleep, ending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            asleep.cancel()
            ending.cancel()

    async def flush(self) -> None:
        """Send all that there is now: what comes meanwhile waits until it is more, or few are sent again and again.

        Raises OSError for a journal that cannot be read.
        """
        full = True
        while full:
            portion = await self.backlog.take(self.sink.batch * self.sink.at_once)
            told = [event.shown(bare=self.sink.bare, hidden=self.sink.hidden) for event in portion.events]
            starts = range(0, len(told), self.sink.batch)
            await asyncio.gather(*(self._deliver(told[start : start + self.sink.batch]) for start in starts))
            self.backlog.done()
            full = portion.full

    async def _deliver(self, batch: Sequence[Notice]) -> None:
        """See to it that a batch arrives, in parts where it is too large or one of its events is not wanted."""
        if self.sink.tell is not None:
            missed = await self.sink.tell([one.event for one in batch])
            self.standing.refused += missed
            self._count(len(batch) - missed)
            return None
        try:
            requests = await asyncio.to_thread(self._written, batch) if self.sink.apart else self._written(batch)
        except UnwritableError as error:
            return await self._divide(batch, str(error))
        except Exception:  # one event that cannot be written does not take others with it
            log.exception("callback %s: events could not be written", self.sink.name)
            return await self._divide(batch, "an event could not be written")
        for request in requests:
            status = await self._try(request)
            if status is None:
                return self._give_up(len(batch))
            if not request.accepts(status):
                return await self._divide(batch, f"status {status}")
        self._count(len(batch))
        self._recovered()
        return None

    def _give_up(self, count: int) -> None:
        self.standing.refused += count
        if self.sink.lasting:
            log.error("callback %s: %d events were given up: %s", self.sink.name, count, self.standing.fault)

    def _written(self, batch: Sequence[Notice]) -> list[Delivery]:
        if self.sink.as_is is not None:
            return list(self.sink.as_is([one.wire for one in batch]))
        return list(self.sink.write([one.event for one in batch]))

    def _count(self, told: int) -> None:
        self.standing.told += told
        self.standing.told_at = self._now()

    async def _divide(self, batch: Sequence[Notice], reason: str) -> None:
        if len(batch) > 1:
            middle = len(batch) // 2
            await self._deliver(batch[:middle])
            await self._deliver(batch[middle:])
            return
        (event,) = batch
        bare = event.shown(bare=True)
        if reason == TOO_LARGE and bare.wire != event.wire:  # without what was said it may fit
            await self._deliver([bare])
            return
        self.standing.refused += 1
        self._complain(f"an event was refused: {reason}")

    async def _try(self, request: Delivery) -> int | None:
        """Send a request until its answer is final, and return the status; None when it is given up."""
        wait, waited = FIRST_WAIT, 0.0
        while True:
            try:
                status = await self.send(await self._completed(request))
            except (OSError, TianjiError) as error:
                self._complain(str(error) or type(error).__name__)
                failing = 0.0 if self.sink.lasting else wait
            else:
                if status < 500 and status not in AGAIN:
                    return status
                self._complain(f"status {status}")
                failing = wait
            if waited >= self.sink.patience:
                return None
            await self._sleep(wait)
            waited += failing
            wait = min(2 * wait, LONGEST_WAIT)

    async def _completed(self, request: Delivery) -> Delivery:
        return request if self.sink.complete is None else await self.sink.complete(request)

    def _complain(self, reason: str) -> None:
        if self.sink.lasting and self.standing.fault is None and self._now() >= self._remind_at:
            log.warning("callback %s does not take events: %s", self.sink.name, reason)
            self._remind_at = self._now() + REMIND
            self._complained = True
        self.standing.fault = reason

    def _recovered(self) -> None:
        self.standing.fault = None
        if self._complained:
            log.warning("callback %s takes events again", self.sink.name)
            self._complained = False
