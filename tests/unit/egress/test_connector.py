"""New connections: the race of addresses, TLS and its sessions, and messages that say what failed."""

import asyncio
import socket
import ssl

import pytest
import trustme
from tests.fakes.upstream import Peer, Upstream, answering, whole
from tests.unit.core.upstreams.wire import until

from tianji._core.upstreams.http1 import Timeouts
from tianji._core.upstreams.origin import Origin
from tianji._core.upstreams.pool import Limits, Pool
from tianji.egress.connector import Connector
from tianji.egress.pool import fetch, open_pool
from tianji.egress.resolver import Address, Resolver
from tianji.egress.tls import ClientContext, client_context
from tianji.errors import UpstreamConnectFailed, UpstreamDisconnected

NONE = Timeouts(total=10.0)
REQUEST = b"GET / HTTP/1.1\r\nhost: up\r\n\r\n"
HELLO = whole(b"hello")


class Known(Resolver):
    """Every name is at these places."""

    def __init__(self, *addresses: Address) -> None:
        super().__init__()
        self.addresses = list(addresses)

    async def resolve(self, host: str, port: int) -> list[Address]:
        return self.addresses


def at(host: str, port: int) -> Address:
    return Address(socket.AF_INET, (host, port))


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("up.test").configure_cert(context)
    return context


@pytest.fixture
def trusting(authority: trustme.CA) -> ClientContext:
    return client_context(ca_data=authority.cert_pem.bytes().decode())


def pool_with(connector: Connector, limits: Limits | None = None) -> Pool:
    return Pool(asyncio.get_running_loop(), limits or Limits(), connector)


async def closed(pool: Pool) -> None:
    pool.close()
    await until(lambda: not (pool.open or pool.connecting))


async def test_a_dead_address_gives_way_at_once() -> None:
    async with Upstream(answering(HELLO)) as dead:
        port = dead.port
    async with Upstream(answering(HELLO)) as upstream:
        known = Known(at("127.0.0.1", port), at("127.0.0.1", upstream.port))
        pool = pool_with(Connector(known, stagger=60.0))
        assert (await fetch(pool, Origin("up", 80), REQUEST, NONE)).body == b"hello"
        pool.close()


async def test_a_silent_address_is_overtaken() -> None:
    silent = socket.socket()
    silent.bind(("127.0.0.1", 0))
    silent.listen(0)
    fillers = [socket.socket() for _ in range(4)]
    with silent:  # a full backlog: the kernel answers no further SYN
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(silent.getsockname())
        async with Upstream(answering(HELLO)) as upstream:
            known = Known(at("127.0.0.1", silent.getsockname()[1]), at("127.0.0.1", upstream.port))
            pool = pool_with(Connector(known, stagger=0.02))
            assert (await fetch(pool, Origin("up", 80), REQUEST, NONE)).body == b"hello"
            pool.close()
        for filler in fillers:
            filler.close()


async def test_two_winners_leave_one_connection() -> None:
    async with Upstream(answering(HELLO)) as upstream:
        known = Known(at("127.0.0.1", upstream.port), at("127.0.0.1", upstream.port))
        pool = pool_with(Connector(known, stagger=0.0))
        for _ in range(10):
            assert (await fetch(pool, Origin("up", 80), REQUEST, NONE)).body == b"hello"
        assert pool.open == 1
        pool.close()


async def test_every_address_dead_says_why() -> None:
    async with Upstream(answering(HELLO)) as dead:
        known = Known(at("127.0.0.1", dead.port), at("127.0.0.1", dead.port))
    pool = pool_with(Connector(known))
    with pytest.raises(UpstreamConnectFailed) as caught:
        await fetch(pool, Origin("up", 80), REQUEST, NONE)
    assert caught.value.message == "could not connect to the upstream: refused"
    pool.close()


async def test_no_address_at_all() -> None:
    pool = pool_with(Connector(Known()))
    with pytest.raises(UpstreamConnectFailed, match="could not connect"):
        await fetch(pool, Origin("up", 80), REQUEST, NONE)
    pool.close()


async def test_cancelled_in_the_race_closes_every_socket(recwarn: pytest.WarningsRecorder) -> None:
    async with Upstream(answering(HELLO)) as upstream:
        known = Known(*(at("127.0.0.1", upstream.port) for _ in range(3)))
        for turns in range(12):
            pool = pool_with(Connector(known, stagger=0.0))
            waiting = asyncio.create_task(fetch(pool, Origin("up", 80), REQUEST, NONE))
            for _ in range(turns):
                await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            pool.close()
            await closed(pool)
    assert not [str(warning.message) for warning in recwarn if warning.category is ResourceWarning]


