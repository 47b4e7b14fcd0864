"""The compiled edge, step by step, with Granian's side in the test's hand."""

import asyncio
import importlib.util
import json
from pathlib import Path

import pytest

from tianji.edge.application import Cors, EdgeSettings, Limits
from tianji.edge.asgi import build_edge
from tianji.edge.routes import RouteTable
from tianji.errors import AuthenticationFailed

_spec = importlib.util.spec_from_file_location("edge_fakes", Path(__file__).with_name("fakes.py"))
fakes = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(fakes)

LENGTH = (b"content-length", b"6")
HOST = (b"host", b"t")


@pytest.fixture
async def bench():
    def make(handler, settings=fakes.DEFAULTS):
        return fakes.Bench(handler, asyncio.get_running_loop(), settings)

    return make


def echo(exchange, match):
    exchange.respond(200, [], exchange.body)


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_request_without_body_never_asks_for_one(bench):
    watcher = bench(echo).request()
    assert (watcher.status, watcher.answer, watcher.receiving) == (200, b"", [])


@pytest.mark.parametrize("cut", range(7))
async def test_a_known_length_ends_the_body_at_every_cut_point(bench, cut):
    edge = bench(echo)
    watcher = edge.request(method="POST", headers=[HOST, LENGTH])
    pieces = [piece for piece in (b"abcdef"[:cut], b"abcdef"[cut:]) if piece]
    for piece in pieces:
        assert watcher.sent == []
        watcher.body(piece)
    assert (watcher.answer, watcher.receiving) == (b"abcdef", [])


@pytest.mark.parametrize("cut", range(7))
async def test_a_chunked_body_ends_with_its_last_message(bench, cut):
    watcher = bench(echo).request(method="POST", headers=[HOST, (b"transfer-encoding", b"chunked")])
    watcher.body(b"abcdef"[:cut])
    watcher.body(b"abcdef"[cut:])
    assert watcher.sent == []
    watcher.body(b"", more=False)
    assert watcher.answer == b"abcdef"


async def test_http2_needs_no_length_for_a_body(bench):
    watcher = bench(echo).request(method="POST", version="2")
    watcher.body(b"abc", more=True)
    watcher.body(b"", more=False)
    assert watcher.answer == b"abc"


async def test_a_cut_body_is_400_and_reaches_nobody(bench):
    called = []
    watcher = bench(lambda exchange, match: called.append(1)).request(method="POST", headers=[HOST, LENGTH])
    watcher.body(b"abc")
    watcher.leave()
    assert (watcher.status, called) == (400, [])


async def test_a_body_over_the_limit_is_413_by_length_and_by_count(bench):
    edge = bench(echo, EdgeSettings(limits=Limits(max_body=5)))
    by_length = edge.request(method="POST", headers=[HOST, LENGTH])
    assert (by_length.status, by_length.receiving) == (413, [])
    by_count = edge.request(method="POST", headers=[HOST, (b"transfer-encoding", b"chunked")])
    by_count.body(b"abc")
    by_count.body(b"def")
    assert (by_count.status, by_count.receiving) == (413, [])


@pytest.mark.parametrize("value", [b"", b"-1", b"1 ", b"0x10"])
async def test_a_length_that_is_none_is_400(bench, value):
    assert bench(echo).request(method="POST", headers=[HOST, (b"content-length", value)]).status == 400


async def test_a_body_that_stalls_times_out(bench):
    edge = bench(echo, EdgeSettings(limits=Limits(body_timeout=0.0)))
    watcher = edge.request(method="POST", headers=[HOST, LENGTH])
    edge.edge.look_after_early(0)
    edge.loop.tick()
    assert watcher.sent == []
    edge.loop.tick()
    assert watcher.status == 408
    edge.loop.tick()
    assert edge.loop.timers == []


