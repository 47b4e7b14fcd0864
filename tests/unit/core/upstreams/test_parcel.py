"""Requests that are sent in pieces, against scripted upstreams on loopback."""

import pytest
from tests.fakes.upstream import Peer, Upstream, answering, whole
from tests.unit.core.upstreams.wire import Heard, empty, until

from tianji._core.upstreams.http1 import Timeouts
from tianji._core.upstreams.parcel import Parcel
from tianji._core.upstreams.spool import Extent, Spool
from tianji.egress.pool import fetch, open_pool
from tianji.errors import TianjiError, UpstreamTimeout

NONE = Timeouts()
HELLO = whole(b"hello")


def spooled(content: bytes) -> Spool:
    spool = Spool()
    spool.write(content)
    return spool


def parcel(head: bytes, *parts: bytes | Extent) -> Parcel:
    """Return a request that is sent in pieces."""
    size = sum(len(part) if isinstance(part, bytes) else part.size for part in parts)
    return Parcel([b"%b\r\nhost: up\r\ncontent-length: %d\r\n\r\n" % (head, size), *parts])


async def test_a_parcel_goes_out_whole_in_its_order_and_can_be_sent_again() -> None:
    content = bytes(range(256)) * 16_384
    spool = spooled(b"before" + content)

    async def script(peer: Peer) -> None:
        while True:
            request = await peer.request()
            await peer.send(whole(b"%d" % request.endswith(b"\r\n\r\n<" + content + b">before")))

    async with Upstream(script) as upstream:
        pool = open_pool()
        parts = [b"<", Extent(spool, 6, len(content)), b"", b">", Extent(spool, 0, 0), Extent(spool, 0, 6)]
        request = parcel(b"POST / HTTP/1.1", *parts)
        for _ in range(2):
            assert (await fetch(pool, upstream.origin, request, NONE)).body == b"1"
        assert (pool.idle, pool.open) == (1, 1)
        await empty(pool)


async def test_an_early_answer_to_a_parcel_ends_its_connection() -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(whole(b"too large", status=b"413 Content Too Large"))
        await peer.gone()

    async with Upstream(script) as upstream:
        pool = open_pool()
        request = parcel(b"POST / HTTP/1.1", Extent(spooled(bytes(20_000_000)), 0, 20_000_000))
        answer = await fetch(pool, upstream.origin, request, NONE)
        assert (answer.status, answer.body) == (413, b"too large")
        await until(lambda: not pool.open)
        await empty(pool)


async def test_a_parcel_that_nobody_takes_times_out_and_one_that_is_cancelled_ends() -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        peer.writer.transport.pause_reading()
        await peer.writer.wait_closed()

    async with Upstream(script) as upstream:
        pool = open_pool()
        request = parcel(b"POST / HTTP/1.1", Extent(spooled(bytes(20_000_000)), 0, 20_000_000))
        with pytest.raises(UpstreamTimeout, match="begin its answer"):
            await fetch(pool, upstream.origin, request, Timeouts(first_byte=0.05))
        call = pool.send(upstream.origin, request, Heard().handler, NONE)
        await until(lambda: call.sent)
        call.cancel()
        await until(lambda: not pool.open)
        await empty(pool)


async def test_a_parcel_whose_file_is_gone_fails_its_call() -> None:
    async with Upstream(answering(HELLO)) as upstream:
        pool, spool = open_pool(), spooled(b"content")
        request = parcel(b"POST / HTTP/1.1", Extent(spool, 0, 7))
        spool.close()
        with pytest.raises(TianjiError, match="cannot be used"):
            await fetch(pool, upstream.origin, request, NONE)
        await empty(pool)


@pytest.mark.parametrize("parts", [["text"], [bytearray(b"x")], [None]])
def test_a_parcel_takes_bytes_and_extents_only(parts: list[bytes]) -> None:
    with pytest.raises(TypeError):
        Parcel(parts)
