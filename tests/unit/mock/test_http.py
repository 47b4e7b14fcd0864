"""The request parser, at every cut point and against malformed input."""

import contextlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.errors import HeadersTooLarge, InvalidRequest, PayloadTooLarge, TianjiError
from tianji.mock.http import CHUNKED, MAX_HEAD, RequestParser, UnsupportedVersionError, parse_head

FIXED = b"POST /v1/x?a=b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nX-Odd:  spaced \r\n\r\nhello"
CODED = (
    b"POST /y HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n"
    b"5\r\nhello\r\n1;ext=1\r\n!\r\n0\r\ntrailer: x\r\n\r\n"
)
BARE = b"GET /v1/models HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n"
ALL = FIXED + CODED + b"\r\n" + BARE


def parse(*pieces: bytes) -> list[tuple[str, bytes]]:
    parser = RequestParser({})
    found = []
    for piece in pieces:
        parser.feed(piece)
        while (request := parser.read()) is not None:
            found.append((request.head.path, request.body))
    assert not parser.waiting
    return found


WHOLE = [("/v1/x", b"hello"), ("/y", b"hello!"), ("/v1/models", b"")]


def test_pipelined() -> None:
    assert parse(ALL) == WHOLE


@pytest.mark.parametrize("cut", range(1, len(ALL)))
def test_every_cut(cut: int) -> None:
    assert parse(ALL[:cut], ALL[cut:]) == WHOLE


@given(st.lists(st.integers(1, len(ALL) - 1), max_size=20))
def test_many_cuts(cuts: list[int]) -> None:
    at = sorted({0, len(ALL), *cuts})
    assert parse(*(ALL[a:b] for a, b in itertools.pairwise(at))) == WHOLE


def test_head_fields() -> None:
    head = parse_head(FIXED[: -len("hello")])
    assert (head.method, head.path, head.query, head.length, head.keep_alive) == ("POST", "/v1/x", "a=b", 5, True)
    assert (b"x-odd", b"spaced") in head.headers
    assert not parse_head(BARE).keep_alive
    assert parse_head(CODED[: CODED.index(b"5\r\nhello")]).length == CHUNKED


@pytest.mark.parametrize(
    "bad",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        b"GET  / HTTP/1.1\r\nhost: a\r\n\r\n",
        b"G@T / HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET /\nx HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost : a\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nx: a\nb\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nx: a\0b\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +5\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n-1\r\n",
        b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\nabc\r\n",
    ],
)
def test_malformed(bad: bytes) -> None:
    with pytest.raises(InvalidRequest):
        parse(bad)


def test_limits_and_versions() -> None:
    with pytest.raises(UnsupportedVersionError):
        parse(b"GET / HTTP/1.0\r\n\r\n")
    with pytest.raises(HeadersTooLarge):
        parse(b"GET / HTTP/1.1\r\nx: " + b"a" * MAX_HEAD)
    with pytest.raises(PayloadTooLarge):
        parse(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 999999999\r\n\r\n")


@given(st.binary(max_size=200))
def test_noise_is_refused_or_waited_for(noise: bytes) -> None:
    parser = RequestParser({})
    parser.feed(noise)
    with contextlib.suppress(TianjiError):
        assert parser.read() is None
