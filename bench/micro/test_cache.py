"""Answers out of the cache: `pytest bench/micro/test_cache.py`."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.inmemory import CONFIG, Worker
from bench.scenarios import ANSWER, chat, post, whole
from pytest_benchmark.fixture import BenchmarkFixture

from tianji._core.bodies.spans import scan
from tianji._core.caching.memory import Answer, MemoryCache
from tianji._core.sharing.revision import Revisions
from tianji.cache.codec import Codec
from tianji.cache.members import recipe

CIRCLE = ("chat", "demo", "", "", "", "", "")


@pytest.fixture
def cached(tmp_path: Path) -> Iterator[Worker]:
    """A worker with a cache in memory."""
    worker = Worker(tmp_path, CONFIG.replace("litellm_settings:\n", "litellm_settings:\n  cache: true\n"))
    yield worker
    worker.close()


@pytest.mark.parametrize("size", [200, 4096, 32768])
def test_hit(benchmark: BenchmarkFixture, cached: Worker, size: int) -> None:
    request = post(chat(size))
    cached.ask(request, whole(ANSWER))
    benchmark(cached.ask, request, ())
    assert b"x-tianji-cache-hit: true" in cached.answered(request, ())


def test_hit_in_the_other_form(benchmark: BenchmarkFixture, cached: Worker) -> None:
    cached.ask(post(chat(200)), whole(ANSWER))
    same = post(chat(200).replace(b'"stream":false', b'"stream":true '))
    benchmark(cached.ask, same, ())
    assert b"text/event-stream" in cached.answered(same, ())


def test_miss(benchmark: BenchmarkFixture, cached: Worker) -> None:
    answer = whole(ANSWER)
    benchmark(cached.ask, post(chat(200).replace(b'"stream":false', b'"cache":{"no-cache":true}')), answer)


@pytest.mark.parametrize("size", [200, 4096, 409_600])
def test_digest(benchmark: BenchmarkFixture, size: int) -> None:
    made, spans = recipe(every_member=False), scan(chat(size))
    assert len(benchmark(made.digest, spans, CIRCLE)) == 64


def test_find(benchmark: BenchmarkFixture) -> None:
    memory, now = MemoryCache(1 << 24, Revisions()), time.time()
    for number in range(1000):
        body = b"x" * 1000
        memory.put(f"{number:064x}", Answer(body, b'"m"', streamed=False, shows_usage=False, stored_at=now, expires=0))
    assert benchmark(memory.find, f"{7:064x}", now) is not None


def test_put(benchmark: BenchmarkFixture) -> None:
    memory, keys = MemoryCache(1 << 20, Revisions()), iter(range(1 << 40))
    answer = Answer(b"x" * 1000, b'"m"', streamed=False, shows_usage=False, stored_at=0, expires=0)
    benchmark(lambda: memory.put(f"{next(keys):064x}", answer))
    assert memory.size <= 1 << 20


def test_stream_of_a_whole_answer(benchmark: BenchmarkFixture) -> None:
    assert benchmark(Codec("chat").events, ANSWER, False)
