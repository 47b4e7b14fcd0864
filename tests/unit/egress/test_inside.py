"""Upstreams inside the process, behind the pool."""

import asyncio

import pytest

from tianji._core.upstreams.callbacks import Callbacks
from tianji._core.upstreams.http1 import Timeouts
from tianji._core.upstreams.origin import Origin
from tianji.egress.inside import Asked, Inside, Reply
from tianji.egress.pool import encode_request, fetch, open_pool
from tianji.errors import UpstreamFailure, UpstreamTimeout

REQUEST = encode_request(b"POST", b"/chat/completions?x=1", [(b"host", b"inside")], b"{}")
FOREVER = Timeouts(connect=0, first_byte=0, between_chunks=0, total=0)


async def test_a_call_is_answered() -> None:
    seen: list[Asked] = []

    async def answer(asked: Asked, reply: Reply) -> None:
        seen.append(asked)
        reply.whole(b'{"a": 1}', 201)

    found = await fetch(open_pool(), Origin("inside", 1, answers=Inside(answer)), REQUEST, FOREVER)
    assert (found.status, found.body) == (201, b'{"a": 1}')
    assert seen == [Asked("/chat/completions", b"{}")]


async def test_it_may_fail() -> None:
    async def answer(asked: Asked, reply: Reply) -> None:
        raise UpstreamFailure("no")

    with pytest.raises(UpstreamFailure, match="no"):
        await fetch(open_pool(), Origin("inside", 1, answers=Inside(answer)), REQUEST, FOREVER)


async def test_it_has_no_longer_than_others() -> None:
    ended = asyncio.Event()

    async def answer(asked: Asked, reply: Reply) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    timeouts = Timeouts(connect=0, first_byte=0.05, between_chunks=0, total=0)
    with pytest.raises(UpstreamTimeout):
        await fetch(open_pool(), Origin("inside", 1, answers=Inside(answer)), REQUEST, timeouts)
    await asyncio.wait_for(ended.wait(), 5)


async def test_a_slow_reader_is_waited_for() -> None:
    sent: list[int] = []

    async def answer(asked: Asked, reply: Reply) -> None:
        for number in range(3):
            await reply.send(b"%d" % number)
            sent.append(number)
        reply.end()

    pool = open_pool()
    ended = asyncio.Event()
    pieces: list[bytes] = []
    handler = Callbacks(
        head=lambda *_: call.pause(), data=pieces.append, end=ended.set, failed=lambda error: pieces.append(b"failed")
    )
    call = pool.send(Origin("inside", 1, answers=Inside(answer)), REQUEST, handler, FOREVER)
    for _ in range(5):
        await asyncio.sleep(0)
    assert sent == []
    call.resume()
    await asyncio.wait_for(ended.wait(), 5)
    assert pieces == [b"0", b"1", b"2"]


def test_origins_differ_by_their_code() -> None:
    async def answer(asked: Asked, reply: Reply) -> None:
        reply.whole(b"")

    one, two = Inside(answer), Inside(answer)
    assert Origin("inside", 1, answers=one) == Origin("inside", 1, answers=one)
    assert Origin("inside", 1, answers=one) != Origin("inside", 1, answers=two)
    assert Origin("inside", 1, answers=one) != Origin("inside", 1)
