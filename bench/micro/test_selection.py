"""Choosing a deployment and giving its slot back: `pytest bench/micro/test_selection.py`.

The promise: at most 2 µs with 100 deployments, 10 µs with 1,000, without allocating.
"""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tianji._core.routing.candidate import Candidate
from tianji._core.routing.dice import Dice
from tianji._core.routing.health import HealthTable
from tianji._core.routing.needs import Needs
from tianji._core.routing.selection import STRATEGIES, Selection
from tianji.config.schema.router import RouterSettings
from tianji.routing.affinity import affinity_of, session_of

NOW = 1000.0
CHECKS = ("session_affinity", "deployment_affinity")


def group(strategy: str, size: int, *, learns: bool = False, budgeted: bool = False) -> Selection:
    table = HealthTable()
    candidates = [
        Candidate(
            table.health(f"deployment {i}"),
            lacks=1 << 60,
            window=128_000,
            parallel=1_000,
            requests=10**9,
            tokens=10**12,
            price=i % 7,
            weight=1 + i % 3,
            order=1,
            adaptive=learns,
            budgeted=budgeted,
        )
        for i in range(size)
    ]
    selection = Selection(strategy, Dice(1), candidates, heeds_checks=True)
    for health in selection.healths:
        needs = Needs(pin=health)
        selection.choose(needs, NOW)
        needs.succeeded(NOW, 0.5, 0.1, 10, 100)
    return selection


@pytest.mark.parametrize("size", [1, 2, 10, 100, 1000])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_choose(benchmark: BenchmarkFixture, strategy: str, size: int) -> None:
    selection, needs = group(strategy, size), Needs(bits=1 << 32, input_tokens=1000, tokens=2000, streamed=True)

    def serve() -> None:
        selection.choose(needs, NOW)
        needs.release(NOW)

    benchmark(serve)


@pytest.mark.parametrize("size", [100, 1000])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_choose_with_everything(benchmark: BenchmarkFixture, strategy: str, size: int) -> None:
    """Weights set while serving, limits that machines share, budgets, and limits that are learnt, on each."""
    selection = group(strategy, size, learns=True, budgeted=True)
    for position, health in enumerate(selection.healths):
        health.weight = 1 + position % 3
        health.set_lease(0, NOW, 10**8, 10**8)
        health.set_lease(1, NOW, 10**9, 10**9)
    needs = Needs(bits=1 << 32, input_tokens=1000, tokens=2000, streamed=True)

    def serve() -> None:
        selection.choose(needs, NOW)
        needs.release(NOW)

    benchmark(serve)


def test_a_request_with_all_that_is_asked_of_it(benchmark: BenchmarkFixture) -> None:
    selection = group("shuffle", 2)

    def serve() -> None:
        needs = Needs(bits=1 << 32, input_tokens=1000, tokens=2000)
        selection.choose(needs, NOW)
        needs.succeeded(NOW, 0.5, -1.0, 10, 1500)

    benchmark(serve)


def test_explain(benchmark: BenchmarkFixture) -> None:
    selection = group("latency", 100)
    benchmark(selection.explain, Needs(), NOW)


def test_a_request_that_belongs_to_a_deployment(benchmark: BenchmarkFixture) -> None:
    """At most 2 µs for 4 deployments, with what it takes to find the number."""
    selection, rules = group("shuffle", 4), affinity_of(RouterSettings(optional_pre_call_checks=CHECKS), {})
    needs, tenant, body = Needs(bits=1 << 32, input_tokens=1000, tokens=2000), b"k" * 32, {"metadata": {}}
    headers = {b"x-litellm-session-id": b"a-session-of-some-length-0123456789"}

    def serve() -> None:
        needs.affinity = rules.number("gpt-4o", tenant, session=session_of(body, headers), messages=b"[]")
        selection.choose(needs, NOW)
        needs.release(NOW)

    benchmark(serve)
