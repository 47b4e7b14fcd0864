"""Calls over HTTP/2: each has the contract that a call has over HTTP/1.1."""

import asyncio
import logging
from typing import Any

import pytest
from h2.events import PingAckReceived
from hyperframe.frame import DataFrame, PingFrame
from tests.fakes.http2 import Ask, Script
from tests.fakes.upstream import Peer, Upstream
from tests.unit.core.upstreams.wire import Heard, until
from tests.unit.egress.http2_field import HOST, NONE, REQUEST, field, hello, origin_of

from tianji._core.upstreams.callbacks import Callbacks
from tianji._core.upstreams.http1 import Timeouts
from tianji.egress.flight import WINDOW, read_request
from tianji.egress.pool import encode_request, fetch
from tianji.errors import UpstreamDisconnected, UpstreamProtocolError, UpstreamTimeout


async def test_a_call_goes_out_and_its_answer_comes_back() -> None:
    async with field(hello) as at:
        answer = await at.fetch()
        assert (answer.status, answer.body) == (200, b"hello")
        assert answer.headers == [(b"content-type", b"application/json")]
        (ask,) = at.upstream.asks
        assert ask.body == b"{}"
        assert ask.headers == {
            b":method": b"POST",
            b":scheme": b"https",
            b":authority": b"up.test",
            b":path": b"/v1/chat",
            b"authorization": b"Bearer secret",
            b"content-type": b"application/json",
            b"content-length": b"2",
        }


async def test_many_calls_share_one_connection_and_do_not_mix() -> None:
    async def echo(ask: Ask) -> None:
        await until(lambda: len(at.upstream.asks) == 50)
        ask.head()
        for piece in (ask.body, b"-", ask.body):
            await ask.send(piece)
            await asyncio.sleep(0)
        await ask.send(b"", end=True)

    async with field(echo) as at:
        requests = [encode_request(b"POST", b"/", HOST, b"%d" % number) for number in range(50)]
        answers = await asyncio.gather(*(at.fetch(request) for request in requests))
        assert [answer.body for answer in answers] == [b"%d-%d" % (number, number) for number in range(50)]
        assert len(at.upstream.peers) == 1


async def test_pieces_come_as_they_are_sent() -> None:
    go = asyncio.Event()

    async def two(ask: Ask) -> None:
        ask.head()
        await ask.send(b"one")
        await go.wait()
        await ask.send(b"two", end=True)

    async with field(two) as at:
        heard = Heard()
        at.call(heard)
        await until(lambda: heard.body == b"one")
        assert heard.status == 200
        go.set()
        await heard.finished.wait()
        assert (heard.body, heard.ending) == (b"onetwo", "end")


async def test_a_body_larger_than_all_windows_arrives_whole() -> None:
    body = bytes(range(256)) * 8192  # 2 MiB

    async def size(ask: Ask) -> None:
        await ask.answer(b"%d" % (ask.body == body))

    async with field(size) as at:
        head = encode_request(b"POST", b"/", HOST, body)[: -len(body)]
        heard = Heard()
        at.call(heard, request=[head, body])
        await heard.finished.wait()
        assert heard.body == b"1"


async def test_an_answer_larger_than_all_windows_arrives_whole() -> None:
    body = bytes(range(256)) * 4096 * 20  # 20 MiB

    async def large(ask: Ask) -> None:
        await ask.answer(body)

    async with field(large) as at:
        assert (await at.fetch()).body == body


async def test_an_answer_may_come_before_the_whole_request() -> None:
    async def early(ask: Ask) -> None:
        await ask.answer(b"too large", 413)

    async with field(early, early=True) as at:
        answer = await at.fetch(encode_request(b"POST", b"/", HOST, b"x" * 200_000))
        assert (answer.status, answer.body) == (413, b"too large")
        await at.upstream.asks[0].reset.wait()


async def test_an_answer_without_a_body() -> None:
    async def nothing(ask: Ask) -> None:
        ask.head(204)
        await ask.send(b"", end=True)

    async with field(nothing) as at:
        assert (await at.fetch()).status == 204


# -- ends ---------------------------------------------------------------------------------------------------------


async def silent(ask: Ask) -> None:
    await ask.reset.wait()


async def half(ask: Ask) -> None:
    ask.head()
    await ask.send(b"half")
    await ask.reset.wait()


@pytest.mark.parametrize("script", [silent, half])
async def test_a_cancelled_call_resets_its_stream_and_no_other(script: Script) -> None:
    async def first_only(ask: Ask) -> None:
        await (script(ask) if ask.stream == 1 else hello(ask))

    async with field(first_only) as at:
        heard = Heard()
        call = at.call(heard)
        await until(lambda: bool(at.upstream.asks) and (script is silent or heard.pieces == [b"half"]))
        call.cancel()
        await at.upstream.asks[0].reset.wait()
        assert (await at.fetch()).body == b"hello"
        assert len(at.upstream.peers) == 1
        assert heard.ending is None


async def test_thousands_of_cancelled_answers_leave_the_connection_usable() -> None:
    """What they had still on the way counts for the window that all streams share."""
    block = b"x" * 60_000

    async def much(ask: Ask) -> None:
        ask.head()
        await ask.send(block, end=True)

    async with field(much) as at:
        for _ in range(400):  # 24 MB, more than the shared window
            heard = Heard()
            call = at.call(heard)
            await until(lambda heard=heard: bool(heard.pieces))
            call.cancel()
        assert (await at.fetch()).body == block
        assert len(at.upstream.peers) == 1


