"""What an answer cost: `pytest bench/micro/test_usage.py`."""

import pytest
from bench.scenarios import ANSWER
from pytest_benchmark.fixture import BenchmarkFixture

from tianji._core.bodies.spans import scan
from tianji._core.streams.usage import read_usage

FORMS = {
    "chat": ANSWER,
    "responses": (
        b'{"id":"resp_1","object":"response","usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":3},'
        b'"output_tokens":12,"output_tokens_details":{"reasoning_tokens":5},"total_tokens":21}}'
    ),
    "none": b'{"object":"list","data":[]}',
}


@pytest.mark.parametrize("form", FORMS)
def test_read_usage(benchmark: BenchmarkFixture, form: str) -> None:
    usage = benchmark(read_usage, scan(FORMS[form]))
    assert (usage is None) == (form == "none")
