"""Drawing a deployment: `pytest bench/micro/test_router.py`."""

import pytest
from bench.inmemory import Worker
from pytest_benchmark.fixture import BenchmarkFixture

from tianji._core.router import Group


@pytest.mark.parametrize("count", [1, 2, 20])
def test_choose(benchmark: BenchmarkFixture, worker: Worker, count: int) -> None:
    (deployment,) = worker.gateway.snapshot.groups["demo"].deployments
    (operation,) = (name for name in deployment.plans if "chat" in name)
    group = Group("demo", [deployment] * count)
    assert benchmark(group.choose, operation) is deployment


def test_resolve_by_name(benchmark: BenchmarkFixture, worker: Worker) -> None:
    assert benchmark(worker.gateway.snapshot.resolver.resolve, "demo") is not None
