"""The crowd of streams: its reader of words, and the whole of it against the real mock."""

import time

import pytest
from bench.macro.client import probe
from bench.macro.crowd import Reader, Tally, crowd, words_of

from tianji.mock import Faults, MockServer, Rule, start

BODY = b'{"model":"mock-token-rate-500","stream":true,"messages":[{"role":"user","content":"hi"}]}'
REQUEST = b"POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY
HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def event(text: str) -> bytes:
    return b'data: {"choices":[{"delta":{"content":"%b"}}]}\n\n' % text.encode()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


WORDS = [b':"delta"', b':" amber"', b':" fern"']
OPENING, ENDING = event(""), b'data: {"choices":[{"delta":{}}]}\n\ndata: [DONE]\n\n'


def read(*events: bytes, pieces: int = 10_000) -> Reader:
    reader = Reader(Tally(WORDS, 10))
    reader.begin(time.perf_counter())
    reader.tally.counting = True
    wire = HEAD + b"".join(map(chunk, events)) + b"0\r\n\r\n"
    ended = [reader.feed(wire[i : i + pieces]) for i in range(0, len(wire), pieces)]
    assert ended[-1]
    return reader


@pytest.mark.parametrize("pieces", [1, 7, 64, 10_000])
def test_words_in_their_order(pieces: int) -> None:
    reader = read(OPENING, event("delta"), event(" amber"), event(" fern"), ENDING, pieces=pieces)
    assert (reader.at, reader.tally.crowd.events, reader.tally.crowd.disordered) == (3, 3, 0)


@pytest.mark.parametrize(
    ("events", "at", "disordered"),
    [
        ((event("delta"), event(" fern"), event(" amber")), 2, 1),
        ((event("delta"), event("delta"), event(" amber"), event(" fern")), 3, 1),
        ((event("delta"), event(" amber")), 2, 0),  # the missing word is seen at the stream's end, by `at`
        ((event(" amber"), event("delta"), event(" amber"), event(" fern")), 3, 1),
    ],
)
def test_words_out_of_their_order(events: tuple[bytes, ...], at: int, disordered: int) -> None:
    reader = read(OPENING, *events)
    assert (reader.at, reader.tally.crowd.disordered) == (at, disordered)


def test_json_with_spaces_is_the_same() -> None:
    assert read(OPENING, event("delta").replace(b":", b": "), event(" amber"), event(" fern")).at == 3


def test_words_of_a_stream() -> None:
    payload = OPENING + event("delta") + event(" amber") + ENDING
    assert words_of(payload + b'data: {"choices":[],"usage":{}}\n\n') == WORDS[:2]


def test_a_silence_of_ten_paces_is_a_stall() -> None:
    tally = Tally(WORDS, 10)
    for seconds in (0.1, 1.0, 1.001):
        tally.silence(seconds)
    assert (tally.crowd.stalls, tally.crowd.longest_gap) == (1, pytest.approx(1001))


@pytest.fixture
async def mock():
    server = await start()
    yield server
    await server.close()


async def test_a_crowd_in_order(mock: MockServer) -> None:
    words = words_of((await probe(mock.host, mock.port, REQUEST))[1])
    marks: list[int] = []
    shape = (20, 1, 0.2)  # a pace of a second: ten of them are no stall, however busy this machine is
    found = await crowd(
        (mock.host, mock.port), REQUEST, words, shape, lambda: marks.append(mock.state.counts()["open"])
    )
    assert marks == [20, 20]
    assert (found.streams, found.failures, found.disordered, found.stalls) == (20, 0, 0, 0)
    assert found.events > 0
    assert found.seconds >= 0.2


async def test_a_stream_that_breaks_off_is_a_failure(mock: MockServer) -> None:
    words = words_of((await probe(mock.host, mock.port, REQUEST))[1])
    mock.control(Rule(Faults(cut_at=600), times=1))
    found = await crowd((mock.host, mock.port), REQUEST, words, (3, 500, 0.1), lambda: None)
    assert (found.streams, found.failures) == (2, 1)
    assert "lost" in found.problem


async def test_a_stream_that_stalls_is_counted(mock: MockServer) -> None:
    words = words_of((await probe(mock.host, mock.port, REQUEST))[1])
    mock.control(Rule(Faults(stall_at=5), times=1))
    found = await crowd((mock.host, mock.port), REQUEST, words, (1, 500, 0.1), lambda: None)
    assert (found.streams, found.stalls) == (1, 1)
    assert found.longest_gap > 1000
