"""The pool against scripted upstreams on loopback: reuse, bounds, fairness, cancelling."""

import asyncio
import gc
import socket
import time
from collections.abc import Callable

import pytest
from tests.fakes.upstream import Peer, Upstream, answering, together, whole
from tests.unit.core.upstreams.wire import REQUEST, Heard, MemoryConnector, empty, until

from tianji._core.upstreams.http1 import Connection, Timeouts
from tianji._core.upstreams.origin import Origin
from tianji._core.upstreams.pool import Limits, Pool
from tianji.egress.pool import Answer, fetch, open_pool
from tianji.errors import UpstreamConnectFailed, UpstreamDisconnected

NONE = Timeouts()
HELLO = whole(b"hello")


async def get(pool: Pool, upstream: Upstream) -> Answer:
    return await fetch(pool, upstream.origin, REQUEST, NONE)


async def test_one_connection_serves_one_after_another() -> None:
    async with Upstream(answering(HELLO)) as upstream:
        pool = open_pool()
        for _ in range(20):
            assert (await get(pool, upstream)).body == b"hello"
        assert len(upstream.peers) == 1
        assert upstream.peers[0].requests == [REQUEST] * 20
        assert (pool.open, pool.idle, pool.active) == (1, 1, 0)
        await empty(pool)


async def test_an_idle_connection_is_written_to_inside_send() -> None:
    async with Upstream(answering(HELLO)) as upstream:
        pool = open_pool()
        await get(pool, upstream)
        heard = Heard()
        before = asyncio.all_tasks()
        call = pool.send(upstream.origin, REQUEST, heard.handler, NONE)
        assert call.sent
        assert call.reused
        assert pool.idle == 0
        assert asyncio.all_tasks() == before
        await heard.finished.wait()
        assert heard.body == b"hello"
        await empty(pool)


async def test_the_connection_used_last_is_used_next() -> None:
    async with Upstream(together(2, lambda peer: whole(b"%d" % peer.number))) as upstream:
        pool = open_pool()
        pair = await asyncio.gather(get(pool, upstream), get(pool, upstream))
        assert sorted(answer.body for answer in pair) == [b"0", b"1"]
        latest = (await get(pool, upstream)).body
        for _ in range(3):
            assert (await get(pool, upstream)).body == latest
        await empty(pool)


async def test_equal_origins_share_connections_and_others_do_not() -> None:
    async with Upstream(answering(HELLO)) as upstream:
        pool = open_pool()
        same = Origin("127.0.0.1", upstream.port)
        assert same == upstream.origin
        assert hash(same) == hash(upstream.origin)
        assert same != Origin("127.0.0.2", upstream.port)
        for origin in (upstream.origin, same):
            await fetch(pool, origin, REQUEST, NONE)
        assert len(upstream.peers) == 1
        await fetch(pool, Origin("localhost", upstream.port), REQUEST, NONE)
        assert len(upstream.peers) == 2
        await empty(pool)


@pytest.mark.parametrize(("host", "port"), [("", 80), ("a", 0), ("a", 65536), ("a", -1)])
def test_an_impossible_origin_is_refused(host: str, port: int) -> None:
    with pytest.raises(ValueError, match="origin"):
        Origin(host, port)


async def test_close_in_the_answer_is_honoured() -> None:
    async with Upstream(answering(whole(b"bye", b"Connection: close"))) as upstream:
        pool = open_pool()
        for _ in range(3):
            assert (await get(pool, upstream)).body == b"bye"
        assert len(upstream.peers) == 3
        await empty(pool)


async def test_a_connection_that_closed_while_idle_is_not_used() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(HELLO)

    async with Upstream(script) as upstream:
        pool = open_pool()
        for _ in range(5):
            assert (await get(pool, upstream)).body == b"hello"
            await until(lambda: not pool.open)
        assert len(upstream.peers) == 5
        await empty(pool)


