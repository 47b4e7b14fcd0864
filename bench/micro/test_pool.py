"""A request on an idle upstream connection, and its answer: `pytest bench/micro/test_pool.py`."""

import asyncio
from collections.abc import Iterator

import pytest
import uvloop
from bench.inmemory import MemoryConnector, feed
from bench.scenarios import ANSWER, post, streamed, whole
from pytest_benchmark.fixture import BenchmarkFixture

from tianji._core.upstreams.callbacks import Callbacks
from tianji._core.upstreams.http1 import Timeouts
from tianji._core.upstreams.origin import Origin
from tianji._core.upstreams.pool import Limits, Pool

REQUEST = post(ANSWER)
ORIGIN = Origin("upstream.test", 80)
TIMEOUTS = Timeouts(connect=5, first_byte=60, total=600)


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """The loop of production."""
    loop = uvloop.new_event_loop()
    yield loop
    loop.close()


@pytest.mark.parametrize("answer", [whole(ANSWER), streamed()], ids=["whole", "stream_of_64"])
def test_send(benchmark: BenchmarkFixture, loop: asyncio.AbstractEventLoop, answer: tuple[bytes, ...]) -> None:
    connector = MemoryConnector()
    pool = Pool(loop, Limits(), connector)
    ends: list[None] = []
    ended = ends.append
    handler = Callbacks(head=lambda _status, _headers: None, data=lambda _: None, end=lambda: ended(None), failed=ended)
    pool.send(ORIGIN, REQUEST, handler, TIMEOUTS)
    loop.run_until_complete(asyncio.sleep(0))
    (connection,) = connector.connections

    def hear() -> None:
        for piece in answer:
            feed(connection, piece)

    def send() -> None:
        pool.send(ORIGIN, REQUEST, handler, TIMEOUTS)
        hear()

    hear()
    benchmark(send)
    assert (pool.open, pool.idle, pool.active) == (1, 1, 0)
    assert set(ends) == {None}
