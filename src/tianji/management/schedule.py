"""What is done every now and then, by one worker of a machine at a time, once there is a database."""

import asyncio
import logging
import time
from typing import Final

from tianji.errors import StoreUnavailable
from tianji.lazy import load
from tianji.management.administration import Office

RESETS: Final = 1  # the job's number among those that workers take turns at
LOOK: Final = 1.0  # seconds between two looks whether something is due

log = logging.getLogger(__name__)


class Schedule:
    """Lets budgets begin anew when their time has come."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, on the loop that runs."""
        self._running = asyncio.get_running_loop().create_task(self._run())

    def stop(self) -> None:
        """End; what is under way is left undone, and done by whoever comes next."""
        if self._running is not None:
            self._running.cancel()
            self._running = None

    async def _run(self) -> None:
        store = self._office.store
        while True:
            await asyncio.sleep(LOOK)
            general = self._office.config().general_settings
            interval = int(general.proxy_budget_rescheduler_min_time * 1000)
            if store.connected is None or general.disable_reset_budget:
                continue
            if not store.revisions.claim(RESETS, int(time.monotonic() * 1000), interval):
                continue
            try:
                await load("tianji.management.resets").reset_due(self._office)
            except StoreUnavailable as error:
                log.warning("budgets were not reset, and will be: %s", error)
