"""Counting in shared memory: `pytest bench/micro/test_shm.py`."""

from pytest_benchmark.fixture import BenchmarkFixture

from tianji._core.sharing.shm import Histogram, SharedCounters

NAME = 'tianji_requests_total{model="gpt-4o",status="2xx"}'


def test_add(benchmark: BenchmarkFixture) -> None:
    counters = SharedCounters()
    benchmark(counters.add, counters.slot(NAME), 1)


def test_slot(benchmark: BenchmarkFixture) -> None:
    counters = SharedCounters()
    benchmark(counters.slot, NAME)


def test_observe(benchmark: BenchmarkFixture) -> None:
    bounds = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
    histogram = Histogram(SharedCounters(), "tianji_request_seconds", 'model="gpt-4o"', bounds)
    benchmark(histogram.observe, 0.7)


def test_items(benchmark: BenchmarkFixture) -> None:
    counters = SharedCounters()
    for i in range(1000):
        counters.slot(f'tianji_requests_total{{model="model-{i}",status="2xx"}}')
    benchmark(counters.items)
