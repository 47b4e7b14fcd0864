"""The httpx client for what the pool does not do: proxies, redirects, and URLs that are not the operator's own."""

import ssl

import httpx

from tianji._core.upstreams.http1 import Timeouts
from tianji._core.upstreams.origin import Origin
from tianji.egress.connector import Check
from tianji.egress.resolver import Resolver
from tianji.egress.tls import client_context

UNPOOLED = httpx.Limits(max_keepalive_connections=0)


class PinnedTransport(httpx.AsyncBaseTransport):
    """Resolves and checks the host of each request, redirected ones too, and connects to the address it checked.

    Connections are not kept: httpx would share them by address, so also between names.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport, resolver: Resolver, check: Check) -> None:
        self._inner = inner
        self._resolver = resolver
        self._check = check

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a copy of `request` that names the address; raises UpstreamConnectFailed for a forbidden one."""
        url = request.url
        origin = Origin(url.host, url.port or (443 if url.scheme == "https" else 80))
        addresses = self._check(origin, await self._resolver.resolve(origin.host, origin.port))
        pinned = httpx.Request(
            request.method,
            url.copy_with(host=addresses[0].sockaddr[0]),
            headers=request.headers,  # host among them, as the caller meant it
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": url.host},
        )
        return await self._inner.handle_async_request(pinned)

    async def aclose(self) -> None:
        """Close the inner transport."""
        await self._inner.aclose()


def open_client(
    timeouts: Timeouts,
    *,
    ssl_context: ssl.SSLContext | None = None,
    proxy: str | None = None,
    resolver: Resolver | None = None,
    check: Check | None = None,
) -> httpx.AsyncClient:
    """Make a client that ignores the environment and follows no redirect unless a request asks for it.

    With `check` (AddressPolicy.check) every request is pinned. Proxies are http:// or https:// URLs. Of the timeouts
    connect and between_chunks apply, the latter to each read; first_byte and total are the caller's, by
    asyncio.timeout().
    """
    transport: httpx.AsyncBaseTransport = httpx.AsyncHTTPTransport(
        verify=ssl_context or client_context(),
        proxy=proxy,
        trust_env=False,
        limits=UNPOOLED if check is not None else httpx.Limits(max_keepalive_connections=20, keepalive_expiry=55.0),
    )
    if check is not None:
        transport = PinnedTransport(transport, resolver or Resolver(), check)
    limits = httpx.Timeout(None, connect=timeouts.connect or None, read=timeouts.between_chunks or None)
    return httpx.AsyncClient(transport=transport, timeout=limits, trust_env=False)
