"""Where clients find the gateway, as far as it can know."""

from collections.abc import Mapping

from tianji._core.exchange import Exchange


def root(environ: Mapping[str, str]) -> str:
    """Return the prefix that the gateway's paths have: SERVER_ROOT_PATH."""
    trimmed = environ.get("SERVER_ROOT_PATH", "").strip("/")
    return f"/{trimmed}" if trimmed else ""


def own_address(exchange: Exchange, environ: Mapping[str, str]) -> str:
    """Return where browsers find the gateway: PROXY_BASE_URL, or where this one says that it found it."""
    named = environ.get("PROXY_BASE_URL")
    if named:
        return named.rstrip("/") + root(environ)
    scheme = "https" if exchange.header(b"x-forwarded-proto") == b"https" else "http"
    return f"{scheme}://{(exchange.header(b'host') or b'').decode('latin-1')}{root(environ)}"
