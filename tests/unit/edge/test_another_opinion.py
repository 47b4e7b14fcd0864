"""What the native edge accepts, llhttp accepts too and reads as the same request."""

import asyncio
import importlib.util
from pathlib import Path

import httptools
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from tests.depth import examples

_spec = importlib.util.spec_from_file_location("native_bench", Path(__file__).with_name("test_native.py"))
native = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(native)

FRAMES = st.sampled_from(
    [
        (b"content-length: 5\r\n", b"hello"),
        (b"Content-Length:\t05 \r\n", b"hello"),
        (b"transfer-encoding: chunked\r\n", b"5\r\nhello\r\n0\r\n\r\n"),
        (b"Transfer-Encoding: Chunked\r\n", b"2;a=b\r\nhe\r\n003\r\nllo\r\n0\r\nx: y\r\n\r\n"),
        (b"transfer-encoding: chunked\r\n", b"5 \r\nhello\r\n0\r\n\r\n"),
        (b"content-length: +5\r\n", b"hello"),
        (b"content-length: 5\r\ncontent-length: 5\r\n", b"hello"),
        (b"", b""),
    ]
)
TEXT = st.binary(max_size=6) | st.sampled_from(
    [b"close", b"keep-alive", b"a, b", b"\xe9", b"a\tb", b" x ", b"\0", b"\r", b"\n"]
)
NAMES = st.sampled_from([b"x-a", b"X-B", b"Accept", b"user-agent", b"X_C", b"x d", b"", b"x\xe9", b"Host"])
ENDS = st.sampled_from([b"\r\n"] * 12 + [b"\n", b"\r\n ", b"\r"])
FIELDS = st.lists(st.tuples(NAMES, st.sampled_from([b":", b": ", b" : ", b":\t"]), TEXT, ENDS), max_size=4)
FIRST = st.sampled_from(
    [b"POST /wait HTTP/1.1\r\n"] * 6
    + [
        b"POST /wait?a=%41&b HTTP/1.1\r\n",
        b"POST  /wait HTTP/1.1\r\n",
        b"\r\nPOST /wait HTTP/1.1\r\n",
        b"POST /wait HTTP/1.0\r\n",
    ]
)


class Llhttp:
    """One request as llhttp reads it."""

    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.url = self.body = b""
        self.whole = False
        self.in_body = False
        self.parser = httptools.HttpRequestParser(self)

    def on_url(self, url):
        self.url += url

    def on_headers_complete(self):
        self.in_body = True

    def on_header(self, name, value):
        if not self.in_body:  # else it is a trailer
            self.headers.append((name.lower(), value.rstrip(b" \t")))

    def on_body(self, body):
        self.body += body

    def on_message_complete(self):
        self.whole = True


@settings(max_examples=examples(600), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(first=FIRST, fields=FIELDS, frame=FRAMES)
async def test_what_is_accepted_means_the_same_to_llhttp(first, fields, frame) -> None:
    lines = b"".join(name + colon + value + end for name, colon, value, end in fields)
    request = first + b"host: t\r\n" + lines + frame[0] + b"\r\n" + frame[1]
    bench = native.Bench(asyncio.get_running_loop(), native.LIMITS)
    client = bench.client()
    client.send(request)
    event("accepted" if bench.seen else "refused")
    if not bench.seen:
        return
    exchange = bench.seen[0]
    other = Llhttp()
    other.parser.feed_data(request)  # HttpParserError would be another opinion
    assert other.whole
    target = b"/wait" + (b"?" + exchange.query if exchange.query else b"")
    assert (other.url, other.headers, other.body) == (target, exchange.headers, exchange.body)
