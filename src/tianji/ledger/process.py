"""The process that takes the journals of a gateway into its database, so that no worker's loop ever waits for that."""

import asyncio
import contextlib
import gc
import logging
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import msgspec

from tianji._core.sharing.revision import Revisions
from tianji.config.loader import Loaded
from tianji.config.schema import Config
from tianji.errors import StoreUnavailable
from tianji.ledger import aside
from tianji.ledger.drain import Drain, Listener, Periods
from tianji.ledger.entry import Entry, Payload
from tianji.ledger.in_force import InForce, Written
from tianji.ledger.payloads import shortened, shortened_request
from tianji.ledger.priority import go_behind
from tianji.storage.engine import Database
from tianji.storage.store import Store

NAME: Final = "tianji-ledger"  # what lists of processes call it
LOOK: Final = 0.25  # seconds between two looks whether the parent is there, and the configuration the same
PATIENCE: Final = 5.0  # seconds for what is left at the end; the next start takes in what it does not suffice for

# entries leave no cycles behind, but requests to destinations do, and their bodies with them
GC_THRESHOLDS: Final = (5_000, 10, 5)

log = logging.getLogger(__name__)


def work(
    written: Written,
    revisions: Revisions,
    generation: Callable[[], int],
    farewell: int,
    budgets: "Budgets",
    listening: "Hears",
    beside: tuple[int, ...],
) -> None:
    """Be that process until the signal `farewell`, or until the parent is gone.

    written: the configuration; generation: counts the reloads of it.
    listening: makes what hears of all entries, see Hears.
    beside: processes that this one has forked, and that keep off the workers' cores with it.
    """
    with contextlib.suppress(OSError):  # it only helps whoever looks
        Path("/proc/self/comm").write_text(NAME)
    go_behind()
    step_aside = aside.of((os.getpid(), *beside))
    asyncio.run(_Scribe(written, revisions, generation, budgets, step_aside).run(farewell, listening))


class Listening(Listener, Protocol):
    """Who hears of entries, and goes by the configuration. `whole`: he has what was said written down unshortened."""

    whole: bool

    def adopt(self, loaded: Loaded) -> None:
        """Go by another one from now on."""

    def meet(self, entry: Entry) -> None:
        """Take note of an entry of which more than the usual ones are told, before its journal may be removed."""

    def opened(self, payload: Payload) -> Payload:
        """Return what was said with its parts apart, a stream as the answer that it comes to."""

    async def close(self) -> None:
        """Pass on what was heard."""


Hears = Callable[[Path, Loaded, Store, Callable[[], str | None]], Listening]
"""Makes who hears, of the folder of journals, a configuration, the database, and what says why that takes nothing."""


Begin = Callable[[Database, Revisions, Config, float], Awaitable[object]]
"""Lets budgets begin anew whose periods are over at a moment, seconds since 1970, as a configuration says."""


class Budgets(NamedTuple):
    """What is done about budgets.

    told: takes what whoever has one has spent, see tianji.ledger.standing; begin: lets them begin anew, see Begin
    """

    told: Callable[..., None] | None = None
    begin: Begin | None = None


class _Scribe:
    def __init__(
        self,
        written: Written,
        revisions: Revisions,
        generation: Callable[[], int],
        budgets: Budgets,
        step_aside: Callable[[], None],
    ) -> None:
        self._step_aside = step_aside
        self._revisions = revisions
        self._spent, self._begin = budgets
        self._in_force = InForce(written, revisions, generation, self._adopt)
        self._listener: Listening | None = None
        self._drain: Drain | None = None
        self._told = asyncio.Event()

    async def run(self, farewell: int, listening: Hears | None) -> None:
        asyncio.get_running_loop().add_signal_handler(farewell, self._told.set)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [farewell])
        parent = os.getppid()
        folder, store = self._in_force.folder, self._in_force.store
        listener = self._listener = (
            None if listening is None else listening(folder, self._in_force.loaded, store, self._fault)
        )
        drain = self._drain = Drain(
            folder,
            store.open,
            logged=self._logs,
            periods=Periods(self._renew, self._spent),
            kept=self._kept,
            listener=listener,
        )
        await self._in_force.begin()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        draining = asyncio.create_task(drain.run())
        while not self._told.is_set() and os.getppid() == parent:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), LOOK)
            self._step_aside()
            await self._in_force.look()
        self._in_force.end()
        draining.cancel()
        await asyncio.wait({draining})
        await _finish(drain)
        if listener is not None:
            await listener.close()
        await store.close()

    def _fault(self) -> str | None:
        return None if self._drain is None else self._drain.fault

    def _logs(self) -> bool:
        return not self._in_force.loaded.config.general_settings.disable_spend_logs

    async def _renew(self, database: Database, moment: float) -> None:
        config = self._in_force.loaded.config
        if self._begin is not None and not config.general_settings.disable_reset_budget:
            await self._begin(database, self._revisions, config, moment)

    def _kept(self, entry: Entry) -> Entry:
        """Return what the database keeps of an entry: what was said only where that is wanted, and shortened."""
        if entry.payload is None or self._listener is None:
            return entry
        if entry.payload.telling is not None:
            self._listener.meet(entry)
        if not self._in_force.loaded.config.general_settings.store_prompts_in_spend_logs:
            return msgspec.structs.replace(entry, payload=None)
        said = self._listener.opened(entry.payload)
        if not (self._listener.whole or said.telling is not None):
            return msgspec.structs.replace(entry, payload=said)
        kept = Payload(shortened(said.messages), shortened(said.response), shortened_request(said.request))
        return msgspec.structs.replace(entry, payload=kept)

    def _adopt(self, loaded: Loaded) -> None:
        if self._listener is not None:
            self._listener.adopt(loaded)


async def _finish(drain: Drain) -> None:
    """Take in what is left: the workers have closed their journals. Another gateway may be writing into its own."""
    try:
        async with asyncio.timeout(PATIENCE):
            await drain.round()
    except (TimeoutError, StoreUnavailable):
        log.warning("not all of the ledger's journals were taken in; the next start goes on with them")
