"""Finding a group: `pytest bench/micro/test_router.py`."""

from bench.inmemory import Worker
from pytest_benchmark.fixture import BenchmarkFixture


def test_resolve_by_name(benchmark: BenchmarkFixture, worker: Worker) -> None:
    assert benchmark(worker.gateway.snapshot.resolver.resolve, "demo") is not None