@pytest.mark.parametrize(
    ("timeouts", "script", "phase"),
    [
        (Timeouts(first_byte=0.05), silent, "first_byte"),
        (Timeouts(between_chunks=0.05), half, "between_chunks"),
        (Timeouts(total=0.05), half, "total"),
    ],
)
async def test_timeouts_reset_the_stream(timeouts: Timeouts, script: Script, phase: str) -> None:
    async with field(script) as at:
        with pytest.raises(UpstreamTimeout) as failure:
            await at.fetch(timeouts=timeouts)
        assert (failure.value.phase, failure.value.sent) == (phase, True)
        await at.upstream.asks[0].reset.wait()


async def test_a_connection_that_never_comes_is_a_timeout_of_a_call_that_was_not_sent() -> None:
    async def unanswered(peer: Peer) -> None:
        await peer.gone()  # takes the connection and says nothing to TLS

    async with Upstream(unanswered) as upstream, field(hello) as at:
        nowhere = origin_of(upstream.port, at.upstream.authority)
        with pytest.raises(UpstreamTimeout) as failure:
            await fetch(at.pool, nowhere, REQUEST, Timeouts(connect=0.05))
        assert (failure.value.phase, failure.value.sent) == ("connect", False)


async def test_a_closed_connection_fails_its_calls() -> None:
    async def cut(ask: Ask) -> None:
        ask.head()
        await ask.send(b"half")
        ask.peer.writer.transport.abort()

    async with field(cut) as at:
        heard = Heard()
        at.call(heard)
        await heard.finished.wait()
        assert heard.body == b"half"
        assert isinstance(heard.ending, UpstreamDisconnected)
        assert heard.ending.sent


# -- slow readers and broken rules --------------------------------------------------------------------------------


async def test_a_paused_call_holds_its_upstream_back_and_nobody_else() -> None:
    async def endless(ask: Ask) -> None:
        if ask.stream != 1:
            await hello(ask)
            return
        ask.head()
        for _ in range(40):
            await ask.send(b"x" * 100_000)
        await ask.send(b"", end=True)

    async with field(endless) as at:
        heard = Heard()
        call = at.call(heard, Timeouts(between_chunks=0.1))
        await until(lambda: bool(heard.pieces))
        call.pause()
        for _ in range(20):
            assert (await at.fetch()).body == b"hello"
        await asyncio.sleep(0.15)  # longer than between_chunks, which stands still
        assert heard.ending is None
        assert len(heard.body) <= WINDOW + WINDOW // 2
        assert at.upstream.asks[0].sent <= WINDOW + WINDOW // 2
        call.resume()
        await heard.finished.wait()
        assert heard.ending == "end"
        assert heard.body == b"x" * 4_000_000


async def test_a_broken_rule_fails_the_calls_and_ends_the_connection() -> None:
    async def broken(ask: Ask) -> None:
        if len(at.upstream.peers) > 1:
            await hello(ask)
            return
        frame = DataFrame(77)
        frame.data = b"nobody asked"
        ask.peer.frame(frame)

    async with field(broken) as at:
        with pytest.raises(UpstreamProtocolError, match="HTTP/2"):
            await at.fetch()
        assert (await at.fetch()).body == b"hello"


@pytest.mark.parametrize("status", [b"099", b"600", b"abc", b"2000"])
async def test_a_status_that_is_none_fails_the_call_alone(status: bytes) -> None:
    async def odd(ask: Ask) -> None:
        if ask.stream == 1:
            ask.peer.http2.config.validate_outbound_headers = False
            ask.peer.http2.send_headers(1, [(b":status", status)])
            ask.peer.flush()
        else:
            await hello(ask)

    async with field(odd) as at:
        with pytest.raises(UpstreamProtocolError):
            await at.fetch()
        assert (await at.fetch()).body == b"hello"


async def test_a_handler_that_raises_loses_its_call() -> None:
    reported: list[Any] = []

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    async with field(half) as at:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))
        handler = Callbacks(head=print, data=broken, end=print, failed=print)
        call = at.pool.send(at.origin, REQUEST, handler, NONE)
        await until(lambda: call.done)
        await at.upstream.asks[0].reset.wait()
    assert [type(error) for error in reported] == [ZeroDivisionError]


async def test_pings_are_answered() -> None:
    async def pinging(ask: Ask) -> None:
        ping = PingFrame(0)
        ping.opaque_data = b"12345678"
        ask.peer.frame(ping)
        await until(lambda: any(isinstance(event, PingAckReceived) for event in ask.peer.events))
        await hello(ask)

    async with field(pinging) as at:
        assert (await at.fetch()).body == b"hello"


async def test_no_log_holds_a_credential(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with field(hello) as at:
        await at.fetch()
    assert at.upstream.asks[0].headers[b"authorization"] == b"Bearer secret"
    assert "Bearer secret" not in caplog.text


def test_a_head_is_taken_apart() -> None:
    request = read_request(b"GET /a?b HTTP/1.1\r\nHost: h:1\r\nTE: trailers\r\nX-A:  b: c \r\n\r\n")
    assert request.fields == [
        (b":method", b"GET"),
        (b":scheme", b"https"),
        (b":authority", b"h:1"),
        (b":path", b"/a?b"),
        (b"x-a", b"b: c"),
    ]
    assert bytes(request.body) == b""
