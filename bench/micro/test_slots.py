"""What guardrails pay to look at a body: `pytest bench/micro/test_slots.py`."""

import json

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tianji.guardrails.content import Direction
from tianji.guardrails.slots.forms import form_of
from tianji.guardrails.verdict import Rewrite

PROSE = 'The weather in Paris is mild today,\nwith "light" winds from the west. '
ARGUMENTS = json.dumps({"city": "Paris", "days": [1, 2, 3], "units": {"temperature": "celsius"}})


def chat(turns: int, length: int) -> bytes:
    """A chat body of `turns` messages of about `length` characters; every fourth calls a tool."""
    text = (PROSE * (length // len(PROSE) + 1))[:length]
    call = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": ARGUMENTS}}
    messages = [
        {"role": "assistant", "content": text, "tool_calls": [call]}
        if i % 4 == 3
        else {"role": "user", "content": text}
        for i in range(turns)
    ]
    return json.dumps({"model": "m", "messages": messages, "stream": True}).encode()


BODIES = {"16KB_few": chat(4, 4000), "16KB_many": chat(64, 160), "1MB": chat(64, 16000)}


@pytest.mark.parametrize("name", BODIES)
def test_read(benchmark: BenchmarkFixture, name: str) -> None:
    benchmark.extra_info["bytes"] = len(BODIES[name])
    benchmark(form_of("chat").read, Direction.REQUEST, BODIES[name])


@pytest.mark.parametrize("name", BODIES)
def test_write(benchmark: BenchmarkFixture, name: str) -> None:
    document = form_of("chat").read(Direction.REQUEST, BODIES[name])
    rewrite = Rewrite(texts={at: "masked" for at, text in enumerate(document.content.texts) if "\n" not in text.text})
    benchmark(document.written, rewrite)
