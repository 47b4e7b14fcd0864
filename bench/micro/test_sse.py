"""Passing streams on, a batch of 64 events at a time; divide by 64: `pytest bench/micro/test_sse.py`."""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tianji._core.streams.sse import ChatStream

HEAD = (
    '{"id":"chatcmpl-9lMgfRSWPHcw51s6wxKT1YEO2CKpd","object":"chat.completion.chunk","created":1694268190,'
    '"model":"gpt-4o-2024-08-06","system_fingerprint":"fp_44709d6fcb","choices":[{"index":0,"delta":{"content":'
)


def event(word: str, logprobs: str = "null", tail: str = "") -> str:
    """One chunk as OpenAI writes it, about 250 bytes."""
    return f'data: {HEAD}"{word}"}},"logprobs":{logprobs},"finish_reason":null}}]{tail}}}\n\n'


def logprobs(count: int) -> str:
    """Log probabilities whose lists differ in length, so that no event is like the one before."""
    codes = ",".join(["104"] * (count % 7))
    return f'{{"content":[{{"token":"a","logprob":-0.1,"bytes":[{codes}],"top_logprobs":[]}}]}}'


def usage(count: int) -> str:
    return f',"usage":{{"prompt_tokens":9,"completion_tokens":{count},"total_tokens":{count + 9}}}'


BATCHES = {
    "alike": "".join(event(f" word{i}") for i in range(64)).encode(),
    "unlike": "".join(event(f" word{i}", logprobs(i)) for i in range(64)).encode(),
    "usage_in_each": "".join(event(f" word{i}", tail=usage(i)) for i in range(64)).encode(),
}


@pytest.mark.parametrize("model", [None, b'"public-name"'], ids=["as_is", "rewritten"])
@pytest.mark.parametrize("name", BATCHES)
def test_batch(benchmark: BenchmarkFixture, name: str, model: bytes | None) -> None:
    stream = ChatStream(model)
    benchmark.extra_info["events"] = 64
    benchmark.extra_info["bytes"] = len(BATCHES[name])
    benchmark(stream.feed, BATCHES[name])
    assert not stream.failed


@pytest.mark.parametrize("model", [None, b'"public-name"'], ids=["as_is", "rewritten"])
def test_single(benchmark: BenchmarkFixture, model: bytes | None) -> None:
    stream = ChatStream(model)
    benchmark(stream.feed, event(" word").encode())
