"""What requests have left at upstreams is removed there, also when the worker that answered them has ended.

The worker that has something made notes it in the database and holds it, as long as it lives; what is held no more is
taken over, on one worker of a machine at a time. Nothing is looked for where no deployment leaves anything.
"""

import asyncio
import logging
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tianji.clock import SYSTEM, Clock
from tianji.errors import StoreUnavailable
from tianji.gateway.compiled.snapshot import Snapshot
from tianji.lazy import load
from tianji.providers.tasks import Tasks
from tianji.storage.store import Store

LOG: Final = logging.getLogger("tianji.gateway")
JOB: Final = 13  # its number among those that workers take turns at, see tianji.management.schedule
EVERY: Final = 2.0  # seconds between two looks for what nobody holds any more
LOOK: Final = 1.0  # seconds between two looks whether it is this worker's turn
HELD: Final = timedelta(seconds=60)  # for which something is held; another machine waits for so long
AGAIN: Final = 20.0  # seconds until it is held anew
KEPT: Final = timedelta(days=7)  # after which nobody tries any more: its deployment is gone
MOST: Final = 20  # things that are taken over at once
_TABLE: Final = "tianji.storage.removals"
_Leaving = Mapping[str, Tasks]  # the deployments that may leave something at their upstreams, by their ids


class Removals:
    """What this worker is to remove. `gateway`: what the workers of one gateway are called, and nobody else's."""

    def __init__(self, store: Store, gateway: str, clock: Clock = SYSTEM) -> None:
        self._store = store
        self._gateway = gateway
        self._clock = clock
        self._holder = f"{gateway} {os.getpid()}"
        self._holds: set[str] = set()
        self._held_at = clock.monotonic()
        self._tasks: _Leaving = {}
        self._under_way: set[asyncio.Task[None]] = set()

    def adopt(self, snapshot: Snapshot) -> bool:
        """Look after the deployments of this configuration from now on; tell whether any leaves something."""
        self._tasks = _leaving(snapshot)
        for name, tasks in self._tasks.items():
            tasks.notes = _Notes(self, name)
        return bool(self._tasks)

    async def run(self) -> None:
        """Hold what is this worker's, and take over what is nobody's, without end."""
        while True:
            try:
                await self.look()
            except StoreUnavailable as error:
                LOG.warning("what was left at upstreams is not removed now, and will be: %s", error)
            await asyncio.sleep(LOOK)

    async def look(self) -> None:
        """Do what it is time for. Raises StoreUnavailable."""
        now = self._clock.monotonic()
        if self._holds and now - self._held_at >= AGAIN:
            self._held_at = now
            await load(_TABLE).hold(await self._store.open(), self._holder, self._now() + HELD)
        turn = self._store.revisions.claim(JOB, int(now * 1000), int(EVERY * 1000))
        if turn and await asyncio.to_thread(lambda: self._store.location.exists):
            await self._take_over()

    async def _take_over(self) -> None:
        """Remove what is due, and what workers of this gateway were to remove that are no more."""
        table, database, now = load(_TABLE), await self._store.open(), self._now()
        for holder in await table.holders(database):
            if self._is_dead(holder):
                await table.hold(database, holder, now)
        for old in await table.drop(database, now - KEPT):
            LOG.warning(
                "%s is not removed at the upstream of deployment %s, which is gone", old.call, old.deployment_id
            )
        for one in await table.take(database, self._holder, now, now + HELD, [*self._tasks], MOST):
            self._hold(one.name)
            removing = asyncio.get_running_loop().create_task(self._remove(self._tasks[one.deployment_id], one))
            self._under_way.add(removing)
            removing.add_done_callback(self._under_way.discard)

    async def _remove(self, tasks: Tasks, one: Any) -> None:
        await tasks.remove(one.call)
        await self.forget(one.name)

    def _is_dead(self, holder: str) -> bool:
        gateway, _, process = holder.rpartition(" ")
        if gateway != self._gateway:
            return False  # who is alive there nobody knows here; what he holds is due in a while
        try:
            os.kill(int(process), 0)
        except ProcessLookupError:
            return True
        return False

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC)

    # -- what is noted -------------------------------------------------------------------------------------------------

    async def note(self, name: str, deployment: str, call: str) -> None:
        """Note something, which this worker holds. Where the database is away, it is removed only while this lives."""
        table, now = load(_TABLE), self._now()
        noted = table.Removal(
            name=name, deployment_id=deployment, call=call, holder=self._holder, noted_at=now, due_at=now + HELD
        )
        try:
            database = await self._store.open()
            self._hold(name)
            await table.note(database, noted)
        except StoreUnavailable as error:
            LOG.warning("what a request leaves at its upstream is not noted: %s", error)

    async def forget(self, name: str) -> None:
        """Forget something. What cannot be forgotten now is removed again later, which harms nobody."""
        if name not in self._holds:
            return
        self._holds.discard(name)
        try:
            await load(_TABLE).forget(await self._store.open(), name)
        except StoreUnavailable as error:
            LOG.warning("what was removed at an upstream is noted still, and will be removed again: %s", error)

    def _hold(self, name: str) -> None:
        self._holds.add(name)
        self._store.last_words.add(self._let_go)

    async def _let_go(self) -> None:
        """Let others remove what this worker holds, which ends. Raises StoreUnavailable."""
        if self._holds:
            await load(_TABLE).hold(await self._store.open(), self._holder, self._now())


class _Notes:
    """What is noted of one deployment."""

    def __init__(self, removals: Removals, deployment: str) -> None:
        self._removals = removals
        self._deployment = deployment

    async def note(self, name: str, call: str) -> None:
        """Remember a call, by this name."""
        await self._removals.note(name, self._deployment, call)

    async def forget(self, name: str) -> None:
        """Forget what has this name."""
        await self._removals.forget(name)


def _leaving(snapshot: Snapshot) -> _Leaving:
    return {
        deployment.id: plan.origin.answers
        for pairs in snapshot.members.values()
        for _, deployment in pairs
        for plan in deployment.plans.values()
        if isinstance(plan.origin.answers, Tasks)
    }
