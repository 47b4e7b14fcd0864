"""The process that takes the journals of a gateway into its database, so that no worker's loop ever waits for that."""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from tianji._core.revision import Revisions
from tianji.config.loader import Loaded, load
from tianji.errors import ConfigurationError, StoreUnavailable
from tianji.ledger.drain import Drain
from tianji.storage.location import journals, locate
from tianji.storage.store import Store

NAME: Final = "tianji-ledger"  # what lists of processes call it
LOOK: Final = 0.25  # seconds between two looks whether the parent is there, and the configuration the same
PATIENCE: Final = 5.0  # seconds for what is left at the end; the next start takes in what it does not suffice for
PATIENT: Final = 10  # how much it lets others go first (nice(2))
POOL: Final = 2  # connections: to write, and to read what others changed

log = logging.getLogger(__name__)


def work(
    file: Path,
    environ: Mapping[str, str],
    revisions: Revisions,
    generation: Callable[[], int],
    farewell: int,
    told: Callable[..., None] | None = None,
) -> None:
    """Be that process until the signal `farewell`, or until the parent is gone.

    file, environ: the configuration and what it is read with; generation: counts the reloads of it.
    told: takes what whoever has a budget has spent, see tianji.ledger.standing.
    """
    with contextlib.suppress(OSError):  # it only helps whoever looks
        Path("/proc/self/comm").write_text(NAME)
    os.nice(PATIENT)
    asyncio.run(_Scribe(file, environ, revisions, generation, told).run(farewell))


class _Scribe:
    def __init__(
        self,
        file: Path,
        environ: Mapping[str, str],
        revisions: Revisions,
        generation: Callable[[], int],
        told: Callable[..., None] | None,
    ) -> None:
        self._file = file
        self._environ = environ
        self._generation = generation
        self._seen = generation()
        loaded = self._load()
        general = loaded.config.general_settings
        self._logged = not general.disable_spend_logs
        self._store = Store(locate(general.database_url, loaded.environment, file), revisions, pool=POOL)
        self._drain = Drain(
            journals(loaded.environment, file), self._store.open, logged=lambda: self._logged, told=told
        )
        self._told = asyncio.Event()

    def _load(self) -> Loaded:
        return load(self._file, self._environ)

    async def run(self, farewell: int) -> None:
        asyncio.get_running_loop().add_signal_handler(farewell, self._told.set)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [farewell])
        parent = os.getppid()
        draining = asyncio.create_task(self._drain.run())
        while not self._told.is_set() and os.getppid() == parent:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), LOOK)
            if self._generation() != self._seen:
                await self._reload()
        draining.cancel()
        await asyncio.wait({draining})
        await self._finish()
        await self._store.close()

    async def _reload(self) -> None:
        self._seen = self._generation()
        try:
            loaded = await asyncio.to_thread(self._load)
        except ConfigurationError:  # the workers say so, and go on with the old one, too
            return
        self._logged = not loaded.config.general_settings.disable_spend_logs

    async def _finish(self) -> None:
        """Take in what is left: the workers have closed their journals. Another gateway may be writing into its own."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._drain.round()
        except (TimeoutError, StoreUnavailable):
            log.warning("not all of the ledger's journals were taken in; the next start goes on with them")
