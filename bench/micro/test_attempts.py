"""What a request costs that does not succeed at once: `pytest bench/micro/test_attempts.py`."""

from types import SimpleNamespace
from typing import Any

from pytest_benchmark.fixture import BenchmarkFixture

from tianji._core.routing.candidate import Candidate
from tianji._core.routing.dice import Dice
from tianji._core.routing.health import HealthTable
from tianji._core.routing.needs import Needs
from tianji._core.routing.selection import Selection
from tianji.errors import UpstreamDisconnected
from tianji.routing.attempts import Attempts
from tianji.routing.cooldown import Cooldowns, Rule
from tianji.routing.failure import failure_of
from tianji.routing.fallback import Fallbacks
from tianji.routing.router import Request, Router

NOW = 1000.0


def group(table: HealthTable, name: str) -> Any:
    candidates = [Candidate(table.health(f"{name}{i}")) for i in range(2)]
    return SimpleNamespace(name=name, selection=Selection("shuffle", Dice(1), candidates))


def router(**groups: Any) -> Router:
    healths = [health for one in groups.values() for health in one.selection.healths]
    rules = {health.id: Rule(siblings=tuple(healths)) for health in healths}
    return Router(
        resolve=lambda name: (groups[name], None),
        cooldowns=Cooldowns(rules=rules),
        dice=Dice(1),
        fallbacks=Fallbacks(general={"a": ("b",)}),
    )


def test_another_deployment(benchmark: BenchmarkFixture) -> None:
    table = HealthTable()
    a = group(table, "a")
    settings, request, error = router(a=a), Request("a"), UpstreamDisconnected("cut off")

    def serve() -> None:
        needs = Needs()
        a.selection.choose(needs, NOW)
        attempts = Attempts(settings, request, needs, a)
        attempts.failed(failure_of(error), NOW)
        attempts.next(NOW)
        needs.succeeded(NOW)
        attempts.close()

    benchmark(serve)


def test_a_fallback_from_a_group_that_rests(benchmark: BenchmarkFixture) -> None:
    table = HealthTable()
    a, b = group(table, "a"), group(table, "b")
    settings, request = router(a=a, b=b), Request("a")
    for health in a.selection.healths:
        health.cool(NOW + 1000)

    def serve() -> None:
        needs = Needs()
        attempts = Attempts(settings, request, needs, a)
        attempts.next(NOW)
        needs.succeeded(NOW)
        attempts.close()

    benchmark(serve)
