"""What a guarded stream costs beside the guardrail itself: `pytest bench/micro/test_gate.py`."""

import json

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tianji.guardrails.content import Content
from tianji.guardrails.streaming.forms.table import begin
from tianji.guardrails.streaming.gate import Gate
from tianji.guardrails.streaming.policy import Policy, Scan
from tianji.guardrails.streaming.stream import Stream
from tianji.guardrails.verdict import Allow, Verdict

EVENTS = 1000
CHOICE = {"index": 0, "delta": {"content": " word"}, "finish_reason": None}
CHUNKS = [f"data: {json.dumps({'id': 'c', 'choices': [CHOICE]})}\n\n"] * EVENTS
POLICIES = {"window": Policy(Scan.WINDOW, hold=64), "all": Policy(Scan.ALL), "end": Policy(Scan.END)}


def allow(_content: Content) -> Verdict:
    return Allow()


def through(policy: Policy) -> int:
    stream = Stream(begin("chat"), [Gate(policy)])
    out = 0
    for chunk in CHUNKS:
        out += len(stream.feed(chunk.encode()))
        for number, question in stream.questions():
            out += len(stream.judged(number, allow(question.content)))
    out += len(stream.end())
    for number, question in stream.questions():
        out += len(stream.judged(number, allow(question.content)))
    return out


@pytest.mark.parametrize("name", POLICIES)
def test_a_thousand_events(benchmark: BenchmarkFixture, name: str) -> None:
    assert benchmark(through, POLICIES[name]) == sum(map(len, CHUNKS))
