"""Proxies of the environment: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY, and a tunnel through one.

A tunnel is asked for by CONNECT (RFC 9110 section 9.3.6), for plain upstreams too, so that what goes through it is the
same HTTP/1.1 as without.
"""

import asyncio
import base64
import os
import socket
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

from tianji._core.upstreams.origin import Origin
from tianji.errors import ConfigurationError, UpstreamConnectFailed
from tianji.lazy import load

READER: Final = "urllib.request"  # it knows the variables, and brings all of `http` and `email`
LONGEST_ANSWER: Final = 16 * 1024  # bytes of a proxy's answer to CONNECT


class Proxy(NamedTuple):
    """Where a proxy is, and what it wants to hear. `authorization` is a header value, or None."""

    host: str
    port: int
    authorization: bytes | None


class Proxies:
    """Which upstream is reached through which proxy. `found`: as urllib reads them, by scheme, and `no`."""

    def __init__(self, found: Mapping[str, str]) -> None:
        self._found = dict(found)
        self._proxies = {scheme: read(url) for scheme, url in found.items() if scheme in ("http", "https", "all")}

    @classmethod
    def of_environment(cls) -> "Proxies":
        """Read the process's environment. Raises ConfigurationError for a proxy that is no http:// address."""
        named = any(name.lower().endswith("_proxy") for name in os.environ)
        return cls(load(READER).getproxies_environment() if named else {})

    def of(self, origin: Origin) -> Proxy | None:
        """Return the proxy for `origin`, None when it is reached directly."""
        proxy = self._proxies.get("https" if origin.ssl_context is not None else "http", self._proxies.get("all"))
        if proxy is None or load(READER).proxy_bypass_environment(f"{origin.host}:{origin.port}", self._found):
            return None
        return proxy


def read(url: str) -> Proxy:
    """Read a proxy's address, with or without `http://`. Raises ConfigurationError without repeating its password."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme != "http" or not parts.hostname:
        raise ConfigurationError("a proxy variable must be an address such as http://user:password@host:port")
    authorization = None
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = b"Basic " + base64.b64encode(pair.encode())
    return Proxy(parts.hostname, parts.port or 80, authorization)


async def tunnel(sock: socket.socket, origin: Origin, proxy: Proxy) -> None:
    """Ask the proxy at the other end of `sock` for a way to `origin`. Raises UpstreamConnectFailed."""
    loop = asyncio.get_running_loop()
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    target = f"{host}:{origin.port}".encode("ascii")
    lines = [b"CONNECT %b HTTP/1.1" % target, b"host: %b" % target]
    if proxy.authorization is not None:
        lines.append(b"proxy-authorization: " + proxy.authorization)
    await loop.sock_sendall(sock, b"\r\n".join((*lines, b"", b"")))
    answer = b""
    while b"\r\n\r\n" not in answer:
        piece = await loop.sock_recv(sock, 4096)
        answer += piece
        if not piece or len(answer) > LONGEST_ANSWER:
            raise UpstreamConnectFailed("the proxy did not answer by the rules of HTTP/1.1")
    status = answer[9:12]
    if not answer.startswith(b"HTTP/1.") or not status.isdigit() or not answer.endswith(b"\r\n\r\n"):
        raise UpstreamConnectFailed("the proxy did not answer by the rules of HTTP/1.1")
    if not status.startswith(b"2"):
        raise UpstreamConnectFailed(f"the proxy refused the connection to the upstream with {status.decode()}")
