"""Tunnels through a proxy on loopback, and who goes through one."""

import asyncio

import pytest

from tianji._core.upstreams.http1 import Timeouts
from tianji._core.upstreams.origin import Origin
from tianji._core.upstreams.pool import Limits, Pool
from tianji.egress.connector import Connector
from tianji.egress.pool import encode_request, fetch
from tianji.egress.proxy import Proxies, read
from tianji.egress.resolver import Resolver
from tianji.errors import ConfigurationError, UpstreamConnectFailed


class Proxy:
    """Answers CONNECT with `answer`, then plays the upstream itself; remembers what it was asked."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.asked: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(self.answer)
        if self.answer.startswith(b"HTTP/1.1 2"):
            self.asked.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi")
        await writer.drain()
        writer.close()
        await writer.wait_closed()


@pytest.fixture
async def through(monkeypatch):
    """Send one request for http://up.test:81/ through a proxy that gives `answer`."""
    servers = []

    async def send(answer: bytes, user: str = ""):
        proxy = Proxy(answer)
        server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
        servers.append(server)
        port = server.sockets[0].getsockname()[1]
        proxies = Proxies({"http": f"http://{user}127.0.0.1:{port}"})
        pool = Pool(asyncio.get_running_loop(), Limits(), Connector(Resolver(), proxies=proxies))
        request = encode_request(b"GET", b"/", [(b"host", b"up.test:81")])
        try:
            return await fetch(pool, Origin("up.test", 81), request, Timeouts(total=10)), proxy
        finally:
            pool.close()

    yield send
    for server in servers:
        server.close()
        await server.wait_closed()


async def test_a_request_goes_through_the_tunnel(through) -> None:
    answer, proxy = await through(b"HTTP/1.1 200 Connection established\r\n\r\n", "me:p%40ss@")
    assert answer.body == b"hi"
    connect, request = proxy.asked
    assert connect.split(b"\r\n")[:2] == [b"CONNECT up.test:81 HTTP/1.1", b"host: up.test:81"]
    assert b"proxy-authorization: Basic bWU6cEBzcw==" in connect
    assert request.startswith(b"GET / HTTP/1.1\r\n")
    assert b"proxy-authorization" not in request


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "refused the connection to the upstream with 407"),
        (b"SSH-2.0-x\r\n\r\n", "did not answer by the rules"),
        (b"", "did not answer by the rules"),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 4000, "did not answer by the rules"),
        (b"HTTP/1.1 200 OK\r\n\r\nearly", "did not answer by the rules"),
    ],
)
async def test_a_proxy_that_refuses_or_babbles_is_said_so(through, answer, message) -> None:
    with pytest.raises(UpstreamConnectFailed, match=message):
        await through(answer)


@pytest.mark.parametrize(
    ("found", "host", "expected"),
    [
        ({"http": "http://p:1"}, "h", 1),
        ({"all": "p:2"}, "h", 2),
        ({"https": "http://p:3"}, "h", None),
        ({"http": "http://p:1", "no": "h,other"}, "h", None),
        ({"http": "http://p:1", "no": ".test"}, "a.test", None),
        ({"http": "http://p:1", "no": "*"}, "h", None),
        ({}, "h", None),
    ],
)
def test_who_goes_through_a_proxy(found, host, expected) -> None:
    proxy = Proxies(found).of(Origin(host, 80))
    assert (proxy and proxy.port) == expected


@pytest.mark.parametrize("url", ["socks5://p:1", "http://", "https://user:secret@p"])
def test_what_is_no_proxy_is_refused_without_its_password(url) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read(url)
    assert "secret" not in refused.value.message
