"""Scanning and splicing request bodies: `pytest bench/micro/test_spans.py`."""

import json

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tianji._core.bodies.spans import replace_value, scan
from tianji._core.bodies.splice import Splice

PROSE = 'The weather in Paris is mild today,\nwith "light" winds from the west. '


def chat(turns: int, length: int) -> bytes:
    """A chat body of `turns` messages of about `length` characters."""
    text = (PROSE * (length // len(PROSE) + 1))[:length]
    messages = [{"role": ("user", "assistant")[i % 2], "content": text} for i in range(turns)]
    return json.dumps({"model": "gpt-4o-mini", "messages": messages, "temperature": 0.7, "stream": True}).encode()


BODIES = {
    "200B": chat(1, 100),
    "4KB": chat(8, 450),
    "150KB": chat(40, 3700),
    "400KB_string": json.dumps({"model": "m", "input": "lorem ipsum dolor sit amet " * 15_000}).encode(),
    "400KB_chinese": json.dumps({"model": "m", "input": "天机网关" * 33_000}, ensure_ascii=False).encode(),
}


@pytest.mark.parametrize("name", BODIES)
def test_scan(benchmark: BenchmarkFixture, name: str) -> None:
    benchmark.extra_info["bytes"] = len(BODIES[name])
    benchmark(scan, BODIES[name])


@pytest.mark.parametrize("name", ["200B", "150KB"])
def test_replace_model(benchmark: BenchmarkFixture, name: str) -> None:
    spans = scan(BODIES[name])
    benchmark(replace_value, spans, 0, b'"gpt-4o-2024-08-06"')


@pytest.mark.parametrize("name", ["200B", "150KB"])
def test_splice(benchmark: BenchmarkFixture, name: str) -> None:
    spans = scan(BODIES[name])

    def edit() -> bytes:
        splice = Splice(spans)
        splice.set(b"model", b'"gpt-4o-2024-08-06"')
        splice.set(b"stream_options", b'{"include_usage":true}')
        return splice.build()

    benchmark(edit)
