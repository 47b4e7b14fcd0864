"""New connections: the first address that answers (RFC 8305), then TLS."""

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

from tianji._core.upstreams.origin import Origin
from tianji.egress.proxy import Proxies, tunnel
from tianji.egress.resolver import Address, Resolver
from tianji.egress.tls import ClientContext
from tianji.errors import UpstreamConnectFailed

Check = Callable[[Origin, list[Address]], list[Address]]
Protocol = TypeVar("Protocol", bound=asyncio.BaseProtocol)

STAGGER = 0.25
"""Seconds until the next address is tried beside the ones that have not answered (RFC 8305 section 5)."""

GOODBYE = 2.0
"""Seconds that an upstream has for its part of the end of TLS before its socket is closed."""

_REASONS = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.ETIMEDOUT: "timed out",
    errno.EHOSTUNREACH: "no route to the host",
    errno.ENETUNREACH: "no route to the network",
    errno.EMFILE: "too many open files",
    errno.EADDRNOTAVAIL: "no local port is free",
}


class Connector:
    """Makes the connections of a pool.

    `check` sees the addresses of each new connection and returns those that may be used, or raises
    UpstreamConnectFailed; what it returns is what is connected to, so no second look-up can change it. `proxies` says
    which origins are reached through a tunnel; `check` then sees the proxy's addresses.
    """

    def __init__(
        self,
        resolver: Resolver,
        check: Check | None = None,
        *,
        proxies: Proxies | None = None,
        stagger: float = STAGGER,
    ) -> None:
        self._resolver = resolver
        self._check = check
        self._proxies = proxies
        self._stagger = stagger

    async def connect(self, origin: Origin, factory: Callable[[], Protocol]) -> tuple[asyncio.BaseTransport, Protocol]:
        """Connect `factory()` to `origin`. Raises UpstreamConnectFailed."""
        proxy = None if self._proxies is None else self._proxies.of(origin)
        door = origin if proxy is None else proxy
        addresses = await self._resolver.resolve(door.host, door.port)
        if self._check is not None:
            addresses = self._check(origin, addresses)
        try:
            sock = await _race(addresses, self._stagger)
        except OSError as error:
            raise UpstreamConnectFailed(f"could not connect to the upstream: {_reason(error)}") from error
        try:
            if proxy is not None:
                await tunnel(sock, origin, proxy)
            return await _attach(sock, origin, factory)
        except ssl.SSLError as error:
            raise UpstreamConnectFailed(f"TLS with the upstream failed: {_tls_reason(error)}") from error
        except OSError as error:
            raise UpstreamConnectFailed(f"TLS with the upstream failed: {_reason(error)}") from error
        except BaseException:
            sock.close()
            raise

    def settled(self, origin: Origin, transport: asyncio.BaseTransport) -> None:
        """Keep the TLS session of a connection that works, for the next one."""
        if isinstance(origin.ssl_context, ClientContext) and origin.server_hostname is not None:
            origin.ssl_context.keep(origin.server_hostname, transport.get_extra_info("ssl_object"))


async def _attach(
    sock: socket.socket, origin: Origin, factory: Callable[[], Protocol]
) -> tuple[asyncio.BaseTransport, Protocol]:
    loop = asyncio.get_running_loop()
    if origin.ssl_context is None:
        return await loop.create_connection(factory, sock=sock)
    return await loop.create_connection(
        factory,
        sock=sock,
        ssl=origin.ssl_context,
        server_hostname=origin.server_hostname,
        ssl_shutdown_timeout=GOODBYE,
    )


async def _attempt(address: Address) -> socket.socket:
    sock = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(sock, address.sockaddr)
    except BaseException:
        sock.close()
        raise
    return sock


async def _race(addresses: list[Address], stagger: float) -> socket.socket:
    """Return the first socket that connects; a failure starts the next attempt at once. Raises the last OSError."""
    if not addresses:
        raise OSError(errno.EHOSTUNREACH, "no address")
    if len(addresses) == 1:
        return await _attempt(addresses[0])
    todo = list(reversed(addresses))
    pending: set[asyncio.Task[socket.socket]] = set()
    failure: BaseException | None = None
    try:
        while todo or pending:
            if todo:
                pending.add(asyncio.create_task(_attempt(todo.pop())))
            done, _ = await asyncio.wait(
                pending, timeout=stagger if todo else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                pending.remove(task)
                failure = task.exception()
                if failure is None:
                    pending.update(done)
                    pending.remove(task)
                    return task.result()
    finally:
        for loser in pending:
            loser.cancel()
            loser.add_done_callback(_discard)
    raise failure if failure is not None else OSError(errno.EHOSTUNREACH, "no address")


def _discard(task: asyncio.Task[socket.socket]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()


def _reason(error: OSError) -> str:
    return _REASONS.get(error.errno or 0, "the network failed")


def _tls_reason(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate not accepted: {error.verify_message}"
    return (error.reason or "no common protocol").lower().replace("_", " ")
