"""Secrets that change while they are used: the manager is asked again, and all workers take what is new."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from typing import Final

from tianji._core.sharing.shm import SharedCounters
from tianji.config.secrets import Secrets

REST: Final = 60.0  # seconds until a manager that failed is asked again, or its interval where that is shorter

log = logging.getLogger("tianji.gateway")


class Renewal:
    """One worker's watch over the secrets in force.

    Each worker asks for itself, so that one that could not read what is new does so at its next turn. Whoever finds a
    change asks all to reload: requests under way keep what they began with, and a worker that then fails to read the
    manager goes on with the old values. `counters`: where it is counted how it went.
    """

    def __init__(
        self,
        secrets: Callable[[], Secrets],
        ask_reload: Callable[[], None],
        counters: SharedCounters,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._secrets = secrets
        self._ask_reload = ask_reload
        self._counters = counters
        self._clock = clock
        self._known: Secrets | None = None
        self._due = 0.0
        self._doubted = float("-inf")  # when a secret was doubted last
        self._asking: asyncio.Task[None] | None = None

    def look(self) -> None:
        """Ask the manager if it is time. Called about once a second, on the loop."""
        secrets = self._secrets()
        if secrets.source is None or (self._asking is not None and not self._asking.done()):
            return
        if secrets is not self._known:  # they have just been read
            self._known = secrets
            self._set_due(secrets, secrets.troubles)
            if secrets.troubles:
                self._count("failed")
        elif self._clock() >= self._due:
            self._asking = asyncio.get_running_loop().create_task(self.ask(secrets))

    def doubt(self, secrets: Iterable[str]) -> None:
        """Ask the manager at the next look, where one of `secrets` is its: an upstream has refused it.

        Once in a while only, since another key may not be there yet, and what is refused may be a client's own.
        """
        known = self._secrets()
        now = self._clock()
        if known.source is None or now < self._doubted + min(known.source.interval, REST):
            return
        if not set(known.values.values()).isdisjoint(secrets):
            self._doubted, self._due = now, min(self._due, now)

    def stop(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.cancel()

    async def ask(self, secrets: Secrets) -> None:
        """Ask now."""
        changed, troubles = await asyncio.to_thread(secrets.look_again)
        self._set_due(secrets, troubles)
        self._count("failed" if troubles else "changed" if changed else "same")
        if changed:
            log.warning("secrets of %s have changed; the new ones come into force", _name(secrets))
            self._ask_reload()

    def _count(self, outcome: str) -> None:
        self._counters.add(self._counters.slot(f'tianji_secret_manager_reads_total{{outcome="{outcome}"}}'), 1)

    def _set_due(self, secrets: Secrets, troubles: tuple[str, ...]) -> None:
        for trouble in troubles:
            log.error("a secret could not be read, and the old one goes on where there is one: %s", trouble)
        interval = secrets.source.interval if secrets.source is not None else REST
        self._due = self._clock() + (min(interval, REST) if troubles else interval)


def _name(secrets: Secrets) -> str:
    return secrets.source.label if secrets.source is not None else "nothing"
