"""The native edge, step by step, with the socket in the test's hand."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.depth import examples
from tests.unit.edge.native_client import Client

from tianji.auth.access import Access, Tenant
from tianji.edge.application import Cors, EdgeSettings, Limits
from tianji.edge.control import Control
from tianji.edge.http1 import build_edge
from tianji.edge.routes import Route, RouteTable

LIMITS = Limits(max_body=1000_000, max_head=2000, max_target=300)
POST = b"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nA: b\r\n\r\n"
)


def answer(body, status=200):
    def handler(exchange, match):
        exchange.respond(status, [], body(exchange, match))

    return handler


class Application:
    """Echoes at /echo, keeps the exchange at /wait, streams at /stream."""

    def __init__(self, settings) -> None:
        self.edge_settings = settings
        self.seen: list = []
        self.ends: list = []
        self.closed = self.ends.append
        rows = [
            ("POST", "/echo", answer(lambda x, m: x.body)),
            ("POST", "/wait", lambda x, m: self.seen.append(x)),
            ("GET", "/wait", lambda x, m: self.seen.append(x)),
            ("GET", "/name/{name}", answer(lambda x, m: m.params["name"].encode())),
            ("GET", "/nothing", answer(lambda x, m: b"", 204)),
            ("GET", "/late", self.late),
        ]
        self.route_table = RouteTable(
            [Route((method,), path, handler, Access.OPEN, Tenant.NONE, "") for method, path, handler in rows]
        )

    async def late(self, exchange, match):
        await asyncio.sleep(0)
        exchange.respond(200, [], b"late")

    def authorize(self, exchange, match):
        return None


class Bench:
    def __init__(self, loop, limits) -> None:
        self.control = Control(1).for_worker(0)
        self.application = Application(EdgeSettings(limits=limits, cors=Cors(origins=("https://a.example",))))
        self.edge = build_edge(self.application, loop, self.control)

    def client(self) -> Client:
        return Client(self.edge)

    @property
    def seen(self):
        return self.application.seen


@pytest.fixture
async def bench():
    return Bench(asyncio.get_running_loop(), LIMITS)


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.parametrize("request_bytes", [POST, CHUNKED], ids=["sized", "chunked"])
async def test_a_request_is_read_whole_at_every_cut_point(bench, request_bytes):
    for cut in range(1, len(request_bytes)):
        client = bench.client()
        client.send(request_bytes[:cut])
        assert client.transport.written == b""
        client.send(request_bytes[cut:])
        assert client.answers() == [(200, b"hello")]
    assert bench.edge.open == bench.control.load == 0


async def test_requests_sent_ahead_are_answered_in_order_at_every_cut_point(bench):
    stream = POST + CHUNKED + b"\r\nGET /name/x HTTP/1.1\r\nHost: t\r\n\r\n" + POST
    for cut in range(1, len(stream)):
        client = bench.client()
        client.send(stream[:cut])
        client.send(stream[cut:])
        assert client.answers() == [(200, b"hello"), (200, b"hello"), (200, b"x"), (200, b"hello")]


@settings(max_examples=examples(200), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(st.integers(1, 40), min_size=1, max_size=30))
async def test_requests_are_read_in_any_pieces(bench, pieces):
    client = bench.client()
    stream = (POST + CHUNKED) * 4
    at = 0
    for size in pieces:
        client.send(stream[at : at + size])
        at += size
    client.send(stream[at:])
    assert client.answers() == [(200, b"hello")] * 8


@settings(max_examples=examples(300), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(garbage=st.binary(min_size=1, max_size=200))
async def test_garbage_reaches_nobody(bench, garbage):
    client = bench.client()
    client.send(garbage + b"\r\n\r\n")
    assert [status for status, _ in client.answers()] in ([], [400], [501], [505])
    assert bench.seen == []


async def test_a_large_body_goes_right_into_its_place(bench):
    client = bench.client()
    body = bytes(range(256)) * 2000
    client.send(b"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:100])
    room = client.protocol.get_buffer(-1)
    assert len(room) == len(body) - 100
    client.send(body[100:] + POST)
    assert client.answers() == [(200, body), (200, b"hello")]


async def test_what_is_sent_ahead_of_an_answer_waits_within_bounds(bench):
    client = bench.client()
    client.send(b"POST /wait HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n")
    client.send(POST * 1300)
    assert not client.transport.reading
    client.send(POST * 200)
    bench.seen[0].respond(200, [], b"first")
    assert client.answers() == [(200, b"first")] + [(200, b"hello")] * 1500
    assert client.transport.reading


async def test_a_client_that_does_not_read_its_answers_is_not_read_from(bench):
    client = bench.client()
    client.protocol.pause_writing()
    client.send(POST)
    assert client.answers() == []
    client.protocol.resume_writing()
    assert client.answers() == [(200, b"hello")]


async def test_a_handler_hears_of_backpressure(bench):
    client = bench.client()
    client.send(b"GET /wait HTTP/1.1\r\nHost: t\r\n\r\n")
    exchange = bench.seen[0]
    exchange.start(200, [])
    client.protocol.pause_writing()
    assert exchange.full
    client.protocol.resume_writing()
    assert not exchange.full


async def test_a_stream_goes_out_in_chunks_and_the_connection_goes_on(bench):
    client = bench.client()
    client.send(b"GET /wait HTTP/1.1\r\nHost: t\r\n\r\n" + POST)
    exchange = bench.seen[0]
    exchange.start(200, [])
    exchange.write(b"ab")
    assert client.transport.written.endswith(b"\r\n\r\n2\r\nab\r\n")
    exchange.write(b"c" * 300)
    exchange.finish()
    assert client.answers() == [(200, b"ab" + b"c" * 300), (200, b"hello")]


async def test_the_head_of_a_stream_does_not_wait_for_its_first_piece(bench):
    client = bench.client()
    client.send(b"GET /wait HTTP/1.1\r\nHost: t\r\n\r\n")
    bench.seen[0].start(200, [])
    await settle()
    assert client.transport.written.endswith(b"transfer-encoding: chunked\r\n\r\n")


async def test_a_stream_to_http_1_0_ends_with_the_connection(bench):
    client = bench.client()
    client.send(b"GET /wait HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    exchange = bench.seen[0]
    exchange.start(200, [])
    exchange.write(b"ab")
    exchange.finish()
    assert client.transport.written.endswith(b"connection: close\r\n\r\nab")
    assert client.transport.state == "closed"


async def test_http_1_0_is_kept_only_when_it_asks(bench):
    for line, state in ((b"Connection: keep-alive\r\n", "open"), (b"", "half closed")):
        client = bench.client()
        client.send(b"GET /name/x HTTP/1.0\r\n" + line + b"\r\n")
        assert (client.answers(), client.transport.state) == ([(200, b"x")], state)
        assert (b"connection: keep-alive" in client.transport.written) is (state == "open")


async def test_close_is_granted_and_ends_the_reading(bench):
    client = bench.client()
    client.send(POST.replace(b"Host", b"Connection: close\r\nHost") + POST)
    assert client.answers() == [(200, b"hello")]
    assert client.transport.state == "half closed"
    client.send(POST)
    assert client.answers() == [(200, b"hello")]


async def test_head_has_the_length_and_no_body(bench):
    client = bench.client()
    client.send(b"HEAD /name/long HTTP/1.1\r\nHost: t\r\n\r\n")
    assert b"content-length: 4\r\n" in client.transport.written
    assert client.transport.written.endswith(b"\r\n\r\n")


async def test_no_content_has_no_length(bench):
    client = bench.client()
    client.send(b"GET /nothing HTTP/1.1\r\nHost: t\r\n\r\n" * 2)
    assert client.answers() == [(204, b"")] * 2
    assert b"content-length" not in client.transport.written


async def test_a_coroutine_handler_answers_later(bench):
    client = bench.client()
    client.send(b"GET /late HTTP/1.1\r\nHost: t\r\n\r\n" * 3)
    for _ in range(3):
        await settle()
    assert client.answers() == [(200, b"late")] * 3


async def test_a_client_that_asks_first_is_told_to_go_on(bench):
    client = bench.client()
    head, body = POST.split(b"\r\n\r\n")
    client.send(head + b"\r\nExpect: 100-Continue\r\n\r\n")
    assert client.answers() == [(100, b"")]
    client.send(body + POST)
    assert client.answers() == [(100, b""), (200, b"hello"), (200, b"hello")]


async def test_a_client_that_asks_first_is_refused_without_its_body(bench):
    client = bench.client()
    client.send(b"POST /none HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    assert [status for status, _ in client.answers()] == [404]
    assert client.transport.state == "half closed"


async def test_a_small_unwanted_body_is_read_over(bench):
    client = bench.client()
    for cut in range(6):
        client.send(POST.replace(b"/echo", b"/none")[: -cut or None])
        client.send(b"hello"[5 - cut :])
        client.send(POST)
    assert [status for status, _ in client.answers()] == [404, 200] * 6


@pytest.mark.parametrize(
    ("headers", "status"),
    [(b"Content-Length: 300000", 404), (b"Content-Length: 1000001", 413), (b"Transfer-Encoding: chunked", 404)],
)
async def test_a_large_unwanted_body_ends_the_connection(bench, headers, status):
    client = bench.client()
    path = b"/echo" if status == 413 else b"/none"
    client.send(b"POST " + path + b" HTTP/1.1\r\nHost: t\r\n" + headers + b"\r\n\r\n")
    assert [found for found, _ in client.answers()] == [status]
    assert b"connection: close" in client.transport.written
    assert client.transport.state == "half closed"


async def test_a_chunked_body_over_the_limit_is_413(bench):
    client = bench.client()
    client.send(b"POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(11):
        client.send(b"186a0\r\n" + b"x" * 100_000 + b"\r\n")
    assert [status for status, _ in client.answers()] == [413]
    assert client.transport.state == "half closed"


async def test_a_client_that_leaves_is_noticed_at_once(bench):
    client = bench.client()
    client.send(b"GET /wait HTTP/1.1\r\nHost: t\r\n\r\n")
    assert bench.control.load == 1
    client.protocol.eof_received()
    assert (bench.seen[0].gone, bench.control.load) == (True, 0)
    client.protocol.connection_lost(None)
    assert (bench.edge.connections, bench.application.ends) == (0, [bench.seen[0]])


async def test_an_aborted_answer_is_cut(bench):
    client = bench.client()
    client.send(b"GET /wait HTTP/1.1\r\nHost: t\r\n\r\n")
    bench.seen[0].start(200, [])
    bench.seen[0].write(b"half")
    bench.seen[0].abort()
    assert client.transport.state == "closed"
    assert not client.transport.written.endswith(b"0\r\n\r\n")
    assert bench.control.load == 0


async def test_no_value_ends_a_line(bench):
    client = bench.client()
    client.send(b"GET /wait HTTP/1.1\r\nHost: t\r\n\r\n")
    value = b"a\r\nset-cookie: b\nc\0d" + b"\te" * 9
    bench.seen[0].respond(200, [(b"x", value), (b"y", b"fine \xe9")], b"")
    assert b"x: a  set-cookie: b c d" + b"\te" * 9 + b"\r\n" in client.transport.written
    assert b"y: fine \xe9\r\n" in client.transport.written


async def test_a_target_may_name_the_host_itself_if_it_is_the_same(bench):
    client = bench.client()
    client.send(b"GET http://T/name/x?y HTTP/1.1\r\nHost: t\r\n\r\n")
    client.send(b"GET http://other/name/x HTTP/1.1\r\nHost: t\r\n\r\n")
    assert [status for status, _ in client.answers()] == [200, 400]
    assert client.transport.state == "half closed"


async def test_browsers_get_the_headers_they_heed(bench):
    client = bench.client()
    client.send(b"GET /name/x HTTP/1.1\r\nHost: t\r\nOrigin: https://a.example\r\n\r\n")
    assert b"access-control-allow-origin: https://a.example\r\n" in client.transport.written
    client.send(
        b"OPTIONS /echo HTTP/1.1\r\nHost: t\r\nOrigin: https://a.example\r\nAccess-Control-Request-Method: POST\r\n\r\n"
    )
    assert [status for status, _ in client.answers()] == [200, 200]


async def test_a_handler_sees_every_header_in_order(bench):
    client = bench.client()
    client.send(b"GET /wait HTTP/1.1\r\nHOST: t\r\nX-Odd: 1\r\nUser-Agent:  me \r\nx-odd: 2\r\nEmpty:\r\n\r\n")
    assert bench.seen[0].headers == [
        (b"host", b"t"),
        (b"x-odd", b"1"),
        (b"user-agent", b"me"),
        (b"x-odd", b"2"),
        (b"empty", b""),
    ]
    assert bench.seen[0].header(b"user-agent") == b"me"


SLOW = Limits(head_timeout=0.0, idle_timeout=0.0, body_timeout=0.0)


@pytest.mark.parametrize(
    ("sent", "answered"),
    [(b"", []), (b"GET /na", [408]), (POST[:-1], [408]), (CHUNKED[:-1], [408]), (POST, [200])],
    ids=["idle", "head", "body", "chunks", "idle again"],
)
async def test_slow_clients_are_let_go(sent, answered):
    bench = Bench(asyncio.get_running_loop(), SLOW)
    client = bench.client()
    if sent:
        client.send(sent)
    bench.edge._sweep()
    bench.edge._sweep()
    assert [status for status, _ in client.answers()] == answered
    assert client.transport.state == "half closed"
    bench.edge._sweep()
    client.protocol.connection_lost(None)
    assert (bench.edge.connections, bench.edge.open) == (0, 0)


async def test_a_body_slower_than_the_rate_is_let_go():
    bench = Bench(asyncio.get_running_loop(), Limits(body_timeout=0.0, body_rate=1e12))
    client = bench.client()
    client.send(POST[:-2])
    bench.edge._sweep()
    client.send(POST[-2:-1])
    bench.edge._sweep()
    assert [status for status, _ in client.answers()] == [408]


async def test_an_answer_under_way_is_never_too_slow():
    bench = Bench(asyncio.get_running_loop(), SLOW)
    client = bench.client()
    client.send(b"GET /wait HTTP/1.1\r\nHost: t\r\n\r\n")
    bench.edge._sweep()
    bench.edge._sweep()
    bench.seen[0].respond(200, [], b"")
    assert client.answers() == [(200, b"")]


async def test_a_retired_edge_serves_what_comes_and_lets_go(bench):
    idle, busy, fresh = bench.client(), bench.client(), bench.client()
    idle.send(POST)
    busy.send(b"GET /wait HTTP/1.1\r\nHost: t\r\n\r\n")
    bench.edge._sweep()
    bench.edge.retire(60.0)
    assert idle.transport.state == fresh.transport.state == "open"  # a request may be on its way
    bench.edge.retire(0)
    assert idle.transport.state == fresh.transport.state == "half closed"
    bench.seen[0].respond(200, [], b"whole")
    assert busy.answers() == [(200, b"whole")]
    assert b"connection: close" in busy.transport.written
    assert busy.transport.state == "closed"


async def test_a_draining_edge_refuses_and_closes(bench):
    client = bench.client()
    bench.control.drain()
    client.send(POST)
    assert [status for status, _ in client.answers()] == [503]
    assert b"retry-after" in client.transport.written
    assert b"connection: close" in client.transport.written
