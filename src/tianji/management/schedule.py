"""What is done every now and then, by one worker of a machine at a time, once there is a database."""

import asyncio
import logging
import time
from typing import Any, Final

from tianji.config.audit import keeps_audit_log
from tianji.config.environment import is_true, lookup
from tianji.errors import StoreUnavailable, Unacceptable
from tianji.lazy import load
from tianji.management.office import Office

RESETS: Final = 1  # the job's number among those that workers take turns at
RETENTION: Final = 2
ROTATION: Final = 3
RESPONSES: Final = 4
EXPORTS: Final = {"cloudzero": 5, "focus": 6, "mavvrik": 8, "ternary": 9, "vantage": 10}  # 7 is of gateway.earlier
AUDIT: Final = 11  # 12 is of gateway.schooling
TELL: Final = 1000  # milliseconds between two looks whether somebody is to be told of the audit log
UNASKED: Final = 10_000  # the same for a worker that has not needed the database so far
KEPT: Final = {  # settings that say how long rows are kept; who drops them, and his job
    "maximum_spend_logs_retention_period": ("tianji.management.spend.retention", RETENTION),
    "maximum_audit_logs_retention_period": ("tianji.management.audit.retention", 9),
}
LATEST: Final = 10.0  # seconds after its time in which a budget is reset
REST: Final = 1.0  # seconds that the end waits for what is under way
LOOK: Final = 1.0  # seconds between two looks whether something is due
DAY: Final = 86_400_000  # milliseconds

log = logging.getLogger(__name__)


class Schedule:
    """Lets budgets begin anew, drops old rows, replaces keys, tells of the audit log: each when its time has come."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._running: tuple[asyncio.Task[None], ...] = ()
        self._began = office.clock.now()
        self._herald: Any = None  # once somebody is to be told of the audit log
        self._exports: tuple[object, list[Any]] = (None, [])  # and the configuration that they are of

    def start(self) -> None:
        """Begin, on the loop that runs."""
        begin = asyncio.get_running_loop().create_task
        self._running = begin(self._run()), begin(self._tell())

    async def stop(self) -> None:
        """End; what is under way is left undone, and done by whoever comes next.

        It is waited for, since it may be asking something on a connection of the database, which is closed next.
        """
        running, self._running = {*self._running, *(self._herald.under_way if self._herald is not None else ())}, ()
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=REST)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            await self._look()

    async def _look(self) -> None:
        if self._office.store.connected is not None:
            await self._reset_due()
            await self._rotate_due()
            await self._forget_responses()
        await self._export()
        await self._drop_old()  # of a database that another process fills, too

    async def _tell(self) -> None:
        """Tell of the audit log, in a loop of its own: that must not wait until old rows are dropped."""
        while True:
            await asyncio.sleep(LOOK)
            config, store = self._office.config(), self._office.store
            named = config.litellm_settings.audit_log_callbacks
            if not named or not keeps_audit_log(config, self._office.environ()):
                continue
            if not self._turn(AUDIT, UNASKED if store.connected is None else TELL):
                continue
            if store.connected is None and not await asyncio.to_thread(self._is_there):
                continue
            if self._herald is None:
                self._herald = load("tianji.management.audit.herald").Herald(self._office, self._began)
            try:
                await self._herald.round()
            except StoreUnavailable as error:
                log.warning("nobody is told of the audit log, and will be: %s", error)
            except Exception:  # boundary: a destination that cannot be made does not end this
                log.exception("nobody could be told of the audit log")

    async def _reset_due(self) -> None:
        general = self._office.config().general_settings
        interval = int(min(general.proxy_budget_rescheduler_min_time, LATEST) * 1000)
        if general.disable_reset_budget or not self._turn(RESETS, interval):
            return
        try:
            with self._office.store.asked("reset"):
                office, database = self._office, await self._office.store.open()
                await load("tianji.limiting.resets").reset_due(
                    database, office.store.revisions, office.config(), office.clock.now()
                )
        except StoreUnavailable as error:
            log.warning("budgets were not reset, and will be: %s", error)

    async def _drop_old(self) -> None:
        for period, (module, job) in KEPT.items():
            if getattr(self._office.config().general_settings, period) is not None:
                await self._drop(module, job)

    async def _drop(self, module: str, job: int) -> None:
        if not await asyncio.to_thread(self._is_there):
            return
        retention = load(module)
        try:
            plan = retention.plan(self._office.config().general_settings)
        except Unacceptable as error:
            if self._turn(job, DAY):
                log.error("old rows are kept for ever: %s", error)
            return
        if not self._turn(job, int(plan.interval.total_seconds() * 1000)):
            return
        try:
            await retention.drop_old(self._office, plan)
        except StoreUnavailable as error:
            log.warning("old rows were not dropped, and will be: %s", error)

    def _is_there(self) -> bool:
        return self._office.store.location.exists

    async def _rotate_due(self) -> None:
        environ = self._office.environ()
        if not is_true(lookup(environ, "KEY_ROTATION_ENABLED")):
            return
        rotation = load("tianji.management.keys.rotation")
        try:
            plan = rotation.rotation(environ)
        except Unacceptable as error:
            if self._turn(ROTATION, DAY):
                log.error("keys are not replaced by the clock: %s", error)
            return
        if not self._turn(ROTATION, int(plan.interval * 1000)):
            return
        try:
            await rotation.rotate_due(self._office, plan.grace)
        except StoreUnavailable as error:
            log.warning("keys were not replaced by the clock, and will be: %s", error)

    async def _forget_responses(self) -> None:
        if not self._turn(RESPONSES, DAY):
            return
        try:
            await load("tianji.endpoints.responses").forget_old(self._office.store, self._office.clock)
        except StoreUnavailable as error:
            log.warning("old responses were not dropped, and will be: %s", error)

    async def _export(self) -> None:
        config = self._office.config()
        kept = self._office.fleet.lent().exports
        named = (*config.litellm_settings.callbacks, *config.litellm_settings.success_callback, *kept)
        if EXPORTS.keys().isdisjoint(named) or not await asyncio.to_thread(self._is_there):
            return
        if self._exports[0] is not config:
            make = load("tianji.callbacks.billing.export").exports_of
            self._exports = config, (await asyncio.to_thread(make, config, self._office.environ(), kept))[0]
        for export in self._exports[1]:
            if self._turn(EXPORTS[export.name], int(export.every * 1000)):
                try:
                    await load("tianji.management.spend.exports").deliver(self._office, export)
                except StoreUnavailable as error:
                    log.warning("export %s was not made, and will be: %s", export.name, error)

    def _turn(self, job: int, interval: int) -> bool:
        return self._office.store.revisions.claim(job, int(time.monotonic() * 1000), interval)
