"""The destinations of a configuration as the process of the ledger knows them: it lets them know beside the books."""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx

from tianji._core.http1 import Timeouts
from tianji._core.origin import Origin
from tianji._core.shm import SharedCounters
from tianji.callbacks.board import Board
from tianji.callbacks.event import Owner
from tianji.callbacks.guests import REQUEST, Guests
from tianji.callbacks.lent import checking
from tianji.callbacks.owners import Owners
from tianji.callbacks.people import People
from tianji.callbacks.said import opened
from tianji.callbacks.settings import all_sinks, tells_content
from tianji.callbacks.sink import Delivery, Sink
from tianji.callbacks.teller import Teller
from tianji.config.loader import Loaded
from tianji.egress.client import open_client
from tianji.egress.resolver import Address, Resolver
from tianji.errors import TianjiError
from tianji.lazy import load
from tianji.ledger import reading
from tianji.ledger.entry import Entry, Payload
from tianji.ledger.reading import Batch
from tianji.storage.store import Store

LIMITS: Final = Timeouts(connect=5.0, between_chunks=20.0)  # seconds
LONGEST: Final = 30.0  # seconds of a whole request
AGAIN: Final = frozenset({1, 4, 8, 10, 11, 14, 15})  # of gRPC, by OTLP's own list; the others are final
GRPC: Final = ("grpc://", "grpcs://")
PATIENCE: Final = 4.0  # seconds for what is left at the end

log = logging.getLogger(__name__)


class Listening:
    """Tells the destinations of a gateway; nobody, as long as its configuration names none.

    whole: workers write down what was said unshortened, since a destination is to have it
    """

    whole: bool

    def __init__(self, folder: Path, loaded: Loaded, store: Store, counters: SharedCounters | None = None) -> None:
        """`counters`: where it is shown how destinations stand; None: nowhere."""
        self._board = None if counters is None else Board(counters)
        self._folder = folder
        self._heard: dict[str, int] = {}  # how far journals go, by their names
        self._client: httpx.AsyncClient | None = None
        self._checked: httpx.AsyncClient | None = None
        self._resolver = Resolver()
        self._owners = Owners(store, loaded)
        self._guests = Guests(loaded)
        self._teller = Teller(folder, self.send, owned=self._owned, send_checked=self.send_checked)
        self._teller.invite(self._guests)
        self._teller.introduce(People(store))
        self.adopt(loaded)

    def adopt(self, loaded: Loaded) -> None:
        """Go by another configuration from now on."""
        sinks, problems = all_sinks(loaded)
        for problem in problems:
            log.error("%s", problem)
        self.whole = tells_content(loaded.config)
        self._judge = checking(loaded.config)
        self._owners.adopt(loaded)
        self._guests.adopt(loaded)
        self._teller.adopt(sinks)

    def meet(self, entry: Entry) -> None:
        """Take note of an entry whose key or team has callbacks of its own."""
        telling = None if entry.payload is None else entry.payload.telling
        if telling is not None and telling.owner:
            name = entry.key if telling.owner == "key" else entry.team_id
            self._teller.meet((telling.owner, name or ""))

    def opened(self, payload: Payload) -> Payload:
        """Return what was said with its parts apart, as the database keeps it."""
        return opened(payload)

    async def _owned(self, owner: Owner) -> Sequence[Sink]:
        return self._guests.sinks(owner) if owner[0] == REQUEST else await self._owners.sinks(owner)

    async def hear(self, file: Path, _start: int, batch: Batch) -> None:
        """Take note of how far a journal goes."""
        self._heard[file.name] = batch.position

    async def round(self, files: Sequence[Path]) -> None:
        """Let them know what the journals hold. Whatever goes wrong, the books go on."""
        try:
            await self._teller.round(files)
            if self._board is not None and self._teller.outlets:
                there = {file.name for file in await asyncio.to_thread(reading.journals, self._folder)}
                self._heard = {name: end for name, end in self._heard.items() if name in there}
                self._board.show(self._teller.outlets.values(), self._heard)
        except Exception:  # boundary: another part of the process
            log.exception("the callbacks could not be told")

    async def finished(self, file: Path, position: int) -> bool:
        """Whether a journal may be removed, of which `position` is the end."""
        try:
            return await self._teller.finished(file, position)
        except FileNotFoundError:
            return True
        except Exception:  # boundary: another part of the process
            log.exception("the callbacks could not be told of the end of a journal")
            return True

    def undelivered(self) -> dict[str, int]:
        """Return how many events each destination did not get."""
        outlets = self._teller.outlets.items()
        standings = {name: outlet.standing for name, outlet in outlets if outlet.sink.lasting}
        return {name: standing.dropped + standing.refused for name, standing in standings.items()}

    async def close(self) -> None:
        """Tell what is left, as far as the time suffices."""
        await self._teller.close(PATIENCE)
        for client in (self._client, self._checked):
            if client is not None:
                await client.aclose()

    async def send(self, request: Delivery) -> int:
        """Make a request and return the status of its answer. Raises OSError where there is none."""
        if request.url.startswith(GRPC):
            return await called(request)
        if self._client is None:
            self._client = open_client(LIMITS)
        return await self._ask(self._client, request)

    async def send_checked(self, request: Delivery) -> int:
        """Send to an address that not the operator has named: it has to be public, or of a host that he allows."""
        if request.url.startswith(GRPC):
            return await called(request, await self._address(request.url))
        if self._checked is None:
            self._checked = open_client(LIMITS, check=self._check)
        return await self._ask(self._checked, request)

    async def _address(self, url: str) -> str:
        """Return where a host lies that not the operator has named. Raises TianjiError where it may not be asked."""
        parts = urlsplit(url)
        origin = Origin(parts.hostname or "", parts.port or (443 if parts.scheme == "grpcs" else 80))
        found = self._check(origin, await self._resolver.resolve(origin.host, origin.port))
        return str(found[0].sockaddr[0])

    def _check(self, origin: Origin, addresses: list[Address]) -> list[Address]:
        return self._judge(origin, addresses)  # of the configuration of the moment: clients outlive one

    async def _ask(self, client: httpx.AsyncClient, request: Delivery) -> int:
        try:
            async with asyncio.timeout(LONGEST):
                answer = await client.request(
                    request.method, request.url, content=request.body, headers=dict(request.headers)
                )
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, TianjiError) as error:
            raise OSError(f"{type(error).__name__} {error}".strip()) from error
        return answer.status_code if request.meaning is None else request.meaning(answer.status_code, answer.content)


async def called(request: Delivery, address: str | None = None) -> int:
    """Make a call of gRPC and return what its status is called in HTTP. `address`: of its host, where that is known."""
    try:
        async with asyncio.timeout(LONGEST):
            outcome = await load("tianji.egress.grpc").call(
                request.url, request.headers, request.body, connect=LIMITS.connect, address=address
            )
    except TimeoutError as error:
        raise OSError("it did not answer in time") from error
    if outcome.http != 200:
        return outcome.http or 502
    if outcome.status in AGAIN:
        raise OSError(f"gRPC status {outcome.status} {outcome.message}".strip())
    return 200 if outcome.status == 0 else 400
