"""What a worker does besides serving, all the time: one task each, begun anew with each configuration."""

import asyncio
import logging
import time
from collections.abc import Coroutine, Iterable
from typing import Any, Final

from tianji._core.upstreams.pool import Pool
from tianji.gateway.compiled.leftovers import Leftovers
from tianji.gateway.compiled.shared import Shared
from tianji.gateway.compiled.snapshot import Snapshot
from tianji.gateway.upkeep.checkups import Checkups, Verdict, plan_of
from tianji.gateway.upkeep.removals import Removals
from tianji.lazy import load
from tianji.limiting.sharing import LimitSharing
from tianji.routing.sharing import Shared as SharedLimits
from tianji.routing.sharing import UsageSharing
from tianji.storage.store import Store
from tianji.storage.valkey import Server, server_of

LOG: Final = logging.getLogger("tianji.gateway")
STORE_TIMEOUT: Final = 0.5  # seconds


class Jobs:
    """The tasks of one worker. `sharing`: how limits of callers are shared with other machines, where they are."""

    def __init__(self, shared: Shared, pool: Pool, store: Store) -> None:
        self._shared = shared
        self._pool = pool
        self._store = store
        self.sharing = LimitSharing(shared.limits, shared.health.lead, time.monotonic, shared.counters)
        self._tasks: list[asyncio.Task[None]] = []
        self._leftovers = Leftovers()
        self._removals = Removals(store, f"{shared.machine} {shared.begun}")
        self._began = False

    def begin(self, snapshot: Snapshot) -> None:
        """Do from now on what this configuration wants."""
        self._stop()
        if self._began:
            self._leftovers.add()
        self._began = True
        self._tasks = [asyncio.get_running_loop().create_task(_watched(job)) for job in self._jobs(snapshot)]

    def end(self) -> None:
        """Stop all of it."""
        self._stop()
        self._leftovers.close()

    def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks = []

    def _jobs(self, snapshot: Snapshot) -> Iterable[Coroutine[Any, Any, None]]:
        plan = plan_of(snapshot.config)
        if plan is not None:
            probe = load("tianji.gateway.upkeep.probes").probe
            entries = (entry for pairs in snapshot.members.values() for entry, _ in pairs)
            spared = frozenset(entry.id for entry in entries if entry.info.disable_background_health_check)

            async def ask(group: str | None, at_once: int) -> list[Verdict]:
                verdicts: list[Verdict] = await probe(snapshot, self._pool, group, None, at_once, spared=spared)
                return verdicts

            yield Checkups(plan, self._shared.health, ask, time.monotonic).run()
        if snapshot.accounts:
            reading = load("tianji.gateway.upkeep.earlier").Earlier
            yield reading(self._shared.begun, self._store, snapshot.accounts).run()
        if snapshot.school.routers:
            yield load("tianji.gateway.upkeep.schooling").Schooling(snapshot.school.routers.values(), self._store).run()
        if self._removals.adopt(snapshot):
            yield self._removals.run()
        server = server_of(snapshot.config, snapshot.environ)
        if server is None:
            self.sharing.end()
            return
        client = load("tianji.storage.valkey").connect(server, timeout=STORE_TIMEOUT, counters=self._shared.counters)
        leases = load("tianji.storage.leases").LeaseStore(client, machine=self._shared.machine)
        yield _closing(self.sharing.run(leases), leases.aclose)
        if snapshot.accounts:
            yield self._spending(snapshot, server)
        if snapshot.limits:
            client = load("tianji.storage.valkey").connect(
                server, timeout=STORE_TIMEOUT, counters=self._shared.counters
            )
            store = load("tianji.storage.usage").UsageStore(client, machine=self._shared.machine)
            health = self._shared.health
            limits = [SharedLimits(health.health(name), figures) for name, figures in snapshot.limits.items()]
            yield _closing(UsageSharing(limits, health, store, time.monotonic).run(), store.aclose)

    def _spending(self, snapshot: Snapshot, server: Server) -> Coroutine[Any, Any, None]:
        client = load("tianji.storage.valkey").connect(server, timeout=STORE_TIMEOUT, counters=self._shared.counters)
        store = load("tianji.storage.spending").SpendingStore(client, machine=self._shared.machine)
        rounds = load("tianji.gateway.upkeep.elsewhere").Elsewhere(snapshot.accounts, store, self._shared.health.lead)
        return _closing(rounds.run(), store.aclose)


async def _watched(job: Coroutine[Any, Any, None]) -> None:
    try:
        await job
    except Exception:
        LOG.exception("a job of this worker has ended; the next configuration begins it again")


async def _closing(job: Coroutine[Any, Any, None], close: Any) -> None:
    try:
        await job
    finally:
        await close()