async def test_a_small_body_is_asked_for_at_once_and_a_slow_one_does_not_hold_up_judgement(bench):
    edge = bench(echo)
    quick = edge.request(method="POST", headers=[HOST, LENGTH])
    quick.body(b"abcdef", more=False)
    assert (quick.status, quick.answer, edge.edge.open) == (200, b"abcdef", 0)

    slow = edge.request(method="POST", headers=[HOST, LENGTH])
    assert len(slow.receiving) == 1
    edge.edge.look_after_early(0)
    assert (slow.sent, edge.edge.open) == ([], 1)
    slow.body(b"abc")
    slow.body(b"def")
    assert (slow.status, slow.answer, edge.edge.open) == (200, b"abcdef", 0)


async def test_a_request_without_a_right_is_refused_before_its_slow_body(bench):
    def refuse(_exchange, _match):
        raise AuthenticationFailed("no")

    edge = bench(echo)
    edge.app.authorize = refuse
    edge.edge = build_edge(edge.app, edge.loop, edge.control)
    watcher = edge.request(method="POST", headers=[HOST, LENGTH])
    edge.edge.look_after_early(0)
    assert watcher.status == 401
    watcher.body(b"abcdef", more=False)  # comes too late to matter
    assert len(watcher.sent) == 2


async def test_a_client_that_waits_for_100_is_judged_before_its_body_is_asked_for(bench):
    edge = bench(echo, EdgeSettings(limits=Limits(max_body=5)))
    watcher = edge.request(method="POST", headers=[HOST, LENGTH, (b"expect", b"100-continue")])
    assert (watcher.status, watcher.receiving) == (413, [])


async def test_a_full_channel_queues_in_order_and_reports_room(bench):
    kept = []
    edge = bench(lambda exchange, match: kept.append(exchange))
    watcher = edge.request()
    exchange = kept[0]
    exchange.start(200, [])
    exchange.write(b"1")
    watcher.room = False
    exchange.write(b"2")
    assert exchange.full
    exchange.write(b"3")
    exchange.write(b"4")
    assert [message["body"] for message in watcher.sent[1:]] == [b"1", b"2"]
    watcher.sending.pop(0).resolve()
    assert [message["body"] for message in watcher.sent[1:]] == [b"1", b"2", b"34"]
    assert exchange.full
    watcher.room = True
    watcher.sending.pop(0).resolve()
    assert not exchange.full
    exchange.finish()
    assert watcher.sent[-1]["more_body"] is False
    assert edge.control.load == 0


@pytest.mark.parametrize("late", [b"", b"3"])
async def test_an_end_behind_a_full_channel_is_sent_last_and_once(bench, late):
    kept = []
    edge = bench(lambda exchange, match: kept.append(exchange))
    watcher = edge.request()
    watcher.room = False
    kept[0].start(200, [])
    kept[0].write(b"2")
    kept[0].write(late)
    kept[0].finish()
    assert edge.control.load == 1
    watcher.sending.pop(0).resolve()
    watcher.sending.pop(0).resolve()
    assert watcher.answer == b"2" + late
    assert [message.get("more_body") for message in watcher.sent[1:]] == [True, False]
    assert edge.control.load == 0
    assert not watcher.sending


async def test_a_client_that_leaves_cancels_the_task(bench):
    cancelled = []

    async def handler(exchange, match):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(exchange)
            raise

    edge = bench(handler)
    watcher = edge.request()
    await settle()
    edge.loop.tick()
    assert watcher.receiving == []  # too young to be watched
    edge.loop.tick()
    watcher.body(b"", more=False)  # the empty end of the request body comes first
    watcher.leave()
    await settle()
    assert cancelled == edge.app.closed_exchanges
    assert cancelled[0].gone
    assert edge.control.load == 0


async def test_short_answers_are_never_watched(bench):
    edge = bench(echo)
    watchers = [edge.request() for _ in range(3)]
    edge.loop.tick()
    edge.loop.tick()
    assert all(watcher.receiving == [] for watcher in watchers)
    assert edge.loop.timers == []


