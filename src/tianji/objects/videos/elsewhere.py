"""Videos that lie at an address which their vendor's answer says: at his host, or at one of public addresses alone."""

import functools
from typing import Final
from urllib.parse import urlsplit

from msgspec.structs import replace

from tianji._core.edges.exchange import Exchange
from tianji._core.upstreams.origin import Origin
from tianji.egress.address import AddressPolicy
from tianji.egress.resolver import Resolver
from tianji.egress.tls import client_context
from tianji.errors import InvalidRequest, UpstreamProtocolError
from tianji.objects.places import Place
from tianji.objects.relay import Begin, Relay, Request

_POLICY: Final = AddressPolicy()
_resolver: Final = functools.cache(Resolver)
_tls: Final = functools.cache(client_context)  # the machine's authorities take a while to read


async def convey(relay: Relay, exchange: Exchange, place: Place, url: str, begin: Begin) -> None:
    """Let what lies at an address go to the client as it comes; it is shown no credentials.

    Raises UpstreamProtocolError for an address that nobody may be led to, and as Relay.convey does.
    """
    parts = urlsplit(url)
    origin = place.origin if parts.netloc.encode() == dict(place.headers).get(b"host") else await _elsewhere(url)
    headers = ((b"host", parts.netloc.encode("ascii", "replace")), (b"accept", b"*/*"))
    there = replace(place, origin=origin, prefix="", query="", headers=headers, sign=None, awaits=None)
    await relay.convey(exchange, there, Request("GET", parts.path or "/", parts.query), begin)


async def _elsewhere(url: str) -> Origin:
    """Return where an address leads: to what its name is now, which was judged."""
    try:
        target = _POLICY.accept(url)
    except InvalidRequest as error:
        raise UpstreamProtocolError(f"the video lies where the gateway does not go: {error.message}") from None
    named = Origin(target.host, target.port)
    found = _POLICY.check(named, await _resolver().resolve(target.host, target.port))
    tls = _tls() if target.scheme == "https" else None
    return Origin(found[0].sockaddr[0], target.port, tls, target.host)
