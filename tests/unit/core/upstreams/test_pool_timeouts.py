"""The four timeouts of a call, against scripted upstreams on loopback."""

import asyncio
import time
from collections.abc import Callable

import pytest
from tests.fakes.upstream import Peer, Upstream, whole
from tests.unit.core.upstreams.wire import REQUEST, Heard, MemoryConnector, empty, until

from tianji._core.upstreams.http1 import Connection, Timeouts
from tianji._core.upstreams.origin import Origin
from tianji._core.upstreams.pool import Limits, Pool
from tianji.egress.pool import fetch, open_pool
from tianji.errors import UpstreamTimeout

NONE = Timeouts()


@pytest.mark.parametrize("phase", ["first_byte", "between_chunks", "total"])
async def test_each_timeout_has_its_phase(phase: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(whole(b"hello"))
        await peer.request()
        if phase != "first_byte":
            await peer.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n")
        else:
            await peer.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200")  # no head yet
        await peer.gone()

    async with Upstream(script) as upstream:
        pool = open_pool()
        await fetch(pool, upstream.origin, REQUEST, NONE)  # so that connecting takes no part of the time
        heard = Heard()
        started = time.monotonic()
        pool.send(upstream.origin, REQUEST, heard.handler, Timeouts(**{phase: 0.05}))
        await heard.finished.wait()
        assert isinstance(heard.ending, UpstreamTimeout)
        assert heard.ending.phase == phase
        assert heard.ending.sent
        assert "0.05 s" in heard.ending.message
        assert time.monotonic() - started >= 0.05
        await until(lambda: not pool.open)
        await empty(pool)


async def test_the_connect_timeout_covers_connecting() -> None:
    class Never(MemoryConnector):
        async def connect(
            self, origin: Origin, factory: Callable[[], Connection]
        ) -> tuple[asyncio.BaseTransport, Connection]:
            return await asyncio.get_running_loop().create_future()

    pool = Pool(asyncio.get_running_loop(), Limits(), Never())
    with pytest.raises(UpstreamTimeout) as caught:
        await fetch(pool, Origin("up", 80), REQUEST, Timeouts(connect=0.05))
    assert caught.value.phase == "connect"
    assert not caught.value.sent
    await empty(pool)


async def test_the_connect_timeout_covers_the_queue() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.gone()

    async with Upstream(script) as upstream:
        pool = open_pool(Limits(max_connections=1))
        first = pool.send(upstream.origin, REQUEST, Heard().handler, NONE)
        with pytest.raises(UpstreamTimeout) as caught:
            await fetch(pool, upstream.origin, REQUEST, Timeouts(connect=0.05))
        assert caught.value.phase == "connect"
        assert not first.done
        first.cancel()
        await empty(pool)


async def test_chunks_in_time_keep_a_call_alive() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in range(8):
            await asyncio.sleep(0.05)  # eight of them last longer than the timeout
            await peer.send(b"1\r\na\r\n")
        await peer.send(b"0\r\n\r\n")
        await peer.gone()

    async with Upstream(script) as upstream:
        pool = open_pool()
        answer = await fetch(pool, upstream.origin, REQUEST, Timeouts(between_chunks=0.3, first_byte=5.0))
        assert answer.body == b"a" * 8
        await empty(pool)
