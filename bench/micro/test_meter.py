"""What it takes to say what a request cost: `pytest bench/micro/test_meter.py`."""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tianji._core.bodies.spans import scan
from tianji._core.journal.meter import Rates, cost, dollars, estimate
from tianji._core.streams.usage import read_usage
from tianji.accounting.prices.catalogue import Catalogue
from tianji.accounting.prices.explain import explain_cost
from tianji.accounting.prices.names import candidates
from tianji.accounting.prices.tables import compile_rates

USAGE = (
    b'{"usage":{"prompt_tokens":1200,"completion_tokens":300,"total_tokens":1500,"prompt_tokens_details":'
    b'{"cached_tokens":1000,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":128,"audio_tokens":0}}}'
)


@pytest.fixture
def rates() -> Rates:
    return made("gemini", "gemini-2.5-pro")


def made(provider: str, model: str) -> Rates:
    found = Catalogue().find(candidates(provider, model))
    assert found is not None
    return compile_rates(found[1], provider)


def test_cost(benchmark: BenchmarkFixture, rates: Rates) -> None:
    assert benchmark(cost, rates, read_usage(scan(USAGE)), 0) == 3_375_000


def test_estimate(benchmark: BenchmarkFixture, rates: Rates) -> None:
    assert benchmark(estimate, rates, 1200, 300) == 4_500_000


def test_explanation(benchmark: BenchmarkFixture, rates: Rates) -> None:
    assert benchmark(explain_cost, rates, read_usage(scan(USAGE)), 0).total == 3_375_000


def test_dollars(benchmark: BenchmarkFixture) -> None:
    assert benchmark(dollars, 3_375_000) == b"0.003375"


def test_a_deployment_is_priced(benchmark: BenchmarkFixture) -> None:
    benchmark(made, "openai", "gpt-4o")


def test_the_whole_catalogue_is_parsed(benchmark: BenchmarkFixture) -> None:
    benchmark(lambda: dict(Catalogue()))
