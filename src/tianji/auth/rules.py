"""What the operator says of places and routes, whoever calls.

`allowed_ips`, `allowed_routes`, `admin_only_routes` and `public_routes` of `general_settings`.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from tianji._core.edges.exchange import Exchange
from tianji.auth.access import require
from tianji.auth.identity import Identity, Role
from tianji.auth.routes import GROUPS, Row
from tianji.config.schema import GeneralSettings
from tianji.errors import AuthenticationFailed, PermissionDenied

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
ANONYMOUS: Final = Identity(role=None, user_id=None, key="anonymous")  # who calls a public route without a key
_FORWARDED: Final = b"x-forwarded-for"
_PREFIX: Final = "LiteLLMRoutes."  # as LiteLLM's documentation writes the names of groups


class Rules:
    """The rules of one configuration. `guards`: even of callers who are known every request has to be judged."""

    def __init__(self, general: GeneralSettings) -> None:
        self._places = None if general.allowed_ips is None else networks(general.allowed_ips)
        self._forwarded = general.use_x_forwarded_for
        self._proxies = networks(general.trusted_proxy_ranges)
        self._served = general.allowed_routes
        self._admins = general.admin_only_routes
        self._public = general.public_routes
        self.guards = self._places is not None or self._served is not None or bool(self._admins)

    def require_served(self, exchange: Exchange, row: Row) -> None:
        """Raise PermissionDenied (403) for a client who is elsewhere, or a route that is not served."""
        if self._places is not None:
            address = self.address(exchange)
            if address is None or not within(address, self._places):
                raise PermissionDenied("Authentication Error, requests are not accepted from your IP address")
        if self._served is not None and not listed(self._served, exchange.path, row):
            raise PermissionDenied("Authentication Error, this route is not served here; see allowed_routes")

    def require_rank(self, identity: Identity, exchange: Exchange, row: Row) -> None:
        """Raise AuthenticationFailed (401) for a route that only administrators may call."""
        if identity.role is not Role.PROXY_ADMIN and listed(self._admins, exchange.path, row):
            raise AuthenticationFailed("Authentication Error, this route is for proxy admins only; use another key")

    def anonymous(self, exchange: Exchange, row: Row) -> Identity | None:
        """Return who calls a public route without a valid key; None for another route."""
        if not listed(self._public, exchange.path, row):
            return None
        require(row.access, ANONYMOUS, exchange.method)
        return ANONYMOUS

    def is_proxy(self, exchange: Exchange) -> bool:
        """Whether a request comes straight from a proxy of `trusted_proxy_ranges`."""
        peer = None if exchange.peer is None else parsed(exchange.peer[0])
        return peer is not None and within(peer, self._proxies)

    def address(self, exchange: Exchange) -> Address | None:
        """Return where the client is; None where that cannot be said.

        What a header says is believed as far as proxies wrote it: from the last entry on, past those of
        `trusted_proxy_ranges`; without ranges the nearest proxy is trusted, and nobody else.
        """
        peer = None if exchange.peer is None else parsed(exchange.peer[0])
        if not self._forwarded or peer is None or (self._proxies and not within(peer, self._proxies)):
            return peer
        hops = b",".join(value for name, value in exchange.headers if name == _FORWARDED).decode("latin-1").split(",")
        found: Address | None = peer
        for hop in reversed([hop.strip() for hop in hops if hop.strip()]):
            found = parsed(hop)
            if found is None or not within(found, self._proxies):
                return found
        return found


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Return addresses and networks as networks. Raises ValueError for what is neither."""
    return tuple(ip_network(text.strip(), strict=False) for text in texts)


def within(address: Address, places: Sequence[Network]) -> bool:
    """Whether an address lies in one of these networks."""
    return any(address.version == place.version and address in place for place in places)


def parsed(text: str) -> Address | None:
    """Return an address, with a port or without; the IPv4 one that stands in an IPv6 one. None for anything else."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def listed(entries: Sequence[str], path: str, row: Row) -> bool:
    """Whether a route is among `entries`: paths, paths that end in `*`, and groups. Nothing else is below a path."""
    return any(_is(entry.removeprefix(_PREFIX), path.rstrip("/") or "/", row) for entry in entries)


def _is(entry: str, path: str, row: Row) -> bool:
    group = GROUPS.get(entry)
    if group is not None:
        return group(row)
    return path.startswith(entry[:-1]) if entry.endswith("*") else path == (entry.rstrip("/") or "/")
