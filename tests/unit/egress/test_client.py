"""The httpx client: pinned addresses, redirects judged again, TLS by name, a proxy when one is given."""

import ssl
from ipaddress import ip_network

import httpx
import pytest
import trustme
from tests.fakes.upstream import Peer, Upstream, answering, whole

from tianji._core.upstreams.http1 import Timeouts
from tianji.egress.address import AddressPolicy
from tianji.egress.client import open_client
from tianji.egress.resolver import Resolver
from tianji.egress.tls import client_context
from tianji.errors import UpstreamConnectFailed

TIMEOUTS = Timeouts(connect=5.0, between_chunks=5.0)
LOOPBACK = AddressPolicy((ip_network("127.0.0.1/32"),))


async def at_home(host: str) -> list[str]:
    """One look-up for all names: those of evil.test are elsewhere."""
    return ["127.0.0.2"] if host == "evil.test" else ["127.0.0.1"]


async def test_a_request_goes_to_the_checked_address_under_its_own_name() -> None:
    async with Upstream(answering(whole(b"hello"))) as upstream:
        async with open_client(TIMEOUTS, resolver=Resolver(at_home), check=LOOPBACK.check) as client:
            answer = await client.get(f"http://up.test:{upstream.port}/x")
        assert answer.text == "hello"
        assert answer.url.host == "up.test"
        assert b"host: up.test:" in upstream.peers[0].requests[0].lower()


async def test_a_redirect_to_a_forbidden_address_is_not_followed() -> None:
    async def script(peer: Peer) -> None:
        while await peer.request():
            there = b"location: http://evil.test:%d/" % upstream.port
            await peer.send(whole(b"", there, status=b"302 Found"))

    async with Upstream(script) as upstream:
        async with open_client(TIMEOUTS, resolver=Resolver(at_home), check=LOOPBACK.check) as client:
            with pytest.raises(UpstreamConnectFailed, match=r"evil\.test"):
                await client.get(f"http://up.test:{upstream.port}/", follow_redirects=True)
            assert (await client.get(f"http://up.test:{upstream.port}/")).status_code == 302
        assert len(upstream.peers) == 2


async def test_pinned_tls_is_verified_for_the_name() -> None:
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("up.test").configure_cert(server)
    trusting = client_context(ca_data=authority.cert_pem.bytes().decode())
    async with Upstream(answering(whole(b"hello")), server) as upstream:
        options = {"ssl_context": trusting, "resolver": Resolver(at_home), "check": LOOPBACK.check}
        async with open_client(TIMEOUTS, **options) as client:
            assert (await client.get(f"https://up.test:{upstream.port}/")).text == "hello"
            with pytest.raises(httpx.ConnectError, match="certificate"):
                await client.get(f"https://other.test:{upstream.port}/")


async def test_a_client_certificate_is_shown(tmp_path: object) -> None:
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(server)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    chain, key = f"{tmp_path}/chain.pem", f"{tmp_path}/key.pem"
    own = authority.issue_cert("client.test")
    own.private_key_pem.write_to_path(key)
    own.cert_chain_pems[0].write_to_path(chain)
    context = client_context(ca_data=authority.cert_pem.bytes().decode(), certificate=(chain, key))
    async with (
        Upstream(answering(whole(b"known")), server) as upstream,
        open_client(TIMEOUTS, ssl_context=context) as client,
    ):
        assert (await client.get(f"https://127.0.0.1:{upstream.port}/")).text == "known"


async def test_a_proxy_is_asked_and_the_environment_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with Upstream(answering(whole(b"by proxy"))) as proxy:
        async with open_client(TIMEOUTS, proxy=f"http://127.0.0.1:{proxy.port}") as client:
            assert (await client.get("http://up.test/x")).text == "by proxy"
        assert proxy.peers[0].requests[0].startswith(b"GET http://up.test/x HTTP/1.1\r\n")
        async with open_client(TIMEOUTS) as client:
            assert (await client.get(f"http://127.0.0.1:{proxy.port}/y")).text == "by proxy"
