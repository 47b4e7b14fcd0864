"""Whole requests in memory, through the native edge and the pipeline: `pytest bench/micro/test_requests.py`."""

import pytest
from bench.inmemory import Worker
from bench.scenarios import SCENARIOS, Scenario
from pytest_benchmark.fixture import BenchmarkFixture


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_request(benchmark: BenchmarkFixture, worker: Worker, scenario: Scenario) -> None:
    first = worker.answered(scenario.request, scenario.answer)
    assert first.startswith(b"HTTP/1.1 %d " % scenario.status)
    benchmark(worker.ask, scenario.request, scenario.answer)
