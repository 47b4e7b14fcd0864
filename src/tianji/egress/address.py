"""Which addresses may be reached for a URL that is not the operator's own.

A name says nothing: what it resolves to is judged, at each connection, and the judged address is the one connected to.
Special ranges: https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry.
"""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from msgspec import Struct

from tianji._core.upstreams.origin import Origin
from tianji.egress.resolver import Address
from tianji.errors import InvalidRequest, UpstreamConnectFailed

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

METADATA_NAMES = frozenset(
    {
        "metadata",
        "metadata.google.internal",
        "metadata.goog",
        "metadata.azure.com",
        "metadata.azure.internal",
        "metadata.tencentyun.com",
        "metadata.packet.net",
        "instance-data",
        "instance-data.ec2.internal",
    }
)

_REFUSED = tuple(
    (ip_network(network), reason)
    for network, reason in (
        ("168.63.129.16/32", "a cloud's metadata service"),
        ("169.254.0.0/16", "link-local, as metadata services are"),
        ("100.64.0.0/10", "shared by carriers (CGNAT)"),
        ("192.0.0.0/24", "reserved for protocols"),
        ("192.88.99.0/24", "a 6to4 relay"),
        ("64:ff9b:1::/48", "a local NAT64 prefix"),
        ("2002::/16", "6to4"),
        ("2001::/23", "Teredo or reserved for protocols"),
        ("3fff::/20", "for documentation"),
        ("5f00::/16", "for segment routing"),
        ("fec0::/10", "site-local"),
    )
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_NUMERIC = re.compile(r"(0x[0-9a-f]*|[0-9]+)", re.IGNORECASE)


class Target(NamedTuple):
    """Where an accepted URL leads."""

    url: str
    scheme: str
    host: str
    port: int


def embedded(address: IPAddress) -> IPAddress:
    """Unwrap the IPv4 address that packets really go to: v4-mapped (RFC 4291) and NAT64 (RFC 6052)."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def objection(address: IPAddress) -> str | None:
    """Say why `address` is not a public unicast address, or None when it is one."""
    address = embedded(address)
    for network, reason in _REFUSED:
        if address.version == network.version and address in network:
            return reason
    if address.is_multicast:
        return "multicast"
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return "not a public address"
    return None if address.is_global else "not a public address"


class AddressPolicy(Struct, frozen=True):
    """What else than public addresses may be reached: `networks`, and nothing by default."""

    networks: tuple[IPNetwork, ...] = ()

    def permits(self, address: IPAddress) -> bool:
        """Whether `address` may be reached."""
        real = embedded(address)
        allowed = any(real.version == network.version and real in network for network in self.networks)
        return allowed or objection(address) is None

    def check(self, origin: Origin, addresses: list[Address]) -> list[Address]:
        """Return `addresses` if all may be reached; a Connector calls it for each new connection.

        A name with one forbidden address is refused as a whole: no honest name mixes them. Raises
        UpstreamConnectFailed.
        """
        for address in addresses:
            if not self.permits(ip_address(address.sockaddr[0])):
                raise UpstreamConnectFailed(
                    f"the address of {origin.host} is not public: allow its network in the configuration if it is meant"
                )
        return addresses

    def accept(self, url: str) -> Target:
        """Take a URL apart that may lead anywhere allowed; names are judged later, by `check`.

        Raises InvalidRequest for a scheme other than http and https, credentials in the URL, a name of a metadata
        service, an address in a spelling that parsers disagree on, and a forbidden address.
        """
        host, port, scheme = _split(url)
        if host in METADATA_NAMES:
            raise InvalidRequest(f"the URL leads to a metadata service ({host}): it is never allowed")
        try:
            address = ip_address(host)
        except ValueError:
            if _NUMERIC.fullmatch(host.rpartition(".")[2]):  # 0x7f.1, 017700000001, 127.1
                raise InvalidRequest(f"{host} is neither a name nor an address: write four decimal numbers") from None
        else:
            if not self.permits(address):
                raise InvalidRequest(f"the address {host} is not public: allow its network if it is meant")
        return Target(url, scheme, host, port)

    def redirect(self, current: Target, location: str) -> Target:
        """Judge where a redirect leads, as `accept` does. Raises InvalidRequest also for https leading to http."""
        target = self.accept(urljoin(current.url, location))
        if current.scheme == "https" and target.scheme != "https":
            raise InvalidRequest("the redirect leads from https to http: it is not followed")
        return target


def _split(url: str) -> tuple[str, int, str]:
    """Return host, port and scheme of an http or https URL."""
    if not url.isascii() or any(char <= " " or char in "\\\x7f" for char in url):
        raise InvalidRequest("the URL holds bytes that a URL cannot: encode them")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").removesuffix("."), parts.port
    except ValueError as error:
        raise InvalidRequest("the URL cannot be read: check its host and port") from error
    if parts.scheme not in ("http", "https") or not host:
        raise InvalidRequest("a URL begins with http:// or https:// and a host")
    if parts.username is not None or parts.password is not None:
        raise InvalidRequest("a URL must hold no user name and no password")
    if "%" in host or port == 0:
        raise InvalidRequest("the host or the port of the URL is not usable")
    return host, port or (443 if parts.scheme == "https" else 80), parts.scheme
