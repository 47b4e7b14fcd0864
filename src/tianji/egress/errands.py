"""Single requests beside the traffic: keys and documents of identity providers, codes for tokens."""

import asyncio
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from tianji._core.upstreams.http1 import Timeouts
from tianji._core.upstreams.origin import Origin
from tianji.egress.address import AddressPolicy
from tianji.egress.resolver import Address
from tianji.egress.tls import ClientContext, client_context
from tianji.errors import TianjiError, UpstreamConnectFailed, UpstreamProtocolError, UpstreamTimeout
from tianji.lazy import load

TOTAL: Final = 10.0  # seconds for one errand
LONGEST: Final = 1 << 20  # bytes of an answer
_TIMEOUTS: Final = Timeouts(connect=5.0, between_chunks=10.0)


class Answer(Struct, frozen=True):
    """What came back, whole."""

    status: int
    kind: str  # the content type, without parameters, in small letters
    body: bytes

    def document(self) -> dict[str, Any]:
        """Return the JSON object of a good answer. Raises UpstreamProtocolError for everything else."""
        if self.status != 200:
            raise UpstreamProtocolError(f"it answered {self.status}")
        try:
            return msgspec.json.decode(self.body, type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError) as error:
            raise UpstreamProtocolError("it did not answer with a JSON object") from error


class Errand(Protocol):
    """Makes one request and follows no redirect. Raises UpstreamFailure or InvalidRequest when nothing came of it."""

    async def __call__(
        self, method: str, url: str, headers: Mapping[str, str] = {}, body: bytes | None = None
    ) -> Answer:
        """Return the answer."""


class Errands:
    """Requests to hosts that the operator named, wherever those lie, and to others only at public addresses."""

    def __init__(self, named: Collection[str] = ()) -> None:
        self._trusted = frozenset(hosts(named))
        self._tls: ClientContext | None = None  # the machine's authorities take a while to read

    async def __call__(
        self, method: str, url: str, headers: Mapping[str, str] = {}, body: bytes | None = None
    ) -> Answer:
        """Make a request, see Errand."""
        if (urlsplit(url).hostname or "").lower() not in self._trusted:
            AddressPolicy().accept(url)
        try:
            async with asyncio.timeout(TOTAL):
                return await self._ask(method, url, headers, body)
        except TimeoutError as error:
            raise UpstreamTimeout("it did not answer in time", "total") from error

    async def _ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        self._tls = self._tls or client_context()
        client = load("tianji.egress.client").open_client(_TIMEOUTS, ssl_context=self._tls, check=self._check)
        plain = {"accept-encoding": "identity", **headers}  # what is packed may be larger than anybody asked for
        try:
            async with client, client.stream(method, url, headers=plain, content=body) as answer:
                kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
                found = bytearray()
                async for piece in answer.aiter_raw():
                    found += piece
                    if len(found) > LONGEST:
                        raise UpstreamProtocolError(f"it answered with more than {LONGEST} bytes")
                return Answer(answer.status_code, kind, bytes(found))
        except TianjiError:
            raise
        except (load("httpx").HTTPError, load("httpx").InvalidURL) as error:
            raise UpstreamConnectFailed(f"it cannot be reached: {type(error).__name__}") from error

    def _check(self, origin: Origin, addresses: list[Address]) -> list[Address]:
        return addresses if origin.host.lower() in self._trusted else AddressPolicy().check(origin, addresses)


def hosts(urls: Collection[str]) -> set[str]:
    """Return the hosts of these URLs, in small letters."""
    return {host.lower() for url in urls if (host := urlsplit(url).hostname)}


def addresses_in(value: object) -> Iterator[str]:
    """Yield every address that stands in a value of a configuration."""
    if isinstance(value, str):
        if value.startswith(("http://", "https://")):
            yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from addresses_in(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from addresses_in(inner)
