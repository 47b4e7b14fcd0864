"""Sends events to one destination: in batches, again when that is worth it, and never at another one's cost.

What waits is bounded by number; where there is no room the oldest gives way and is counted. A batch leaves the queue
when it arrived, or when it was given up.
"""

import asyncio
import itertools
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from msgspec import Struct

from tianji.callbacks.event import LogEvent
from tianji.callbacks.sink import Delivery, Sink
from tianji.errors import TianjiError

MOST: Final = 50_000  # events that wait
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0  # seconds between two tries, doubled each time
_AGAIN: Final = frozenset({408, 429})

Send = Callable[[Delivery], Awaitable[int]]
"""Makes a request and returns the status of its answer. Raises OSError where there is none."""
log = logging.getLogger(__name__)


class Standing(Struct):
    """How it goes with a destination."""

    told: int = 0
    dropped: int = 0  # there was no room
    refused: int = 0  # the destination does not want them, or could not be reached often enough
    fault: str | None = None  # why the last try failed; None: it did not
    told_at: float | None = None  # seconds since 1970


class Outlet:
    """The events that one destination is still to be told of."""

    def __init__(
        self,
        sink: Sink,
        send: Send,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], float] = time.time,
        most: int = MOST,
    ) -> None:
        self.sink = sink
        self.standing = Standing()
        self._send = send
        self._sleep = sleep
        self._now = now
        self._most = most
        self._waiting: deque[LogEvent] = deque()
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        """Return how many events wait."""
        return len(self._waiting)

    def offer(self, event: LogEvent) -> None:
        """Take an event, if the destination hears such ones."""
        if event.status not in self.sink.hears:
            return
        if len(self._waiting) >= self._most:
            self._waiting.popleft()
            self.standing.dropped += 1
        self._waiting.append(event.bare() if self.sink.bare else event)
        if len(self._waiting) >= self.sink.batch:
            self._filled.set()

    async def run(self) -> None:
        """Send until cancelled: when a batch is full, or some time after the last round."""
        while True:
            self._filled.clear()
            if len(self._waiting) < self.sink.batch:
                await self._pause()
            await self.flush()

    async def _pause(self) -> None:
        asleep = asyncio.ensure_future(self._sleep(self.sink.interval))
        filled = asyncio.ensure_future(self._filled.wait())
        try:
            await asyncio.wait({asleep, filled}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            asleep.cancel()
            filled.cancel()

    async def flush(self) -> None:
        """Send all that waits now."""
        for _ in range(-(-len(self._waiting) // self.sink.batch)):
            batch = list(itertools.islice(self._waiting, self.sink.batch))
            dropped = self.standing.dropped
            await self._deliver(batch)
            gone = self.standing.dropped - dropped  # of the batch, while it was under way
            for _ in range(max(0, len(batch) - gone)):
                self._waiting.popleft()

    async def _deliver(self, batch: Sequence[LogEvent]) -> None:
        """See to it that a batch arrives, in parts where it is too large or one of its events is not wanted."""
        try:
            requests = list(self.sink.write(batch))
        except Exception:  # one event that cannot be written does not take others with it
            log.exception("callback %s: events could not be written", self.sink.name)
            return await self._divide(batch, "an event could not be written")
        for request in requests:
            status = await self._try(request)
            if status is None:
                self.standing.refused += len(batch)
                return None
            if not _accepted(request, status):
                return await self._divide(batch, f"status {status}")
        self.standing.told += len(batch)
        self.standing.told_at = self._now()
        self._recovered()
        return None

    async def _divide(self, batch: Sequence[LogEvent], reason: str) -> None:
        if len(batch) > 1:
            middle = len(batch) // 2
            await self._deliver(batch[:middle])
            await self._deliver(batch[middle:])
            return
        self.standing.refused += 1
        self._complain(f"an event was refused: {reason}")

    async def _try(self, request: Delivery) -> int | None:
        """Send a request until its answer is final, and return the status; None when it is given up."""
        wait, waited = FIRST_WAIT, 0.0
        while True:
            try:
                status = await self._send(await self._completed(request))
            except (OSError, TianjiError) as error:
                self._complain(str(error) or type(error).__name__)
            else:
                if status < 500 and status not in _AGAIN:
                    return status
                self._complain(f"status {status}")
            if waited >= self.sink.patience:
                return None
            await self._sleep(wait)
            waited += wait
            wait = min(2 * wait, LONGEST_WAIT)

    async def _completed(self, request: Delivery) -> Delivery:
        return request if self.sink.complete is None else await self.sink.complete(request)

    def _complain(self, reason: str) -> None:
        if self.standing.fault is None:
            log.warning("callback %s does not take events: %s", self.sink.name, reason)
        self.standing.fault = reason

    def _recovered(self) -> None:
        if self.standing.fault is not None:
            log.warning("callback %s takes events again", self.sink.name)
            self.standing.fault = None


def _accepted(request: Delivery, status: int) -> bool:
    return status in request.accepted if request.accepted else status < 300
