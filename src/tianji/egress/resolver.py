"""Names to addresses, cached: a look-up a name at a time, and old answers rather than none."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from tianji.clock import SYSTEM, Clock
from tianji.errors import UpstreamConnectFailed

Lookup = Callable[[str], Awaitable[list[str]]]


class Address(NamedTuple):
    """One place to connect to."""

    family: socket.AddressFamily
    sockaddr: tuple[str, int] | tuple[str, int, int, int]


class _Entry(NamedTuple):
    addresses: list[str]
    fresh_until: float


async def system_lookup(host: str) -> list[str]:
    """Look up the addresses of `host`, in the order of getaddrinfo. Raises OSError when there are none."""
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


def interleave(addresses: list[str]) -> list[str]:
    """Alternate the families, IPv6 first, each in its own order (RFC 8305 section 4)."""
    six = [address for address in addresses if ":" in address]
    four = [address for address in addresses if ":" not in address]
    mixed = [address for pair in zip(six, four, strict=False) for address in pair]
    paired = min(len(six), len(four))
    return mixed + six[paired:] + four[paired:]


def place(address: str, port: int) -> Address:
    """Make the socket address of an IP address, with its zone if it has one."""
    if ":" not in address:
        return Address(socket.AF_INET, (address, port))
    bare, _, zone = address.partition("%")
    scope = int(zone) if zone.isdigit() else socket.if_nametoindex(zone) if zone else 0
    return Address(socket.AF_INET6, (bare, port, 0, scope))


class Resolver:
    """A cache over a look-up.

    An answer is fresh for `ttl` seconds. When a later look-up fails the old answer serves on, and the next look-up is
    tried after `retry` seconds. At most `capacity` names are remembered; the oldest answer goes first.
    """

    def __init__(
        self,
        lookup: Lookup = system_lookup,
        *,
        clock: Clock = SYSTEM,
        ttl: float = 30.0,
        retry: float = 1.0,
        capacity: int = 1024,
    ) -> None:
        self._lookup = lookup
        self._clock = clock
        self._ttl = ttl
        self._retry = retry
        self._capacity = capacity
        self._entries: dict[str, _Entry] = {}
        self._running: dict[str, asyncio.Task[list[str]]] = {}

    async def resolve(self, host: str, port: int) -> list[Address]:
        """Find where `host` is, families interleaved. Raises UpstreamConnectFailed when nobody knows."""
        return [place(address, port) for address in await self._addresses(host)]

    async def _addresses(self, host: str) -> list[str]:
        try:
            return [str(ipaddress.ip_address(host))]
        except ValueError:
            pass  # a name
        entry = self._entries.get(host)
        if entry is not None and self._clock.monotonic() < entry.fresh_until:
            return entry.addresses
        task = self._running.get(host)
        if task is None:
            task = self._running[host] = asyncio.create_task(self._refresh(host))
        return await asyncio.shield(task)  # one caller that leaves does not take the answer from the others

    async def _refresh(self, host: str) -> list[str]:
        stale = self._entries.get(host)
        try:
            addresses, lifetime = interleave(await self._lookup(host)), self._ttl
        except (OSError, UnicodeError) as error:  # a label that IDNA refuses is a UnicodeError
            if stale is None:
                raise UpstreamConnectFailed(
                    f"the name of the upstream ({host}) cannot be resolved: check the spelling and the DNS"
                ) from error
            addresses, lifetime = stale.addresses, self._retry
        finally:
            del self._running[host]
        self._entries.pop(host, None)
        self._entries[host] = _Entry(addresses, self._clock.monotonic() + lifetime)
        if len(self._entries) > self._capacity:
            del self._entries[next(iter(self._entries))]
        return addresses
