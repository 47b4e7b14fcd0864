"""What of a client's headers is for servers of tools: which of them he means, and what he brings for each.

The key for the gateway goes nowhere, in whatever header a client sends it.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from tianji._core.edges.exchange import Exchange
from tianji.auth.credentials import carrier
from tianji.mcp.server import Server, authentication

SERVERS: Final = b"x-mcp-servers"
GROUPS: Final = b"x-mcp-access-groups"
AUTH: Final = b"x-mcp-auth"
_OURS: Final = frozenset(
    {
        b"x-litellm-api-key", b"x-tianji-api-key", b"cookie", b"host", b"connection", b"content-length",
        b"content-type", b"transfer-encoding", b"accept", b"accept-encoding", b"mcp-session-id",
        b"mcp-protocol-version", b"last-event-id", b"te", b"upgrade", b"keep-alive", b"trailer", SERVERS, GROUPS, AUTH,
    }
)  # fmt: skip
_PLAIN: Final = re.compile(r"[^a-z0-9_]")


def scope(exchange: Exchange) -> list[str]:
    """Return the servers and groups that a client wants to hear of; none for all."""
    said = (exchange.header(name) for name in (SERVERS, GROUPS))
    return [name for value in said if value is not None for name in listed(value.decode("utf-8", "replace"))]


def listed(text: str) -> list[str]:
    """Return names that stand in a text with commas between them."""
    return [name.strip() for name in text.split(",") if name.strip()]


def brought(exchange: Exchange, server: Server, key_header: str | None, auth_header: str | None) -> dict[str, str]:
    """Return the headers that a client brings for a server.

    key_header: of the gateway's key, where it has another one than usual; auth_header: stands for `x-mcp-auth`
    """
    ours = carrier(exchange, key_header)
    key = _bare(exchange.header(ours) or b"") if ours is not None else b""
    sent = [(name, value) for name, value in exchange.headers if name != ours and not (key and _bare(value) == key)]
    found = dict(_listed_ones(sent, server))
    named = auth_header.lower().encode("ascii", "ignore") if auth_header else AUTH
    general = next((value for name, value in sent if name == named), None)
    if general is not None:
        found |= authentication(server.scheme, general.decode("latin-1"))
    return found | dict(_addressed(sent, server))


def _listed_ones(sent: list[tuple[bytes, bytes]], server: Server) -> Iterator[tuple[str, str]]:
    """Yield those that the entry of the server lists in `extra_headers`."""
    wanted: Mapping[bytes, str] = {name.lower().encode(): name for name in server.entry.extra_headers}
    for name, value in sent:
        if name in wanted and name not in _OURS:
            yield wanted[name], value.decode("latin-1")


def _addressed(sent: list[tuple[bytes, bytes]], server: Server) -> Iterator[tuple[str, str]]:
    """Yield those that name the server: `x-mcp-{server}-{header}`."""
    for form in {_PLAIN.sub("_", name.lower()) for name in (server.alias, server.name) if name}:
        start = f"x-mcp-{form}-".encode()
        for name, value in sent:
            header = name.removeprefix(start)
            if header != name and header and header not in _OURS:
                yield header.decode("ascii", "replace").title(), value.decode("latin-1")


def _bare(value: bytes) -> bytes:
    return (value[7:] if value[:7].lower() == b"bearer " else value).strip()
