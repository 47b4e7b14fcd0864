"""Documents at addresses that a request names: of public addresses, and of hosts that the operator names."""

import asyncio
from collections.abc import Collection
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from tianji._core.upstreams.http1 import Timeouts
from tianji._core.upstreams.origin import Origin
from tianji.config.schema import Config
from tianji.egress.address import AddressPolicy, Target
from tianji.egress.resolver import Address
from tianji.errors import InvalidRequest, PayloadTooLarge, UpstreamConnectFailed
from tianji.lazy import load

MOST: Final = 50 << 20  # bytes of a document, which is in memory until it is put somewhere
TOTAL: Final = 60.0  # seconds
HOPS: Final = 5  # redirects
_TIMEOUTS: Final = Timeouts(connect=5.0, between_chunks=10.0)
_POLICY: Final = AddressPolicy()


class Fetched(Struct, frozen=True):
    """A document. `kind`: its content type, without parameters; "" where nobody says it."""

    name: str
    content: bytes
    kind: str


def hosts_of(config: Config) -> frozenset[str]:
    """Return the hosts that may lie anywhere, in small letters."""
    names = (*config.general_settings.user_url_allowed_hosts, *config.litellm_settings.user_url_allowed_hosts)
    return frozenset(name.lower() for name in names)


async def fetched(url: str, trusted: Collection[str]) -> Fetched:
    """Return what lies at an address. trusted: hosts that may lie anywhere.

    Raises InvalidRequest for an address that may not be reached, or at which nothing is, and PayloadTooLarge.
    """

    def check(origin: Origin, addresses: list[Address]) -> list[Address]:
        return addresses if origin.host in trusted else _POLICY.check(origin, addresses)

    try:
        async with asyncio.timeout(TOTAL), load("tianji.egress.client").open_client(_TIMEOUTS, check=check) as client:
            target = _accepted(url, trusted)
            for _ in range(HOPS + 1):
                async with client.stream("GET", target.url, headers={"accept-encoding": "identity"}) as answer:
                    if not answer.has_redirect_location:
                        return await _read(target, answer)
                    target = _POLICY.redirect(target, answer.headers["location"])
    except TimeoutError as error:
        raise InvalidRequest(f"file_url: it did not come within {TOTAL:g} seconds", param="file_url") from error
    except UpstreamConnectFailed as error:
        raise InvalidRequest(f"file_url: {error.message}", param="file_url") from error
    except (load("httpx").HTTPError, load("httpx").InvalidURL) as error:
        raise InvalidRequest(f"file_url cannot be reached: {type(error).__name__}", param="file_url") from error
    raise InvalidRequest(f"file_url: it leads on more than {HOPS} times", param="file_url")


def _accepted(url: str, trusted: Collection[str]) -> Target:
    try:
        parts = urlsplit(url)
        if parts.hostname in trusted and parts.scheme in ("http", "https"):
            return Target(url, parts.scheme, parts.hostname or "", parts.port or 0)
    except ValueError:
        pass  # what is wrong with it is said by whom it is shown next
    return _POLICY.accept(url)


async def _read(target: Target, answer: Any) -> Fetched:
    if answer.status_code != 200:
        raise InvalidRequest(f"file_url: it answered {answer.status_code}", param="file_url")
    found = bytearray()
    async for piece in answer.aiter_raw():
        found += piece
        if len(found) > MOST:
            raise PayloadTooLarge(f"file_url: a document may have {MOST} bytes")
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    name = PurePosixPath(unquote(urlsplit(target.url).path)).name
    return Fetched(name or "document", bytes(found), kind)
