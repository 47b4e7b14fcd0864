"""Where clients find the gateway, as far as it can know."""

from collections.abc import Mapping

from tianji._core.edges.exchange import Exchange
from tianji.edge.options import CERTIFICATE


def root(environ: Mapping[str, str]) -> str:
    """Return the prefix that the gateway's paths have: SERVER_ROOT_PATH."""
    trimmed = environ.get("SERVER_ROOT_PATH", "").strip("/")
    return f"/{trimmed}" if trimmed else ""


def own_address(exchange: Exchange, environ: Mapping[str, str]) -> str:
    """Return where browsers find the gateway: PROXY_BASE_URL, or where this one says that it found it.

    It speaks TLS where the gateway has a certificate, or a proxy before it does.
    """
    named = environ.get("PROXY_BASE_URL")
    if named:
        return named.rstrip("/") + root(environ)
    encrypted = CERTIFICATE in environ or exchange.header(b"x-forwarded-proto") == b"https"
    scheme = "https" if encrypted else "http"
    return f"{scheme}://{(exchange.header(b'host') or b'').decode('latin-1')}{root(environ)}"
