"""What the tests of HTTP/2 share: an upstream over TLS, and a pool that can reach it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from tests.fakes.http2 import Ask, Http2Upstream, Script
from tests.unit.core.upstreams.wire import Heard

from tianji._core.upstreams.http1 import Call, Timeouts
from tianji._core.upstreams.origin import Origin
from tianji._core.upstreams.pool import Limits, Pool
from tianji.egress.pool import Answer, encode_request, fetch, open_pool
from tianji.egress.tls import client_context

NONE = Timeouts()
HOST = [(b"Host", b"up.test"), (b"Authorization", b"Bearer secret"), (b"content-type", b"application/json")]
REQUEST = encode_request(b"POST", b"/v1/chat", HOST, b"{}")


def origin_of(port: int, authority: str) -> Origin:
    plain = Origin("127.0.0.1", port, client_context(ca_data=authority), "up.test")
    return Origin("127.0.0.1", port, client_context(ca_data=authority, http2=True), "up.test", http1=plain)


class Field(NamedTuple):
    """An upstream, a pool that can reach it, and where it is."""

    upstream: Http2Upstream
    pool: Pool
    origin: Origin

    def call(self, heard: Heard, timeouts: Timeouts = NONE, request: bytes | list[bytes] = REQUEST) -> Call:
        return self.pool.send(self.origin, request, heard.handler, timeouts)

    async def fetch(self, request: bytes = REQUEST, timeouts: Timeouts = NONE) -> Answer:
        return await fetch(self.pool, self.origin, request, timeouts)


@asynccontextmanager
async def field(script: Script, *, limits: Limits | None = None, **options: Any) -> AsyncIterator[Field]:
    async with Http2Upstream(script, **options) as upstream:
        pool = open_pool(limits)
        yield Field(upstream=upstream, pool=pool, origin=origin_of(upstream.port, upstream.authority))
        pool.close()
        assert pool.active == 0


async def hello(ask: Ask) -> None:
    await ask.answer(b"hello")
