"""Keeps the numbers in the process of the ledger, where every entry comes by, and tells them to workers who ask."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tianji._core.journal.sheet import Sheet
from tianji._core.limits.limiter import LimitTable
from tianji._core.routing.health import HealthTable
from tianji.config.loader import Loaded
from tianji.ledger import reading
from tianji.ledger.follower import Follower
from tianji.ledger.reading import Batch
from tianji.metrics import socket
from tianji.metrics.cells import Cells
from tianji.metrics.deployments import Deployments
from tianji.metrics.exposition import render
from tianji.metrics.gauges import Gauges
from tianji.metrics.plan import is_wanted, plan_of
from tianji.storage.store import Store

FILE = "metrics"

log = logging.getLogger(__name__)


class Reporting:
    """The families of a configuration; nothing is done as long as it does not ask for them.

    refused: how many events each callback could not deliver
    """

    whole = False

    def __init__(
        self,
        folder: Path,
        loaded: Loaded,
        store: Store,
        health: HealthTable,
        limits: LimitTable,
        refused: Callable[[], Mapping[str, int]],
    ) -> None:
        """`folder`: of the journals."""
        self._folder = folder
        self._refused = refused
        self._cells = Cells(time.time)
        self._deployments = Deployments(health)
        self._gauges = Gauges(store, limits, self._deployments)
        self._follower = Follower(folder, FILE, self)
        self._server: asyncio.Server | None = None
        self._answering: asyncio.Task[bytes] | None = None
        self.adopt(loaded)

    def adopt(self, loaded: Loaded) -> None:
        """Go by another configuration from now on."""
        config = loaded.config
        self._wanted = is_wanted(config)
        self._plan = plan = plan_of(config)
        self._deployments.adopt(config)
        self._gauges.adopt(config)
        self._cells.adopt(
            latency=config.litellm_settings.prometheus_latency_buckets,
            marks=plan.marks,
            without=plan.without(),
            groups=self._deployments.groups,
            caches=config.litellm_settings.cache is True,
            customers=plan.customers,
        )

    # -- what the follower needs ----------------------------------------------------------------------------------

    def take(self, sheet: Sheet) -> None:
        """Take in entries."""
        self._cells.hear(sheet)
        for alike in sheet.latest():
            self._deployments.hear(alike)

    def kept(self) -> bytes:
        """Return what was made of entries."""
        return self._cells.kept()

    def recall(self, data: bytes) -> None:
        """Go on from there."""
        self._cells.recall(data)

    # -- what the drain calls -------------------------------------------------------------------------------------

    async def hear(self, file: Path, start: int, batch: Batch) -> None:
        """Take in what was read of a journal."""
        if self._wanted:
            await self._follower.follow(self._follower.hear(file, start, batch))

    async def round(self, files: Sequence[Path]) -> None:
        """Take in what the journals hold, and answer from then on."""
        if not self._wanted or not await self._follower.follow(self._follower.round(files)):
            return
        self._deployments.look(time.monotonic())
        if self._follower.leads and self._server is None:
            try:
                self._server = await socket.listen(self._folder.parent, self._answer)
            except OSError:
                log.exception("workers cannot be told the numbers for Prometheus")

    async def finished(self, file: Path, position: int) -> bool:
        """Whether a journal of which `position` is the end may be removed."""
        return not self._wanted or await self._follower.lets_go(file, position)

    async def close(self) -> None:
        """Keep what there is for the next process."""
        if self._server is not None:
            self._server.close()
        await self._follower.close()

    # -- answering ------------------------------------------------------------------------------------------------

    async def _answer(self, names: frozenset[str]) -> bytes:
        """Write all families, or those named. Who asks for all at the same moment gets the same."""
        if names:
            return await self._written(names)
        if self._answering is None or self._answering.done():
            self._answering = asyncio.create_task(self._written(names))
        return await asyncio.shield(self._answering)

    async def _written(self, names: frozenset[str]) -> bytes:
        await self.round(await asyncio.to_thread(reading.journals, self._folder))
        self._cells.settle()
        if self._plan.lifetime is not None:
            self._cells.expire(self._plan.lifetime)
        plan = self._plan.only(names)
        await self._gauges.read(self._cells, self._plan)
        lines = [*render(self._cells, plan, self._gauges.names, self._deployments.groups)]
        lines += self._gauges.lines(plan, self._refused())
        return ("\n".join(lines) + "\n").encode() if lines else b""