@pytest.mark.parametrize("parting", [b"", b"HTTP/1.1 408 Request Timeout\r\n\r\n"], ids=["end", "bytes"])
async def test_an_old_idle_connection_is_asked_before_it_is_used(parting: bytes) -> None:
    """The loop has had no turn to report what the upstream did: only the socket knows."""
    async with Upstream(answering(HELLO)) as upstream:
        pool = open_pool()
        await get(pool, upstream)
        time.sleep(0.21)  # noqa: ASYNC251 - the age of the connection is the subject, and the loop must not turn
        with upstream.peers[0].socket() as sock:
            sock.send(parting) if parting else sock.shutdown(socket.SHUT_WR)
        heard = Heard()
        call = pool.send(upstream.origin, REQUEST, heard.handler, NONE)
        assert not call.reused
        assert pool.idle == 0
        await heard.finished.wait()
        assert heard.body == b"hello"
        assert len(upstream.peers) == 2
        await empty(pool)


async def test_a_request_that_was_sent_is_not_sent_again() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(HELLO)
        await peer.request()  # and leave without an answer

    async with Upstream(script) as upstream:
        pool = open_pool()
        await get(pool, upstream)
        heard = Heard()
        call = pool.send(upstream.origin, REQUEST, heard.handler, NONE)
        await heard.finished.wait()
        assert isinstance(heard.ending, UpstreamDisconnected)
        assert heard.ending.sent
        assert call.reused
        assert len(upstream.peers) == 1
        await empty(pool)


async def test_idle_connections_expire() -> None:
    async with Upstream(together(3, lambda peer: HELLO)) as upstream:
        pool = open_pool(Limits(idle_expiry=55.0))
        await asyncio.gather(*(get(pool, upstream) for _ in range(3)))
        assert pool.idle == 3
        pool.sweep(time.monotonic() + 54.0)
        assert pool.idle == 3
        pool.sweep(time.monotonic() + 56.0)
        assert pool.idle == 0
        await until(lambda: not pool.open)
        await empty(pool)


async def test_the_timer_expires_idle_connections_and_then_rests() -> None:
    async with Upstream(answering(HELLO)) as upstream:
        pool = open_pool(Limits(idle_expiry=0.01))
        await get(pool, upstream)
        await asyncio.wait_for(until(lambda: not pool.open), 5.0)
        await empty(pool)


async def test_no_more_idle_connections_than_allowed() -> None:
    async with Upstream(together(6, lambda peer: HELLO)) as upstream:
        pool = open_pool(Limits(max_idle=2))
        await asyncio.gather(*(get(pool, upstream) for _ in range(6)))
        await until(lambda: pool.open == 2)
        assert pool.idle == 2
        await empty(pool)


async def test_a_bound_queues_calls_first_come_first_served() -> None:
    async with Upstream(together(2, lambda peer: HELLO)) as upstream:
        pool = open_pool(Limits(max_connections=2))
        order: list[int] = []
        calls = [Heard() for _ in range(30)]
        for number, heard in enumerate(calls):
            pool.send(upstream.origin, REQUEST, heard.handler, NONE)
            asyncio.get_running_loop().create_task(_note(heard, order, number))
        assert pool.waiting == 30
        assert pool.connecting == 2
        await asyncio.gather(*(heard.finished.wait() for heard in calls))
        await until(lambda: len(order) == 30)
        assert len(upstream.peers) == 2
        # two servers at a time: nobody is overtaken by more than the other one
        assert all(abs(place - number) <= 1 for place, number in enumerate(order))
        await empty(pool)


async def _note(heard: Heard, order: list[int], number: int) -> None:
    await heard.finished.wait()
    order.append(number)


