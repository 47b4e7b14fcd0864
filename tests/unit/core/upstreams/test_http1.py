"""Answers on one connection: every recorded form at every split, every refusal, and garbage."""

import asyncio
import itertools
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.depth import examples
from tests.unit.core.upstreams.wire import REQUEST, Heard, Wire

from tianji._core.upstreams.http1 import Call, Connection, Timeouts
from tianji.errors import UpstreamDisconnected, UpstreamFailure, UpstreamProtocolError

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


class Recorded(NamedTuple):
    wire: bytes
    status: int
    body: bytes
    kept: bool
    head_only: bool = False
    eof: bool = False


RECORDED = {
    "fixed": Recorded(OK + b"Content-Type: a/b\r\nContent-Length: 5\r\n\r\nhello", 200, b"hello", True),
    "fixed ends in a line end": Recorded(OK + b"Content-Length: 6\r\n\r\nhi\r\n\r\n", 200, b"hi\r\n\r\n", True),
    "length in spaces": Recorded(OK + b"Content-Length:  2 \r\n\r\nhi", 200, b"hi", True),
    "empty": Recorded(OK + b"Content-Length: 0\r\n\r\n", 200, b"", True),
    "no reason": Recorded(b"HTTP/1.1 503\r\nContent-Length: 1\r\n\r\nx", 503, b"x", True),
    "chunked": Recorded(CHUNKED + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 200, b"abcde", True),
    "chunked with line ends": Recorded(CHUNKED + b"4\r\n\r\n\r\n\r\n0\r\n\r\n", 200, b"\r\n\r\n", True),
    "chunked and empty": Recorded(CHUNKED + b"0\r\n\r\n", 200, b"", True),
    "extensions and trailers": Recorded(
        CHUNKED + b'3;a=b;c="d e"\r\nabc\r\n0;z\r\nDigest: x\r\nSet-Cookie: y\r\n\r\n', 200, b"abc", True
    ),
    "interim": Recorded(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\ncontent-length: 9\r\n\r\n"
        + OK
        + b"Content-Length: 3\r\n\r\nyes",
        200,
        b"yes",
        True,
    ),
    "interim then line end": Recorded(
        b"HTTP/1.1 102 P\r\n\r\n" + OK + b"Content-Length: 1\r\n\r\n\n", 200, b"\n", True
    ),
    "until close": Recorded(OK + b"Content-Type: a/b\r\n\r\nall of it\r\n", 200, b"all of it\r\n", False, eof=True),
    "HTTP/1.0": Recorded(b"HTTP/1.0 200 OK\r\n\r\nold", 200, b"old", False, eof=True),
    "HTTP/1.0 kept": Recorded(
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nold", 200, b"old", True
    ),
    "HTTP/1.0 sized": Recorded(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold", 200, b"old", False),
    "close": Recorded(OK + b"Connection: foo, Close\r\nContent-Length: 2\r\n\r\nhi", 200, b"hi", False),
    "chunked close": Recorded(
        OK + b"Connection: close\r\nTransfer-Encoding: Chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", 200, b"x", False
    ),
    "HEAD": Recorded(OK + b"Content-Length: 50\r\n\r\n", 200, b"", True, head_only=True),
    "HEAD chunked": Recorded(CHUNKED, 200, b"", True, head_only=True),
    "HEAD empty": Recorded(OK + b"Content-Length: 0\r\n\r\n", 200, b"", True, head_only=True),
    "204": Recorded(b"HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n", 204, b"", True),
    "304": Recorded(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 50\r\n\r\n", 304, b"", True),
    "gzip": Recorded(
        OK + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08", 200, b"\x1f\x8b\x08", True
    ),
}

REFUSED = {
    "both lengths": OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    "both lengths, other order": OK + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    "two lengths": OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi!",
    "two equal lengths": OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
    "list of lengths": OK + b"Content-Length: 2, 2\r\n\r\nhi",
    "signed length": OK + b"Content-Length: +2\r\n\r\nhi",
    "hex length": OK + b"Content-Length: 0x2\r\n\r\nhi",
    "length with a gap": OK + b"Content-Length: 1 2\r\n\r\nhi",
    "no length": OK + b"Content-Length: \r\n\r\n",
    "2^64": OK + b"Content-Length: 18446744073709551616\r\n\r\nhi",
    "gzip, chunked": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "xchunked": OK + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "identity": OK + b"Transfer-Encoding: identity\r\n\r\nhi",
    "trailing comma": OK + b"Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n",
    "chunked twice": OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked in HTTP/1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "space before colon": OK + b"Content-Length : 2\r\n\r\nhi",
    "folded": OK + b"A: b\r\n c\r\nContent-Length: 2\r\n\r\nhi",
    "NUL in a value": OK + b"A: b\0c\r\nContent-Length: 2\r\n\r\nhi",
    "NUL in a name": OK + b"A\0: b\r\n\r\n",
    "bare CR": OK + b"A: b\rc\r\n\r\n",
    "bare LF": OK + b"A: b\nContent-Length: 2\r\n\r\nhi",
    "bare LF after the status": b"HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\nhi",
    "no name": OK + b": b\r\n\r\n",
    "no colon": OK + b"Content-Length\r\n\r\n",
    "leading line end": b"\r\n" + OK + b"Content-Length: 2\r\n\r\nhi",
    "RTSP": b"RTSP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    "HTTP/2": b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    "HTTP/0.9": b"HTTP/0.9 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    "another version after an interim": b"HTTP/1.1 100 C\r\n\r\nHTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    "101": b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    "099": b"HTTP/1.1 099 Odd\r\nContent-Length: 2\r\n\r\nhi",
    "999": b"HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\nhi",
    "not HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "signed chunk": CHUNKED + b"+2\r\nhi\r\n0\r\n\r\n",
    "hex chunk": CHUNKED + b"0x2\r\nhi\r\n0\r\n\r\n",
    "space after the size": CHUNKED + b"2 \r\nhi\r\n0\r\n\r\n",
    "chunk of 2^64": CHUNKED + b"10000000000000000\r\nhi\r\n",
    "no size": CHUNKED + b"\r\nhi\r\n",
    "size ends in LF": CHUNKED + b"2\nhi\r\n0\r\n\r\n",
    "chunk too short": CHUNKED + b"3\r\nhi\r\n0\r\n\r\n",
    "chunk too long": CHUNKED + b"2\r\nhi!\r\n0\r\n\r\n",
    "chunk ends in LF": CHUNKED + b"2\r\nhi\n0\r\n\r\n",
    "line end in an extension": CHUNKED + b"2;a\nb\r\nhi\r\n0\r\n\r\n",
    "length in a trailer": CHUNKED + b"0\r\nContent-Length: 5\r\n\r\n",
    "257 fields": OK + b"a: b\r\n" * 257 + b"\r\n",
}

FOLLOWED = {  # the first `end` bytes are an answer; what follows is not
    "line end": (OK + b"Content-Length: 2\r\n\r\nhi", b"\r\n"),
    "bare LF": (OK + b"Content-Length: 2\r\n\r\nhi", b"\n"),
    "line end after a line end": (OK + b"Content-Length: 2\r\n\r\n\r\n", b"\r\n"),
    "line end after nothing": (OK + b"Content-Length: 0\r\n\r\n", b"\r\n\r\n"),
    "line end after chunks": (CHUNKED + b"2\r\nhi\r\n0\r\n\r\n", b"\r\n"),
    "line end after a trailer": (CHUNKED + b"0\r\nA: b\r\n\r\n", b"\r\n"),
    "line end after an interim": (b"HTTP/1.1 100 C\r\n\r\n" + OK + b"Content-Length: 0\r\n\r\n", b"\r\n"),
    "another answer": (OK + b"Content-Length: 2\r\n\r\nhi", OK + b"Content-Length: 2\r\n\r\nho"),
    "body of a 204": (b"HTTP/1.1 204 No Content\r\n\r\n", b"hi"),
    "body of a 304": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", b"hi"),
    "after close": (OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nhi", b"hi"),
}


def two_way(wire: bytes) -> list[tuple[bytes, ...]]:
    return [(wire[:at], wire[at:]) for at in range(len(wire))] + [tuple(wire[i : i + 1] for i in range(len(wire)))]


@pytest.mark.parametrize("name", RECORDED)
async def test_recorded_answers_at_every_split(name: str) -> None:
    case = RECORDED[name]
    for reads in two_way(case.wire):
        wire = Wire()
        heard, call = await wire.call(head_only=case.head_only)
        wire.feed(*reads)
        if case.eof:
            assert heard.ending is None
            wire.eof()
        assert (heard.status, heard.body, heard.ending) == (case.status, case.body, "end"), reads
        assert all(key == key.lower() for key, _ in heard.headers)
        assert call.done
        assert wire.pool.idle == int(case.kept), reads
        if case.kept:  # and what the connection serves next is not coloured by it
            again, call = await wire.call()
            assert call.reused
            wire.feed(OK + b"Content-Length: 3\r\nX-Next: 1\r\n\r\ntwo")
            assert (again.body, again.ending) == (b"two", "end")
            assert again.headers == [(b"content-length", b"3"), (b"x-next", b"1")]
        wire.pool.close()
        await wire.settle()
        assert wire.pool.open == 0


@pytest.mark.parametrize("name", REFUSED)
async def test_refused_answers_at_every_split(name: str) -> None:
    for reads in two_way(REFUSED[name]) if len(REFUSED[name]) < 500 else [(REFUSED[name],)]:
        wire = Wire()
        heard, _ = await wire.call()
        wire.feed(*reads)
        assert isinstance(heard.ending, UpstreamProtocolError), reads
        assert "up:80" not in heard.ending.message  # clients read it
        assert wire.transport.closing
        assert wire.pool.idle == 0
        await wire.settle()
        assert wire.pool.open == 0


@pytest.mark.parametrize("name", FOLLOWED)
async def test_bytes_after_the_end_are_never_reused(name: str) -> None:
    answer, rest = FOLLOWED[name]
    for at in range(len(answer) + 1):
        wire = Wire()
        heard, _ = await wire.call()
        wire.feed(answer[:at], answer[at:] + rest)
        if at < len(answer):
            assert isinstance(heard.ending, UpstreamProtocolError), at
        else:  # the answer had ended before
            assert heard.ending == "end"
        assert wire.transport.closing
        await wire.settle()
        assert (wire.pool.open, wire.pool.idle) == (0, 0)


@pytest.mark.parametrize(
    "wire_bytes",
    [
        OK + b"X: " + b"a" * 65_600 + b"\r\n\r\n",
        OK + b"X: " + b"a" * 10_000_000,
        OK + b"".join(b"x-%d: %s\r\n" % (i, b"a" * 700) for i in range(200)) + b"\r\n",
        b"HTTP/1.1 100 C\r\n\r\n" * 5_000,
        b"HTTP/1.1 103 C\r\na: b\r\n\r\n" * 300,
        CHUNKED + b"5;" + b"x" * 17_000_000,
        CHUNKED + b"0\r\n" + b"a: b\r\n" * 300,
    ],
    ids=["long value", "endless value", "long head", "endless 100", "fields of interims", "extension", "trailers"],
)
@pytest.mark.parametrize("size", [1_000, 65_536, 1 << 24])
async def test_what_never_becomes_an_answer_is_cut_off(wire_bytes: bytes, size: int) -> None:
    wire = Wire()
    heard, _ = await wire.call()
    wire.feed(*(wire_bytes[i : i + size] for i in range(0, len(wire_bytes), size)))
    assert isinstance(heard.ending, UpstreamProtocolError)
    assert wire.transport.closing


@pytest.mark.parametrize("name", [n for n, c in RECORDED.items() if not c.eof])
async def test_an_early_close_is_a_disconnect(name: str) -> None:
    case = RECORDED[name]
    for at in range(len(case.wire)):
        wire = Wire()
        heard, _ = await wire.call(head_only=case.head_only)
        wire.feed(case.wire[:at])
        wire.eof()
        await wire.settle()
        assert isinstance(heard.ending, UpstreamDisconnected), at
        assert wire.pool.open == 0


async def test_tls_that_ends_without_goodbye_is_a_disconnect() -> None:
    wire = Wire()
    heard, _ = await wire.call()
    wire.feed(OK + b"\r\nhalf")
    wire.connection.connection_lost(None)  # no eof_received: truncation (RFC 9112 section 9.8)
    assert heard.body == b"half"
    assert isinstance(heard.ending, UpstreamDisconnected)


async def test_pieces_of_one_read_arrive_joined_and_before_the_end() -> None:
    wire = Wire()
    heard, _ = await wire.call()
    wire.feed(CHUNKED + b"1\r\na\r\n1\r\nb\r\n", b"1\r\nc\r\n1\r\nd\r\n0\r\n\r\n")
    assert heard.pieces == [b"ab", b"cd"]
    assert heard.ending == "end"


async def test_valid_pieces_before_a_fault_are_handed_over() -> None:
    wire = Wire()
    heard, _ = await wire.call()
    wire.feed(CHUNKED, b"1\r\na\r\nzz\r\n")
    assert heard.pieces == [b"a"]
    assert isinstance(heard.ending, UpstreamProtocolError)


async def test_an_early_answer_is_delivered_and_the_connection_is_not_reused() -> None:
    wire = Wire()
    heard, _ = await wire.call()
    wire.transport.unsent = 100_000
    wire.feed(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
    assert (heard.status, heard.body, heard.ending) == (413, b"no", "end")
    assert wire.transport.closing
    assert wire.pool.idle == 0


async def test_a_list_is_written_in_order_and_bytes_as_they_are() -> None:
    wire = Wire()
    heard = Heard()
    wire.pool.send(wire.origin, [REQUEST[:10], REQUEST[10:]], heard.handler, Timeouts())
    await wire.settle()
    assert wire.transport.written == [REQUEST]


async def test_unsolicited_bytes_close_an_idle_connection() -> None:
    wire = Wire()
    _, _ = await wire.call()
    wire.feed(RECORDED["fixed"].wire)
    assert wire.pool.idle == 1
    wire.feed(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
    assert wire.transport.closing
    await wire.settle()
    assert (wire.pool.idle, wire.pool.open) == (0, 0)


async def test_pause_stops_reading_and_the_clock_between_chunks() -> None:
    wire = Wire()
    heard = Heard()
    call = wire.pool.send(wire.origin, REQUEST, heard.handler, Timeouts(between_chunks=5.0))
    await wire.settle()
    wire.feed(CHUNKED)
    call.pause()
    assert call.paused
    assert not wire.transport.reading
    wire.pool.sweep(asyncio.get_running_loop().time() + 100.0)
    assert heard.ending is None
    call.resume()
    assert wire.transport.reading
    wire.pool.sweep(asyncio.get_running_loop().time() + 100.0)
    assert heard.ending is not None


async def test_a_pause_before_the_connection_holds_from_its_start() -> None:
    wire = Wire()
    heard = Heard()
    call = wire.pool.send(wire.origin, REQUEST, heard.handler, Timeouts())
    call.pause()
    await wire.settle()
    assert not wire.transport.reading
    call.resume()
    assert wire.transport.reading


async def test_an_answer_that_ends_while_paused_leaves_a_reading_connection() -> None:
    wire = Wire()
    heard, call = await wire.call()
    call.pause()
    wire.feed(RECORDED["fixed"].wire)
    assert heard.ending == "end"
    assert wire.transport.reading
    assert wire.pool.idle == 1


@pytest.mark.parametrize("at", ["head", "data", "end", "failed"])
async def test_a_handler_that_raises_harms_nobody_else(at: str) -> None:
    class Raising(Heard):
        def _head(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
            super()._head(status, headers)
            self._trip("head")

        def _data(self, piece: bytes) -> None:
            super()._data(piece)
            self._trip("data")

        def _end(self) -> None:
            super()._end()
            self._trip("end")

        def _failed(self, error: Exception) -> None:
            super()._failed(error)
            self._trip("failed")

        def _trip(self, where: str) -> None:
            if where == at:
                raise LookupError(where)

    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))
    wire = Wire()
    heard = Raising()
    call = wire.pool.send(wire.origin, REQUEST, heard.handler, Timeouts())
    await wire.settle()
    wire.feed(b"junk" if at == "failed" else RECORDED["fixed"].wire)
    assert [type(error) for error in reported] == [LookupError]
    assert call.done
    assert wire.transport.closing == (at != "end")
    assert wire.pool.active == 0


@pytest.mark.parametrize("at", ["head", "data"])
async def test_a_call_cancelled_by_its_handler_hears_nothing_more(at: str) -> None:
    class Leaving(Heard):
        def _head(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
            super()._head(status, headers)
            if at == "head":
                call.cancel()

        def _data(self, piece: bytes) -> None:
            super()._data(piece)
            call.cancel()

    wire = Wire()
    heard = Leaving()
    call = wire.pool.send(wire.origin, REQUEST, heard.handler, Timeouts())
    await wire.settle()
    wire.feed(RECORDED["fixed"].wire)
    assert heard.status == 200
    assert heard.pieces == ([] if at == "head" else [b"hello"])
    assert heard.ending is None
    assert wire.transport.closing
    assert (wire.pool.active, wire.pool.idle) == (0, 0)


@pytest.mark.parametrize("name", ["connect", "first_byte", "between_chunks", "total"])
@pytest.mark.parametrize("value", [-1.0, float("nan")])
def test_a_timeout_below_zero_is_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match="timeout"):
        Timeouts(**{name: value})


@pytest.mark.parametrize("kind", [Call, Connection])
def test_only_a_pool_makes_calls_and_connections(kind: type) -> None:
    with pytest.raises(TypeError, match="make"):
        kind()


def mutations() -> st.SearchStrategy[bytes]:
    wires = st.sampled_from([c.wire for c in RECORDED.values()])
    noise = st.sampled_from([b"", b"\0", b"\r", b"\n", b"\r\n", b" ", b":", b"\xff", b"0", b"chunked", b"-1", b";"])
    return st.builds(
        lambda wire, at, cut, put: wire[: at % len(wire)] + put + wire[at % len(wire) + cut :],
        wires,
        st.integers(0, 10_000),
        st.integers(0, 3),
        noise,
    )


@settings(max_examples=examples(400), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.one_of(st.binary(max_size=200), mutations()), cuts=st.lists(st.integers(0, 200), max_size=6))
def test_garbage_ends_every_call_exactly_once(data: bytes, cuts: list[int]) -> None:
    async def run() -> None:
        wire = Wire()
        heard, call = await wire.call()
        edges = [0, *sorted(c for c in cuts if c < len(data)), len(data)]
        wire.feed(*(data[a:b] for a, b in itertools.pairwise(edges)))
        if wire.pool.idle:  # then it was an answer, whole and nothing else
            assert heard.ending == "end"
            assert data.startswith(b"HTTP/1.")
        wire.eof()
        await wire.settle()
        assert heard.ending == "end" or isinstance(heard.ending, UpstreamFailure)
        assert call.done
        assert (wire.pool.active, wire.pool.open, wire.pool.idle) == (0, 0, 0)
        wire.pool.close()

    asyncio.run(run())


@settings(max_examples=examples(200), deadline=None)
@given(name=st.sampled_from([n for n, c in RECORDED.items() if c.kept]), cuts=st.lists(st.integers(0, 200), max_size=8))
def test_recorded_answers_at_random_splits(name: str, cuts: list[int]) -> None:
    async def run() -> None:
        case = RECORDED[name]
        wire = Wire()
        heard, _ = await wire.call(head_only=case.head_only)
        edges = [0, *sorted(c for c in cuts if c < len(case.wire)), len(case.wire)]
        wire.feed(*(case.wire[a:b] for a, b in itertools.pairwise(edges)))
        assert (heard.status, heard.body, heard.ending) == (case.status, case.body, "end")
        assert wire.pool.idle == 1
        wire.pool.close()

    asyncio.run(run())
