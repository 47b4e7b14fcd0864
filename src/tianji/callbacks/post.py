"""Requests to destinations: over HTTP and gRPC, and only to public addresses where not the operator has named them."""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import httpx

from tianji._core.upstreams.http1 import Timeouts
from tianji._core.upstreams.origin import Origin
from tianji.callbacks.lent import checking
from tianji.callbacks.sink import Delivery
from tianji.config.schema import Config
from tianji.egress.address import AddressPolicy
from tianji.egress.client import open_client
from tianji.egress.resolver import Address, Resolver
from tianji.errors import TianjiError
from tianji.lazy import load

if TYPE_CHECKING:
    from tianji.egress.connector import Check

LIMITS: Final = Timeouts(connect=5.0, between_chunks=20.0)  # seconds
LONGEST: Final = 30.0  # seconds of a whole request
PIECE: Final = 1 << 17  # bytes of a body that are sent in one call: many kernels interrupt none
AGAIN: Final = frozenset({1, 4, 8, 10, 11, 14, 15})  # of gRPC, by OTLP's own list; the others are final
GRPC: Final = ("grpc://", "grpcs://")


class Post:
    """Makes them. Its connections are opened with the first request."""

    def __init__(self) -> None:
        self._client: httpx.AsyncClient | None = None
        self._checked: httpx.AsyncClient | None = None
        self._judge: Check = AddressPolicy().check
        self._resolver = Resolver()

    def adopt(self, config: Config) -> None:
        """Go by the hosts that this configuration allows others to name."""
        self._judge = checking(config)

    async def send(self, request: Delivery) -> int:
        """Make a request and return the status of its answer. Raises OSError where there is none."""
        if request.url.startswith(GRPC):
            return await called(request)
        if self._client is None:
            self._client = open_client(LIMITS)
        return await self._ask(self._client, request)

    async def send_checked(self, request: Delivery) -> int:
        """Send to an address that not the operator has named: it has to be public, or of a host that he allows."""
        if request.url.startswith(GRPC):
            return await called(request, await self._address(request.url))
        if self._checked is None:
            self._checked = open_client(LIMITS, check=self._check)
        return await self._ask(self._checked, request)

    async def close(self) -> None:
        """Close the connections."""
        for client in (self._client, self._checked):
            if client is not None:
                await client.aclose()

    async def _address(self, url: str) -> str:
        """Return where a host lies that not the operator has named. Raises TianjiError where it may not be asked."""
        parts = urlsplit(url)
        origin = Origin(parts.hostname or "", parts.port or (443 if parts.scheme == "grpcs" else 80))
        found = self._check(origin, await self._resolver.resolve(origin.host, origin.port))
        return str(found[0].sockaddr[0])

    def _check(self, origin: Origin, addresses: list[Address]) -> list[Address]:
        return self._judge(origin, addresses)  # of the configuration of the moment: clients outlive one

    async def _ask(self, client: httpx.AsyncClient, request: Delivery) -> int:
        try:
            async with asyncio.timeout(LONGEST):
                answer = await client.request(request.method, request.url, **_said(request))
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, TianjiError) as error:
            raise OSError(f"{type(error).__name__} {error}".strip()) from error
        return answer.status_code if request.meaning is None else request.meaning(answer.status_code, answer.content)


def _said(request: Delivery) -> dict[str, Any]:
    """Return its headers and body as httpx takes them."""
    if len(request.body) <= PIECE:
        return {"content": request.body, "headers": dict(request.headers)}
    headers = {**request.headers, "content-length": str(len(request.body))}
    return {"content": _pieces(request.body), "headers": headers}


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    for begin in range(0, len(body), PIECE):
        yield body[begin : begin + PIECE]


async def called(request: Delivery, address: str | None = None) -> int:
    """Make a call of gRPC and return what its status is called in HTTP. `address`: of its host, where that is known."""
    try:
        async with asyncio.timeout(LONGEST):
            outcome = await load("tianji.egress.grpc").call(
                request.url, request.headers, request.body, connect=LIMITS.connect, address=address
            )
    except TimeoutError as error:
        raise OSError("it did not answer in time") from error
    if outcome.http != 200:
        return outcome.http or 502
    if outcome.status in AGAIN:
        raise OSError(f"gRPC status {outcome.status} {outcome.message}".strip())
    return 200 if outcome.status == 0 else 400
