"""The load client: its answer reader at every cut, and both loops against the real mock."""

import asyncio

import pytest
from bench.macro.client import Answer, Broken, probe
from bench.macro.loops import GROUPS, closed_loop, open_loop
from hypothesis import given
from hypothesis import strategies as st

from tianji.mock import Faults, MockServer, Rule, start

FIXED = b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\nserver: x\r\n\r\nhello\n\nyou!"
CHUNKED = (
    b"HTTP/1.1 201 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\na\n\nbc\r\nb\r\n\r\nd\n\n\r\n0\r\n\r\n\r\n0\r\n\r\n"
)


def read(*pieces: bytes) -> tuple[int, int, int]:
    answer = Answer()
    ended = [answer.feed(piece) for piece in pieces]
    assert ended == [False] * (len(pieces) - 1) + [True]
    return answer.status, answer.size, answer.events


@pytest.mark.parametrize("cut", range(1, len(FIXED)))
def test_fixed_at_every_cut(cut: int) -> None:
    assert read(FIXED[:cut], FIXED[cut:]) == (200, 11, 1)


@given(st.sets(st.integers(1, len(CHUNKED) - 1)))
def test_chunked_at_any_cuts(cuts: set[int]) -> None:
    at = sorted({0, len(CHUNKED), *cuts})
    pieces = [CHUNKED[at[i] : at[i + 1]] for i in range(len(at) - 1)]
    assert read(*pieces) == (201, 16, 2)


@pytest.mark.parametrize(
    "bad",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nmore",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
        b"nonsense\r\n\r\n",
    ],
)
def test_malformed_answers(bad: bytes) -> None:
    with pytest.raises((Broken, ValueError)):
        Answer().feed(bad)


BODY = b'{"model":"demo","messages":[{"role":"user","content":"hi"}]}'
REQUEST = b"POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY


@pytest.fixture
async def mock():
    server = await start()
    yield server
    await server.close()


async def test_closed_loop_counts_only_between_its_marks(mock: MockServer) -> None:
    status, payload, _ = await probe(mock.host, mock.port, REQUEST)
    marks: list[int] = []
    load = await closed_loop(
        mock.host, mock.port, REQUEST, len(payload), 4, 0.2, lambda: marks.append(mock.state.recorder.total)
    )
    assert status == 200
    assert (load.failures, load.first_failure) == (0, "")
    assert abs(len(load.latencies) - (marks[1] - marks[0])) <= 8  # four connections, at either end
    assert load.latencies == sorted(load.latencies)
    assert load.seconds > 0
    assert load.rate == len(load.latencies) / load.seconds


async def test_open_loop_sends_at_its_rate(mock: MockServer) -> None:
    payload = (await probe(mock.host, mock.port, REQUEST))[1]
    load = await open_loop(mock.host, mock.port, REQUEST, len(payload), 500, 0.2, lambda: None)
    assert load.failures == 0
    assert 95 <= len(load.latencies) <= 105


async def test_open_loop_asks_in_groups_beyond_its_wakes(mock: MockServer) -> None:
    payload = (await probe(mock.host, mock.port, REQUEST))[1]
    before = mock.state.recorder.total
    load = await open_loop(mock.host, mock.port, REQUEST, len(payload), 2.5 * GROUPS, 0.2, lambda: None)
    assert load.failures == 0
    assert (mock.state.recorder.total - before) % 3 == 0
    assert len(load.latencies) == pytest.approx(0.5 * GROUPS, rel=0.05)


async def test_open_loop_counts_the_wait_of_a_server_that_stalls(mock: MockServer) -> None:
    mock.control(Rule(Faults(first_byte_ms=40)))
    payload = (await probe(mock.host, mock.port, REQUEST))[1]
    # 64 connections at 40 ms answer 1,600 a second: at 3,200 a second half the requests must wait
    load = await open_loop(mock.host, mock.port, REQUEST, len(payload), 3200, 0.2, lambda: None)
    assert load.failures == 0
    assert load.latencies[-1] > 0.1


async def test_an_open_loop_whose_server_goes_away_ends_with_failures(mock: MockServer) -> None:
    payload = (await probe(mock.host, mock.port, REQUEST))[1]
    closing: list[asyncio.Task[None]] = []

    def close() -> None:
        closing.append(asyncio.ensure_future(mock.close()))

    load = await open_loop(mock.host, mock.port, REQUEST, len(payload), 500, 0.1, close)
    await asyncio.gather(*closing)
    assert load.failures >= 45
    assert load.first_failure


async def test_failures_are_counted_with_their_reason(mock: MockServer) -> None:
    payload = (await probe(mock.host, mock.port, REQUEST))[1]
    mock.control(Rule(Faults(status=500), times=1), Rule(Faults(cut_at=10), times=1))
    load = await closed_loop(mock.host, mock.port, REQUEST, len(payload), 3, 0.05, lambda: None)
    assert load.failures == 2
    assert "status 500" in load.first_failure or "lost" in load.first_failure
    assert load.latencies


async def test_events_are_counted(mock: MockServer) -> None:
    body = b'{"stream":true,' + BODY[1:]
    request = b"POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\ncontent-length: %d\r\n\r\n" % len(body) + body
    _, payload, events = await probe(mock.host, mock.port, request)
    assert events == 35
    load = await closed_loop(mock.host, mock.port, request, len(payload), 1, 0.1, lambda: None)
    assert load.events == pytest.approx(35 * len(load.latencies), abs=70)
