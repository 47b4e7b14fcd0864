"""Brings alerts to where they are to go: each address has a queue of its own, is tried a few times, and never for ever.

What fails is counted and logged, and no alert of its own. Alerts that are alike and come together are told together.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from msgspec import Struct

from tianji.alerts.transports.mail import Letter, Smtp
from tianji.callbacks.sink import Delivery
from tianji.config.schema import Config

MOST: Final = 500  # parcels that wait for an address
TRIES: Final = 5
FIRST_WAIT: Final = 1.0  # seconds between two tries, doubled each time
_AGAIN: Final = frozenset({408, 429})

Send = Callable[[Delivery], Awaitable[int]]
"""Makes a request and returns the status of its answer. Raises OSError where there is none."""
log = logging.getLogger(__name__)


class Sending(Protocol):
    """Makes requests, as `send` to addresses that the operator has named, as `send_checked` to others."""

    send: Send
    send_checked: Send

    def adopt(self, config: Config) -> None:
        """Go by the hosts that this configuration allows others to name."""


class Mailing(Struct, frozen=True):
    """A letter and the server that it goes over."""

    server: Smtp
    letter: Letter


Parcel = Delivery | Mailing


class Box:
    """What waits for one address. `name` says in logs and numbers which it is, without the address."""

    def __init__(self, name: str, send: Send, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self.name = name
        self.told = self.lost = 0
        self._send = send
        self._sleep = sleep
        self._waiting: deque[Parcel] = deque()
        self._filled = asyncio.Event()
        self._delivering = asyncio.Lock()
        self._under_way = 0

    def __len__(self) -> int:
        """Return how many have not arrived yet."""
        return len(self._waiting) + self._under_way

    def put(self, parcel: Parcel) -> None:
        """Have a parcel delivered; where there is no room the oldest gives way."""
        if len(self._waiting) >= MOST:
            self._waiting.popleft()
            self.lost += 1
        self._waiting.append(parcel)
        self._filled.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            await self.flush()

    async def flush(self) -> None:
        """Deliver what waits now, each parcel until it arrived or was given up."""
        async with self._delivering:
            while self._waiting:
                parcel = self._waiting.popleft()
                self._under_way = 1
                fault = await self._deliver(parcel)
                self._under_way = 0
                if fault is None:
                    self.told += 1
                else:
                    self.lost += 1
                    log.error("an alert could not be delivered over %s: %s", self.name, fault)

    async def _deliver(self, parcel: Parcel) -> str | None:
        """Return why a parcel was given up; None when it arrived."""
        wait, fault = FIRST_WAIT, ""
        for number in range(TRIES):
            if number:
                await self._sleep(wait)
                wait *= 2
            try:
                status = await self._try(parcel)
            except OSError as error:
                fault = type(error).__name__
                continue
            if status < 300:
                return None
            fault = f"status {status}"
            if status < 500 and status not in _AGAIN:
                break
        return fault

    async def _try(self, parcel: Parcel) -> int:
        if isinstance(parcel, Delivery):
            return await self._send(parcel)
        await asyncio.to_thread(parcel.server.send, parcel.letter)
        return 250
