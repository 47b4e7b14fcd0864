"""Requests from callers that are not compiled."""

import pytest
from tests.fakes.upstream import Upstream, answering, whole

from tianji._core.upstreams.http1 import Timeouts
from tianji.egress.pool import encode_request, fetch, open_pool
from tianji.errors import UpstreamProtocolError

NONE = Timeouts(total=10.0)


def test_a_request_is_written_whole() -> None:
    assert encode_request(b"GET", b"/a?b", [(b"host", b"up")]) == b"GET /a?b HTTP/1.1\r\nhost: up\r\n\r\n"
    assert encode_request(b"POST", b"/", [(b"host", b"up")]).endswith(b"\r\ncontent-length: 0\r\n\r\n")
    assert encode_request(b"POST", b"/", [], b"{}") == b"POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}"


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        (b"GET ", b"/", []),
        (b"", b"/", []),
        (b"GET", b"/a b", []),
        (b"GET", b"/\r\nx: y", []),
        (b"GET", b"", []),
        (b"GET", b"/", [(b"a b", b"c")]),
        (b"GET", b"/", [(b"a", b"b\r\nc: d")]),
        (b"GET", b"/", [(b"a", b"b\n")]),
        (b"GET", b"/", [(b"a", b"b\0")]),
        (b"GET", b"/", [(b"Content-Length", b"5")]),
        (b"GET", b"/", [(b"transfer-encoding", b"chunked")]),
    ],
)
def test_what_would_not_stay_one_request_is_refused(
    method: bytes, target: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    with pytest.raises(ValueError, match=r"holds bytes|not the caller"):
        encode_request(method, target, headers)


async def test_fetch_returns_the_whole_answer() -> None:
    async with Upstream(answering(whole(b"no", b"X-Why: because", status=b"404 Not Found"))) as upstream:
        pool = open_pool()
        answer = await fetch(pool, upstream.origin, encode_request(b"GET", b"/", [(b"host", b"up")]), NONE)
        assert answer == (404, [(b"content-length", b"2"), (b"x-why", b"because")], b"no")
        pool.close()


async def test_fetch_knows_a_head_request() -> None:
    async with Upstream(answering(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n")) as upstream:
        pool = open_pool()
        for _ in range(2):
            answer = await fetch(pool, upstream.origin, encode_request(b"HEAD", b"/", [(b"host", b"up")]), NONE)
            assert answer.body == b""
        assert len(upstream.peers) == 1
        pool.close()


async def test_fetch_takes_no_more_than_it_may() -> None:
    async with Upstream(answering(whole(b"x" * 1000))) as upstream:
        pool = open_pool()
        request = encode_request(b"GET", b"/", [(b"host", b"up")])
        assert len((await fetch(pool, upstream.origin, request, NONE, max_body=1000)).body) == 1000
        with pytest.raises(UpstreamProtocolError, match="longer than the caller allows"):
            await fetch(pool, upstream.origin, request, NONE, max_body=999)
        pool.close()
