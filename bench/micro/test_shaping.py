"""From the client's body to the upstream's: `pytest bench/micro/test_shaping.py`."""

import pytest
from bench.scenarios import chat
from pytest_benchmark.fixture import BenchmarkFixture

from tianji._core.bodies.spans import scan
from tianji._core.requests.shaping import shape_body
from tianji._core.routing.router import Plan
from tianji._core.upstreams.http1 import Timeouts
from tianji._core.upstreams.origin import Origin
from tianji.gateway.compiled.reshaping import shaping_arguments
from tianji.providers import build

DEPLOYMENTS = {
    "model_only": {"model": "openai/gpt-4o"},
    "defaults_and_overrides": {"model": "openai/gpt-4o", "temperature": 0.2, "max_tokens": 9, "extra_body": {"a": [1]}},
    "dropping": {"model": "groq/llama", "drop_params": True},
}


def plan(name: str) -> Plan:
    params = DEPLOYMENTS[name] | {"api_key": "k"}
    return Plan(
        origin=Origin("127.0.0.1", 1),
        path="/v1/chat/completions",
        head=b"",
        passage=None,
        model=b'"upstream-name"',
        asks_usage=True,
        timeouts=Timeouts(),
        stream_timeouts=Timeouts(),
        tiers={},
        canned=None,
        **shaping_arguments(build(params, {}, drop_params=bool(params.get("drop_params"))).shaping),
    )


@pytest.mark.parametrize("size", [200, 4000, 150_000])
@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_shape(benchmark: BenchmarkFixture, name: str, size: int) -> None:
    spans = scan(chat(size))
    benchmark(shape_body, plan(name), spans, b'"upstream-name"', False)


def test_shape_streamed(benchmark: BenchmarkFixture) -> None:
    spans = scan(chat(200, stream=True))
    shaped = benchmark(shape_body, plan("model_only"), spans, b'"upstream-name"', True)
    assert b"include_usage" in shaped.body