async def test_the_check_decides_on_the_addresses_connected_to() -> None:
    seen: list[tuple[str, list[Address]]] = []

    def check(origin: Origin, addresses: list[Address]) -> list[Address]:
        seen.append((origin.host, addresses))
        if origin.host == "bad":
            raise UpstreamConnectFailed("this address is not allowed")
        return addresses[1:]

    async with Upstream(answering(HELLO)) as upstream:
        known = Known(at("127.0.0.1", 1), at("127.0.0.1", upstream.port))
        pool = pool_with(Connector(known, check))
        assert (await fetch(pool, Origin("good", 80), REQUEST, NONE)).body == b"hello"
        with pytest.raises(UpstreamConnectFailed, match="not allowed"):
            await fetch(pool, Origin("bad", 80), REQUEST, NONE)
        assert seen == [("good", known.addresses), ("bad", known.addresses)]
        pool.close()


async def test_nodelay_is_set() -> None:
    async with Upstream(answering(HELLO)) as upstream:
        pool = open_pool()
        made: list[asyncio.BaseTransport] = []
        connector = Connector(Resolver())

        class Watching(Connector):
            async def connect(self, origin, factory):  # type: ignore[no-untyped-def]
                transport, connection = await connector.connect(origin, factory)
                made.append(transport)
                return transport, connection

        pool = pool_with(Watching(Resolver()))
        await fetch(pool, upstream.origin, REQUEST, NONE)
        sock = made[0].get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        pool.close()


async def test_tls_checks_the_name_and_resumes_its_session(server_tls: ssl.SSLContext, trusting: ClientContext) -> None:
    resumed: list[bool] = []

    async def script(peer: Peer) -> None:
        resumed.append(peer.writer.get_extra_info("ssl_object").session_reused)
        await peer.request()
        await peer.send(whole(b"hello", b"Connection: close"))
        await peer.gone()

    async with Upstream(script, server_tls) as upstream:
        pool = open_pool()
        origin = Origin("127.0.0.1", upstream.port, trusting, "up.test")
        for _ in range(3):
            assert (await fetch(pool, origin, REQUEST, NONE)).body == b"hello"
        assert resumed == [False, True, True]
        pool.close()
        await until(lambda: not pool.open)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_tls_connections_are_kept_alive(
    server_tls: ssl.SSLContext, trusting: ClientContext, version: ssl.TLSVersion
) -> None:
    server_tls.maximum_version = version
    async with Upstream(answering(HELLO), server_tls) as upstream:
        pool = open_pool()
        origin = Origin("127.0.0.1", upstream.port, trusting, "up.test")
        for _ in range(5):
            assert (await fetch(pool, origin, REQUEST, NONE)).body == b"hello"
        assert len(upstream.peers) == 1
        pool.close()
        await until(lambda: not pool.open)


async def test_another_name_or_authority_is_refused(server_tls: ssl.SSLContext, trusting: ClientContext) -> None:
    async with Upstream(answering(HELLO), server_tls) as upstream:
        pool = open_pool()
        for context, name in ((trusting, "other.test"), (client_context(), "up.test")):
            origin = Origin("127.0.0.1", upstream.port, context, name)
            with pytest.raises(UpstreamConnectFailed, match="certificate not accepted"):
                await fetch(pool, origin, REQUEST, NONE)
        assert pool.open == 0
        pool.close()


async def test_plain_text_where_tls_is_expected(trusting: ClientContext) -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.read(1)
        await peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await peer.gone()

    async with Upstream(script) as upstream:
        pool = open_pool()
        with pytest.raises(UpstreamConnectFailed, match="TLS with the upstream"):
            await fetch(pool, Origin("127.0.0.1", upstream.port, trusting, "up.test"), REQUEST, NONE)
        pool.close()


async def test_tls_that_is_cut_is_a_disconnect(server_tls: ssl.SSLContext, trusting: ClientContext) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        with peer.socket() as sock:
            sock.shutdown(socket.SHUT_WR)  # the end of TCP without the end of TLS
        await peer.gone()

    async with Upstream(script, server_tls) as upstream:
        pool = open_pool()
        with pytest.raises(UpstreamDisconnected):
            await fetch(pool, Origin("127.0.0.1", upstream.port, trusting, "up.test"), REQUEST, NONE)
        pool.close()