async def test_an_answer_that_fails_is_broken_off(bench):
    async def handler(exchange, match):
        exchange.start(200, [(b"content-type", b"text/plain")])
        raise ValueError("in the middle")

    watcher = bench(handler).request()
    await settle()
    assert [message["type"] for message in watcher.sent] == ["http.response.start", "http.response.body"]
    assert watcher.sent[1]["more_body"]  # the head is out, the end is not
    assert watcher.broken_off


@pytest.mark.parametrize("later", [False, True])
async def test_a_fault_after_the_answer_is_logged(bench, later, caplog):
    def handler(exchange, match):
        exchange.respond(200, [], b"fine")
        raise ValueError("afterwards")

    async def slow_handler(exchange, match):
        handler(exchange, match)

    watcher = bench(slow_handler if later else handler).request()
    await settle()
    assert (watcher.status, watcher.answer, watcher.broken_off) == (200, b"fine", False)
    assert "afterwards" in caplog.text


async def test_the_authoriser_may_be_a_coroutine(bench):
    async def later():
        return "late"

    edge = bench(lambda exchange, match: exchange.respond(200, [], exchange.identity.encode()))
    edge.app.identity = later()
    edge.edge.replace_routes(edge.app.route_table.exact, edge.app.route_table.match)
    watcher = edge.request()
    await settle()
    assert watcher.answer == b"late"


async def test_new_routes_count_for_new_requests(bench):
    edge = bench(echo)
    empty = RouteTable([])
    edge.edge.replace_routes(empty.exact, empty.match)
    assert edge.request().status == 404


async def test_draining_refuses_what_is_not_always_answered(bench):
    edge = bench(echo)
    edge.control.drain()
    refused = edge.request()
    assert refused.status == 503
    assert {(b"retry-after", b"1"), (b"connection", b"close")} <= set(refused.headers)
    assert edge.request(path="/always").status == 200


async def test_the_root_path_is_taken_off(bench):
    edge = bench(
        lambda exchange, match: exchange.respond(200, [], exchange.path.encode()), EdgeSettings(root_path="gw/")
    )
    assert edge.request(path="/gw").answer == b"/"
    assert edge.request(path="/gw/always").answer == b"/always"
    assert edge.request(path="/always").answer == b"/always"
    assert edge.request(path="/gwx").status == 404


async def test_cross_origin_rules(bench):
    def ask(cors, origin, method="GET", *more):
        edge = bench(echo, EdgeSettings(cors=cors))
        return edge.request(method=method, headers=[HOST, (b"origin", origin), *more])

    listed = Cors(origins=("https://a",), credentials=True)
    assert (b"access-control-allow-origin", b"https://a") in ask(listed, b"https://a").headers
    assert (b"access-control-allow-credentials", b"true") in ask(listed, b"https://a").headers
    assert not any(name.startswith(b"access-control") for name, _ in ask(listed, b"https://b").headers)
    wanted = (b"access-control-request-method", b"POST")
    assert ask(listed, b"https://b", "OPTIONS", wanted).status == 400
    assert ask(Cors(), b"https://b", "OPTIONS", wanted).status == 200
    assert ask(Cors(), b"https://b", "OPTIONS").status == 405
    assert (b"access-control-allow-origin", b"https://b") in ask(Cors(credentials=True), b"https://b").headers
    assert not any(name.startswith(b"access-control") for name, _ in ask(Cors(origins=()), b"https://b").headers)


@pytest.mark.parametrize(
    ("sent", "kept"), [(b"abc-1.2", True), (b"", False), (b"a b", False), (b"x" * 129, False), (b"a\x1b[31m", False)]
)
async def test_a_clients_call_id_comes_back_when_it_is_well_formed(bench, sent, kept):
    watcher = bench(lambda exchange, match: 1 / 0).request(headers=[HOST, (b"x-litellm-call-id", sent)])
    answered = dict(watcher.headers)[b"x-tianji-call-id"]
    assert (answered == sent) is kept
    assert json.loads(watcher.answer)["error"]["message"] == "Internal server error"
