"""Health checks in the background, on simulated time."""

import asyncio
from collections.abc import Iterable

import pytest

from tianji._core.routing.health import HealthTable
from tianji._core.routing.router import Deployment
from tianji._core.routing.stats import DeploymentStats
from tianji._core.sharing.shm import SharedCounters
from tianji.gateway.upkeep.checkups import LOOK, Checkups, Plan, Verdict

STATS = DeploymentStats(SharedCounters(256), "m", "openai")


def deployment(name: str) -> Deployment:
    return Deployment(
        id=name,
        group="m",
        provider="openai",
        model="x",
        api_base="http://127.0.0.1:1",
        plans={},
        secrets=(),
        unready=None,
        answer_headers=[],
        stats=STATS,
        rates=None,
        prices=None,
        hedge=None,
        silent=None,
    )


class World:
    """A machine whose deployments answer checks as `ill` says."""

    def __init__(self, plan: Plan) -> None:
        self.now = 1000.0
        self.table = HealthTable(16)
        self.ill: dict[str, int] = {}
        self.asked: list[str | None] = []
        self.checkups = Checkups(plan, self.table, self.probe, lambda: self.now, self.sleep)
        self.until = 0.0

    async def probe(self, group: str | None, _at_once: int) -> Iterable[Verdict]:
        self.asked.append(group)
        return [
            Verdict(
                deployment(name), f"status {self.ill[name]}" if name in self.ill else None, {}, self.ill.get(name, 200)
            )
            for name in ("a", "b")
        ]

    async def sleep(self, seconds: float) -> None:
        assert seconds == LOOK
        self.now += seconds
        if self.now >= self.until:
            raise asyncio.CancelledError

    def run(self, seconds: float) -> None:
        self.until = self.now + seconds
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(self.checkups.run())

    def sick(self) -> set[str]:
        return {name for name in ("a", "b") if self.table.health(name).sick_for(self.now)}


def test_who_does_not_answer_is_ill_until_he_does() -> None:
    world = World(Plan(interval=10, staleness=25))
    world.ill["a"] = 500
    world.run(1)
    assert world.sick() == {"a"}
    world.ill.clear()
    world.run(9)
    assert world.sick() == {"a"}, "nobody has asked again"
    world.run(2)
    assert world.sick() == set()
    assert len(world.asked) == 2


def test_a_verdict_gets_old() -> None:
    world = World(Plan(interval=1000, staleness=25))
    world.ill["b"] = 503
    world.run(1)
    assert world.sick() == {"b"}
    world.now += 25
    assert world.sick() == set()


def test_limits_are_no_illness_to_the_patient() -> None:
    for patient, sick in ((True, {"b"}), (False, {"a", "b"})):
        world = World(Plan(patient=patient))
        world.ill.update(a=429, b=500)
        world.run(1)
        assert world.sick() == sick


def test_only_the_groups_that_are_named_are_asked() -> None:
    world = World(Plan(groups=("m", "n")))
    world.run(1)
    assert world.asked == ["m", "n"]
