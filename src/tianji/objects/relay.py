"""Requests to the upstreams that keep objects, and their answers."""

import asyncio
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from tianji._core.edges.exchange import Exchange
from tianji._core.requests.silent import SilentExchange
from tianji._core.upstreams.conveyor import Conveyor
from tianji._core.upstreams.http1 import Timeouts
from tianji._core.upstreams.parcel import Parcel
from tianji._core.upstreams.pool import Pool
from tianji._core.upstreams.spool import Extent
from tianji.errors import Header, UpstreamProtocolError
from tianji.objects.places import Place
from tianji.protocol.openai_errors import refused

TIMEOUTS: Final = Timeouts(connect=10.0, first_byte=600.0, between_chunks=120.0)
HOPS: Final = 3  # requests that one may become
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
MOST: Final = 64 * 1024 * 1024  # bytes of an answer that is not the content of a file
Through = Callable[[bytes | None], bytes]
Begin = Callable[[int, list[Header]], list[Header] | None]


class Request(Struct, frozen=True):
    """A request: `body` are bytes and parts of files, `length` their bytes together; None: there is no body."""

    method: str
    path: str
    query: str = ""
    headers: tuple[Header, ...] = ()
    body: tuple[bytes | Extent, ...] = ()
    length: int | None = None


class Relay:
    """Sends requests from one worker."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def fetch(self, place: Place, request: Request) -> bytes:
        """Return what a place answers. Raises what it refuses with, or why it did not answer."""
        return await self.convey(SilentExchange("", b"", None), place, request, _whole) or b""

    async def ask(self, place: Place, request: Request) -> dict[str, Any]:
        """Return the object that a place answers with. Raises as `fetch` does, and UpstreamProtocolError."""
        body = await self.fetch(place, request)
        try:
            return msgspec.json.decode(body, type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError) as error:
            raise UpstreamProtocolError(f"the upstream's answer is no JSON object: {error}") from None

    async def convey(
        self, exchange: Exchange, place: Place, request: Request, begin: Begin, through: Through | None = None
    ) -> bytes | None:
        """Let an answer go to the client as it comes, as `begin` says; None then, and else the answer, whole.

        `through`: what becomes of each piece, and of None at the end.

        Raises what the place refuses with, or why it did not answer.
        """
        for _ in range(HOPS):
            status, headers, body = await self._once(exchange, place, request, begin, through)
            elsewhere = _elsewhere(place, status, headers)
            if elsewhere is None or request.method != "GET":
                break
            place, request = msgspec.structs.replace(place, prefix=""), elsewhere
        if status >= 300:
            raise refused(status, body or b"", provider=place.provider, secrets=place.secrets)
        return body

    async def _once(
        self, exchange: Exchange, place: Place, request: Request, begin: Begin, through: Through | None
    ) -> tuple[int, list[Header], bytes | None]:
        ended: asyncio.Future[tuple[int, list[Header], bytes | None]] = asyncio.get_running_loop().create_future()
        conveyor = Conveyor(
            exchange, lambda status, headers: None if status >= 300 else begin(status, headers), ended, MOST, through
        )
        begun = None if place.awaits is None else place.awaits()
        if begun is not None:
            await asyncio.shield(begun)
        head = place.head(request.method, request.path, request.query, request.headers, request.length)
        conveyor.send(self._pool, place.origin, Parcel([head, *request.body]), TIMEOUTS)
        try:
            return await ended
        finally:
            conveyor.cancel()


def _elsewhere(place: Place, status: int, headers: list[Header]) -> Request | None:
    """Return the request that an answer leads to; None for no such answer, and for another host, which gets no key."""
    if status not in _REDIRECTS:
        return None
    to = urlsplit(next((value for name, value in headers if name == b"location"), b"").decode("ascii", "replace"))
    own = {value.decode("ascii") for name, value in place.headers if name == b"host"}
    if not to.path.startswith("/") or (to.netloc and to.netloc not in own):
        return None
    return Request("GET", to.path, to.query)


def _whole(_status: int, _headers: list[Header]) -> None:
    """Have every answer whole."""