async def test_one_connection_serves_strictly_in_order() -> None:
    async def script(peer: Peer) -> None:
        while request := await peer.request():
            await peer.send(whole(request.rpartition(b"\r\n")[2]))

    async with Upstream(script) as upstream:
        pool = open_pool(Limits(max_connections=1))
        calls = [Heard() for _ in range(10)]
        for number, heard in enumerate(calls):
            request = b"POST / HTTP/1.1\r\nhost: up\r\ncontent-length: 1\r\n\r\n%d" % number
            pool.send(upstream.origin, request, heard.handler, NONE)
        await asyncio.gather(*(heard.finished.wait() for heard in calls))
        assert [request[-1:] for request in upstream.peers[0].requests] == [b"%d" % i for i in range(10)]
        assert [heard.body for heard in calls] == [b"%d" % i for i in range(10)]
        await empty(pool)


async def test_a_full_queue_fails_the_newest() -> None:
    release = asyncio.Event()

    async def script(peer: Peer) -> None:
        while await peer.request():
            await release.wait()
            await peer.send(HELLO)

    async with Upstream(script) as upstream:
        pool = open_pool(Limits(max_connections=1, max_waiting=2))
        calls = [Heard() for _ in range(4)]
        for heard in calls:
            pool.send(upstream.origin, REQUEST, heard.handler, NONE)
        await calls[3].finished.wait()
        assert isinstance(calls[3].ending, UpstreamConnectFailed)
        assert "too many" in calls[3].ending.message
        release.set()
        await asyncio.gather(*(heard.finished.wait() for heard in calls))
        assert [heard.ending for heard in calls[:3]] == ["end"] * 3
        await empty(pool)


async def test_a_closed_connection_makes_room_for_the_queue() -> None:
    async with Upstream(answering(whole(b"bye", b"Connection: close"))) as upstream:
        pool = open_pool(Limits(max_connections=1))
        answers = await asyncio.gather(*(get(pool, upstream) for _ in range(5)))
        assert [answer.body for answer in answers] == [b"bye"] * 5
        assert len(upstream.peers) == 5
        await empty(pool)


async def test_a_refused_connection_fails_every_call_of_the_queue() -> None:
    async with Upstream(answering(HELLO)) as upstream:
        origin = upstream.origin
    pool = open_pool(Limits(max_connections=2))
    calls = [Heard() for _ in range(5)]
    for heard in calls:
        pool.send(origin, REQUEST, heard.handler, NONE)
    await asyncio.gather(*(heard.finished.wait() for heard in calls))
    for heard in calls:
        assert isinstance(heard.ending, UpstreamConnectFailed)
        assert not heard.ending.sent
        assert heard.ending.message == "could not connect to the upstream: refused"
    await empty(pool)


async def test_a_connector_that_breaks_fails_the_call_and_is_reported() -> None:
    class Broken(MemoryConnector):
        async def connect(
            self, origin: Origin, factory: Callable[[], Connection]
        ) -> tuple[asyncio.BaseTransport, Connection]:
            raise LookupError("a fault in the connector")

    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))
    pool = Pool(asyncio.get_running_loop(), Limits(), Broken())
    with pytest.raises(UpstreamConnectFailed, match="could not connect"):
        await fetch(pool, Origin("up", 80), REQUEST, NONE)
    assert [type(error) for error in reported] == [LookupError]
    await empty(pool)


@pytest.mark.parametrize("stage", ["at once", "connecting", "sent", "head", "body", "ended"])
async def test_cancelling_at_every_stage_leaves_nothing(stage: str) -> None:
    seen = asyncio.Event()
    left = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        seen.set()
        if stage in ("head", "body"):
            await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n" + (b"half" if stage == "body" else b""))
        elif stage == "ended":
            await peer.send(HELLO)
        await peer.gone()
        left.set()

    async with Upstream(script) as upstream:
        pool = open_pool()
        heard = Heard()
        call = pool.send(upstream.origin, REQUEST, heard.handler, NONE)
        if stage == "connecting":
            await asyncio.sleep(0)
        elif stage == "sent":
            await seen.wait()
        elif stage in ("head", "body"):
            await until(lambda: bool(heard.pieces if stage == "body" else heard.status))
        elif stage == "ended":
            await heard.finished.wait()
        call.cancel()
        call.cancel()
        assert call.done
        assert pool.active == 0
        assert pool.waiting == 0
        if stage == "ended":
            assert pool.idle == 1
        else:
            await until(lambda: not pool.open and not pool.connecting)
            assert heard.ending is None
        if stage in ("sent", "head", "body"):
            await asyncio.wait_for(left.wait(), 5.0)
        await empty(pool)


