"""Connections that read their sockets themselves, against scripted upstreams on loopback."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.fakes.upstream import Peer, Upstream, answering, whole
from tests.unit.core.upstreams.wire import REQUEST, Heard, empty, until

from tianji._core.upstreams.http1 import Call, Timeouts
from tianji._core.upstreams.pool import Pool
from tianji.egress.pool import fetch, open_pool
from tianji.errors import UpstreamDisconnected, UpstreamProtocolError

NONE = Timeouts()
HELLO = whole(b"hello")
LONG = 3_000_000  # bytes: more than is read of one socket before it is the turn of others
ENDLESS = 24_000_000  # bytes: more than the sockets of both ends hold


def epolls() -> int:
    """How many descriptors of this process are an epoll."""
    found = 0
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found += str(entry.readlink()) == "anon_inode:[eventpoll]"
        except FileNotFoundError:  # the descriptor of the folder itself
            continue
    return found


@contextlib.asynccontextmanager
async def opened() -> AsyncIterator[Pool]:
    """A pool that leaves nothing open."""
    before = epolls()
    pool = open_pool()
    yield pool
    await empty(pool)
    assert epolls() == before


async def seasoned(pool: Pool, upstream: Upstream) -> None:
    """Ask twice: after the second answer the connection reads for itself."""
    before = epolls()
    for _ in range(2):
        assert (await fetch(pool, upstream.origin, REQUEST, NONE)).body == b"hello"
    assert epolls() == before + 1


def send(pool: Pool, upstream: Upstream) -> tuple[Heard, Call]:
    heard = Heard()
    call = pool.send(upstream.origin, REQUEST, heard.handler, NONE)
    assert call.reused
    return heard, call


async def greet(peer: Peer) -> None:
    """Answer the two requests of `seasoned`, and read a third."""
    for _ in range(2):
        await peer.request()
        await peer.send(HELLO)
    await peer.request()


async def test_one_epoll_serves_all_connections_and_ends_with_the_last() -> None:
    async with opened() as pool, Upstream(answering(HELLO)) as upstream:
        await seasoned(pool, upstream)
        before = epolls()
        while len(upstream.peers) < 3:
            answers = await asyncio.gather(*[fetch(pool, upstream.origin, REQUEST, NONE) for _ in range(8)])
            assert [answer.body for answer in answers] == [b"hello"] * 8
        assert epolls() == before


async def test_a_connection_with_one_answer_has_none() -> None:
    async with opened() as pool, Upstream(answering(HELLO)) as upstream:
        before = epolls()
        await fetch(pool, upstream.origin, REQUEST, NONE)
        assert epolls() == before


async def test_a_long_answer_comes_whole() -> None:
    body = os.urandom(LONG)

    async def script(peer: Peer) -> None:
        await greet(peer)
        await peer.send(whole(body))
        await peer.gone()

    async with opened() as pool, Upstream(script) as upstream:
        await seasoned(pool, upstream)
        assert (await fetch(pool, upstream.origin, REQUEST, NONE)).body == body


async def test_a_paused_call_reads_nothing_and_then_the_rest() -> None:
    sent = asyncio.Event()

    async def script(peer: Peer) -> None:
        await greet(peer)
        await peer.send(whole(b"x" * ENDLESS)[:1000])
        await sent.wait()
        await peer.send(whole(b"x" * ENDLESS)[1000:])
        await peer.gone()

    async with opened() as pool, Upstream(script) as upstream:
        await seasoned(pool, upstream)
        heard, call = send(pool, upstream)
        await until(lambda: bool(heard.pieces))
        call.pause()
        before = len(heard.body)
        sent.set()
        peer = upstream.peers[0]
        await until(lambda: peer.writer.transport.get_write_buffer_size() > 0)  # type: ignore[attr-defined] # it has
        for _ in range(10):
            await asyncio.sleep(0)
        assert len(heard.body) == before
        call.resume()
        await heard.finished.wait()
        assert heard.ending == "end"
        assert heard.body == b"x" * ENDLESS
        again, _ = send(pool, upstream)
        upstream.peers[0].reset()
        await again.finished.wait()


async def test_an_answer_that_the_close_ends() -> None:
    async def script(peer: Peer) -> None:
        await greet(peer)
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\nuntil the end")

    async with opened() as pool, Upstream(script) as upstream:
        await seasoned(pool, upstream)
        heard, _ = send(pool, upstream)
        await heard.finished.wait()
        assert (heard.body, heard.ending) == (b"until the end", "end")


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
async def test_an_upstream_that_leaves_in_the_middle_fails_the_call(reset: bool) -> None:
    async def script(peer: Peer) -> None:
        await greet(peer)
        await peer.send(HELLO[:-2])
        await half.wait()
        if reset:
            peer.reset()

    half = asyncio.Event()
    async with opened() as pool, Upstream(script) as upstream:
        await seasoned(pool, upstream)
        heard, _ = send(pool, upstream)
        await until(lambda: bool(heard.status))
        half.set()
        await heard.finished.wait()
        assert isinstance(heard.ending, UpstreamDisconnected)
        await until(lambda: not pool.open)


async def test_last_words_and_the_end_in_one_go_are_both_heard() -> None:
    async def script(peer: Peer) -> None:
        await greet(peer)
        peer.writer.write(HELLO)
        peer.writer.write_eof()
        await peer.gone()

    async with opened() as pool, Upstream(script) as upstream:
        await seasoned(pool, upstream)
        heard, _ = send(pool, upstream)
        await heard.finished.wait()
        assert (heard.body, heard.ending) == (b"hello", "end")
        await until(lambda: not pool.open)


async def test_words_that_nobody_asked_for_close_the_connection() -> None:
    async with opened() as pool, Upstream(answering(HELLO)) as upstream:
        await seasoned(pool, upstream)
        upstream.peers[0].writer.write(HELLO)
        await until(lambda: not pool.open)


async def test_a_faulty_answer_harms_no_other_connection() -> None:
    async def script(peer: Peer) -> None:
        while await peer.request():
            faulty = peer.number == 0 and len(peer.requests) > 2
            await peer.send(b"HTTP/9.9 nonsense\r\n\r\n" if faulty else HELLO)

    async with opened() as pool, Upstream(script) as upstream:
        await seasoned(pool, upstream)
        (bad, _), others = send(pool, upstream), [fetch(pool, upstream.origin, REQUEST, NONE) for _ in range(3)]
        assert [answer.body for answer in await asyncio.gather(*others)] == [b"hello"] * 3
        await bad.finished.wait()
        assert isinstance(bad.ending, UpstreamProtocolError)


async def test_a_cancelled_call_ends_its_connection_alone() -> None:
    async def script(peer: Peer) -> None:
        await greet(peer)
        await peer.send(HELLO[:-2])
        await peer.gone()

    async with opened() as pool, Upstream(script) as upstream:
        await seasoned(pool, upstream)
        heard, call = send(pool, upstream)
        await until(lambda: bool(heard.status))
        call.cancel()
        await until(lambda: not pool.open)
        assert heard.ending is None
