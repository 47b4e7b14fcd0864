"""Which call goes on which HTTP/2 connection, and what is sent again."""

import asyncio

import pytest
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated
from tests.fakes.http2 import Ask, Http2Upstream
from tests.fakes.upstream import Upstream, answering, whole
from tests.unit.core.upstreams.wire import Heard, until
from tests.unit.egress.http2_field import HOST, NONE, REQUEST, field, hello, origin_of

from tianji._core.upstreams.origin import Origin
from tianji._core.upstreams.pool import Limits
from tianji.egress.http2 import DEPARTED
from tianji.egress.pool import encode_request, fetch, open_pool
from tianji.errors import UpstreamConnectFailed, UpstreamDisconnected


async def test_closing_lets_running_calls_end() -> None:
    go = asyncio.Event()

    async def later(ask: Ask) -> None:
        await go.wait()
        await ask.answer(b"hello")

    async with field(later) as at:
        heard = Heard()
        at.call(heard)
        await until(lambda: bool(at.upstream.asks))
        at.pool.close()
        go.set()
        await heard.finished.wait()
        assert heard.body == b"hello"
        await until(lambda: any(isinstance(e, ConnectionTerminated) for e in at.upstream.peers[0].events))


async def test_an_idle_connection_is_closed_after_a_while() -> None:
    async with field(hello, limits=Limits(idle_expiry=0.05)) as at:
        await at.fetch()
        await until(lambda: any(isinstance(e, ConnectionTerminated) for e in at.upstream.peers[0].events))
        assert (await at.fetch()).body == b"hello"
        assert len(at.upstream.peers) == 2


async def test_nobody_listens() -> None:
    async with field(hello) as at:
        pass
    pool = open_pool()
    with pytest.raises(UpstreamConnectFailed, match="refused"):
        await fetch(pool, at.origin, REQUEST, NONE)
    pool.close()


# -- what the upstream did not look at ----------------------------------------------------------------------------


async def test_a_refused_stream_is_sent_once_more() -> None:
    async def first_refused(ask: Ask) -> None:
        if ask.stream == 1:
            ask.refuse(ErrorCodes.REFUSED_STREAM)
        else:
            await ask.answer(ask.body)

    async with field(first_refused) as at:
        assert (await at.fetch()).body == b"{}"
        assert [ask.stream for ask in at.upstream.asks] == [1, 3]


async def test_a_stream_refused_twice_was_not_sent() -> None:
    async def refused(ask: Ask) -> None:
        ask.refuse(ErrorCodes.REFUSED_STREAM)

    async with field(refused) as at:
        with pytest.raises(UpstreamDisconnected) as failure:
            await at.fetch()
        assert not failure.value.sent
        assert len(at.upstream.asks) == 2


@pytest.mark.parametrize("answered", [False, True])
async def test_a_reset_stream_may_have_been_executed(answered: bool) -> None:
    async def reset(ask: Ask) -> None:
        if answered:
            ask.head()
        ask.refuse(ErrorCodes.INTERNAL_ERROR)

    async with field(reset) as at:
        with pytest.raises(UpstreamDisconnected, match="INTERNAL_ERROR") as failure:
            await at.fetch()
        assert failure.value.sent
        assert len(at.upstream.asks) == 1


async def test_streams_in_progress_outlive_goaway_and_the_others_move() -> None:
    both = asyncio.Event()

    async def leaving(ask: Ask) -> None:
        if ask.peer is not at.upstream.peers[0]:
            await ask.answer(b"moved " + ask.body)
        elif ask.stream == 1:
            ask.head()
            await ask.send(b"stays ")
            await both.wait()
            ask.peer.going_away(last=1)
            await ask.send(b"to the end", end=True)
        else:
            both.set()

    async with field(leaving) as at:
        first, second = await asyncio.gather(at.fetch(), at.fetch())
        assert (first.body, second.body) == (b"stays to the end", b"moved {}")
        assert len(at.upstream.peers) == 2


async def test_goaway_for_everything_is_not_repeated_for_ever() -> None:
    async def leaving(ask: Ask) -> None:
        ask.peer.going_away(last=0)

    async with field(leaving) as at:
        with pytest.raises(UpstreamDisconnected) as failure:
            await at.fetch()
        assert not failure.value.sent
        assert len(at.upstream.peers) == DEPARTED


async def test_an_upstream_that_takes_few_calls_a_connection_gets_all_of_them() -> None:
    async def three(ask: Ask) -> None:
        if ask.stream == 5:
            ask.peer.going_away(last=5)
        if ask.stream <= 5:
            await ask.answer(ask.body)

    async with field(three) as at:
        requests = [encode_request(b"POST", b"/", HOST, b"%d" % number) for number in range(30)]
        answers = await asyncio.gather(*(at.fetch(request) for request in requests))
        assert [answer.body for answer in answers] == [b"%d" % number for number in range(30)]
        assert len(at.upstream.peers) == 10


async def test_more_calls_than_streams_wait_or_get_another_connection() -> None:
    async def slow(ask: Ask) -> None:
        await asyncio.sleep(0.01)
        await ask.answer(ask.body)

    async with field(slow, streams=3) as at:
        await at.fetch()
        requests = [encode_request(b"POST", b"/", HOST, b"%d" % number) for number in range(20)]
        answers = await asyncio.gather(*(at.fetch(request) for request in requests))
        assert [answer.body for answer in answers] == [b"%d" % number for number in range(20)]


# -- agreement ----------------------------------------------------------------------------------------------------


async def test_an_upstream_that_declines_is_called_over_http_1_1() -> None:
    async with (
        Http2Upstream(hello, alpn="http/1.1") as decliner,
        Upstream(answering(whole(b"plain")), decliner.tls) as upstream,
    ):
        pool = open_pool()
        origin = origin_of(upstream.port, decliner.authority)
        for _ in range(3):
            assert (await fetch(pool, origin, REQUEST, NONE)).body == b"plain"
        assert [len(peer.requests) for peer in upstream.peers] == [0, 3], "asked once, then called"
        together = await asyncio.gather(*(fetch(pool, origin, REQUEST, NONE) for _ in range(3)))
        assert {answer.body for answer in together} == {b"plain"}
        pool.close()


async def test_an_upstream_that_requires_http_1_1_for_a_call_gets_it() -> None:
    async def requires(ask: Ask) -> None:
        ask.refuse(ErrorCodes.HTTP_1_1_REQUIRED)

    async with field(requires) as at, Upstream(answering(whole(b"plain")), at.upstream.tls) as plain:
        assert at.origin.http1 is not None
        elsewhere = Origin("127.0.0.1", plain.port, at.origin.http1.ssl_context, "up.test")
        origin = Origin("127.0.0.1", at.upstream.port, at.origin.ssl_context, "up.test", http1=elsewhere)
        assert (await fetch(at.pool, origin, REQUEST, NONE)).body == b"plain"
