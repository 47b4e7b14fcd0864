"""Health checks in the background: deployments that do not answer are left out of choices for a while."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, NamedTuple

from msgspec import Struct

from tianji._core.routing.health import HealthTable
from tianji._core.routing.router import Deployment
from tianji.config.schema import Config

LOG: Final = logging.getLogger("tianji.gateway")
LOOK: Final = 1.0  # seconds between two looks whether this worker leads and something is due
AT_ONCE: Final = 16  # deployments asked at the same time
TRANSIENT: Final = frozenset({408, 429})


class Verdict(NamedTuple):
    """What a deployment showed; `error` is None for a healthy one, `status` what the error stands for."""

    deployment: Deployment
    error: str | None
    rate_limits: dict[str, str]
    status: int = 200


Probe = Callable[[str | None, int], Awaitable[Iterable[Verdict]]]
"""Ask the deployments of a model, or all for None, so many at a time."""


class Plan(Struct, frozen=True):
    """What is checked. Times are seconds.

    groups: only these; none: all. staleness: how long the verdict that a deployment is ill holds
    patient: limits and timeouts are no sign of illness
    """

    interval: float = 300.0
    staleness: float = 600.0
    groups: tuple[str, ...] = ()
    at_once: int = AT_ONCE
    patient: bool = False


def plan_of(config: Config) -> Plan | None:
    """Read `background_health_checks` and its kin; None when there are none."""
    general, router = config.general_settings, config.router_settings
    if not general.background_health_checks:
        return None
    staleness = general.health_check_staleness_threshold
    return Plan(
        interval=max(LOOK, general.health_check_interval),
        staleness=router.health_check_staleness_threshold if staleness is None else staleness,
        groups=general.background_health_check_model_groups or router.background_health_check_model_groups,
        at_once=general.health_check_concurrency or AT_ONCE,
        patient=general.health_check_ignore_transient_errors or router.health_check_ignore_transient_errors,
    )


class Checkups:
    """The checks of one machine: the worker that leads makes them."""

    def __init__(
        self,
        plan: Plan,
        table: HealthTable,
        probe: Probe,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """`clock` gives the time that choices are made by."""
        self._plan = plan
        self._table = table
        self._probe = probe
        self._clock = clock
        self._sleep = sleep
        self._due = 0.0

    async def run(self) -> None:
        """Check until cancelled."""
        while True:
            if self._table.lead(self._clock()) and self._clock() >= self._due:
                self._due = self._clock() + self._plan.interval
                await self.step()
            await self._sleep(LOOK)

    async def step(self) -> None:
        """Check everything once."""
        for group in self._plan.groups or (None,):
            for verdict in await self._probe(group, self._plan.at_once):
                self._note(verdict)

    def _note(self, verdict: Verdict) -> None:
        health = self._table.health(verdict.deployment.id)
        now = self._clock()
        if verdict.error is None:
            health.mark_well()
        elif not (self._plan.patient and verdict.status in TRANSIENT):
            if not health.sick_for(now):
                LOG.warning("deployment %s fails its health check: %d", health.id, verdict.status)
            health.mark_sick(now + self._plan.staleness)