async def test_a_cancelled_call_in_the_queue_is_passed_over() -> None:
    async with Upstream(answering(HELLO)) as upstream:
        pool = open_pool(Limits(max_connections=1))
        calls = [Heard() for _ in range(60)]
        sent = [pool.send(upstream.origin, REQUEST, heard.handler, NONE) for heard in calls]
        for call in sent[1:59]:
            call.cancel()
        assert pool.waiting == 2
        await calls[0].finished.wait()
        await calls[59].finished.wait()
        assert calls[59].body == b"hello"
        assert len(upstream.peers[0].requests) == 2
        await empty(pool)


async def test_closing_fails_the_waiting_and_lets_the_running_end() -> None:
    release = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await release.wait()
        await peer.send(HELLO)
        await peer.gone()

    async with Upstream(script) as upstream:
        pool = open_pool(Limits(max_connections=1))
        running, waiting = Heard(), Heard()
        call = pool.send(upstream.origin, REQUEST, running.handler, NONE)
        await until(lambda: call.sent)
        pool.send(upstream.origin, REQUEST, waiting.handler, NONE)
        pool.close()
        assert isinstance(waiting.ending, UpstreamConnectFailed)
        with pytest.raises(RuntimeError, match="closed"):
            pool.send(upstream.origin, REQUEST, Heard().handler, NONE)
        release.set()
        await running.finished.wait()
        assert running.body == b"hello"
        await empty(pool)


async def test_pausing_holds_the_upstream_back_and_loses_nothing() -> None:
    size = 8 * 1024 * 1024
    sent = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(whole(b"x" * size))
        sent.set()
        await peer.gone()

    async with Upstream(script) as upstream:
        pool = open_pool()
        heard = Heard()
        call = pool.send(upstream.origin, REQUEST, heard.handler, NONE)
        await until(lambda: bool(heard.status))
        call.pause()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(sent.wait()), 0.1)
        assert len(heard.body) < size
        call.resume()
        await heard.finished.wait()
        assert len(heard.body) == size
        await empty(pool)


async def test_a_large_request_goes_out_whole() -> None:
    body = bytes(range(256)) * 16_384

    async def script(peer: Peer) -> None:
        request = await peer.request()
        await peer.send(whole(b"%d %d" % (len(request), request.endswith(body))))
        await peer.gone()

    async with Upstream(script) as upstream:
        pool = open_pool()
        head = b"POST / HTTP/1.1\r\nhost: up\r\ncontent-length: %d\r\n\r\n" % len(body)
        answer = await fetch(pool, upstream.origin, head + body, NONE)
        assert answer.body == b"%d 1" % (len(head) + len(body))
        assert pool.idle == 1
        await empty(pool)


async def test_an_early_answer_to_a_large_request_ends_its_connection() -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(whole(b"too large", status=b"413 Content Too Large"))
        await peer.gone()

    async with Upstream(script) as upstream:
        pool = open_pool()
        head = b"POST / HTTP/1.1\r\nhost: up\r\ncontent-length: 80000000\r\n\r\n"
        answer = await fetch(pool, upstream.origin, head + bytes(80_000_000), NONE)
        assert (answer.status, answer.body) == (413, b"too large")
        assert pool.idle == 0
        await until(lambda: not pool.open)
        await empty(pool)


async def test_finished_calls_and_pools_are_not_kept_alive() -> None:
    async with Upstream(answering(HELLO)) as upstream:
        pool = open_pool()
        for _ in range(10):
            await get(pool, upstream)
        await empty(pool)
        del pool
        await asyncio.sleep(0)
        gc.collect()
        assert not [thing for thing in gc.get_objects() if type(thing) is Connection]
