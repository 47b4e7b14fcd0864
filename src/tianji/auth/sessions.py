"""Sessions of people in browsers: a signed token in a cookie, which stands for a key of theirs.

The token is a JSON Web Token (RFC 7519) with HS256 under a key that is derived from the salt key for this alone. The
key that it names lives in the database, so ending that ends the session everywhere.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from tianji._core.edges.exchange import Exchange
from tianji.clock import SYSTEM, Clock

COOKIE: Final = "tianji_session"
_HEADER: Final = {"alg": "HS256", "typ": "JWT"}
_READING: Final = frozenset({"GET", "HEAD"})


class Sessions:
    """Makes and reads tokens. `salt`: the secret that everything rests on."""

    def __init__(self, salt: str, clock: Clock = SYSTEM) -> None:
        if not salt:
            raise ValueError("an empty salt signs nothing")
        self._key = hmac.digest(salt.encode(), b"tianji session token", "sha256")
        self._clock = clock

    def make(self, claims: Mapping[str, Any], seconds: int) -> str:
        """Return a token with these claims that ends in so many seconds."""
        now = int(self._clock.now())
        parts = (_HEADER, {"iat": now, "exp": now + seconds, **claims})
        text = b".".join(_encoded(msgspec.json.encode(part)) for part in parts)
        return (text + b"." + _encoded(self._signature(text))).decode()

    def read(self, token: bytes) -> dict[str, Any] | None:
        """Return the claims of a token of ours that has not ended; None for everything else."""
        text, _, signature = token.rpartition(b".")
        # the header is not read: there is one algorithm and one key
        if not hmac.compare_digest(_encoded(self._signature(text)), signature):
            return None
        try:
            claims = msgspec.json.decode(_decoded(text.rpartition(b".")[2]), type=dict[str, Any])
        except (binascii.Error, msgspec.DecodeError):
            return None
        return claims if claims.get("exp", 0) > self._clock.now() else None

    def key(self, exchange: Exchange) -> bytes | None:
        """Return the key that a browser's cookie stands for.

        None without one, and where a page of another site may be behind the request: its owner did not mean it.
        """
        token = cookie(exchange, COOKIE)
        if token is None or not own_page(exchange):
            return None
        claims = self.read(token)
        found = None if claims is None else claims.get("key")
        return found.encode() if isinstance(found, str) else None

    def _signature(self, text: bytes) -> bytes:
        return hmac.digest(self._key, text, "sha256")


def cookie(exchange: Exchange, name: str) -> bytes | None:
    """Return a cookie of the request (RFC 6265 section 5.4); None where it stands not there, or twice."""
    start = name.encode() + b"="
    pairs = [pair.strip() for field, value in exchange.headers if field == b"cookie" for pair in value.split(b";")]
    found = [pair[len(start) :] for pair in pairs if pair.startswith(start)]
    return found[0] if len(found) == 1 else None


def own_page(exchange: Exchange) -> bool:
    """Whether a page of ours, or nobody's page, is behind a request: https://www.w3.org/TR/fetch-metadata/.

    Who follows a link to a page of ours, the identity provider's at the end of a login among them, opens it himself:
    what leads there cannot read it, and a frame is no page.
    """
    site, reads = exchange.header(b"sec-fetch-site"), exchange.method in _READING
    if site is not None:
        followed = (
            exchange.header(b"sec-fetch-mode") == b"navigate" and exchange.header(b"sec-fetch-dest") == b"document"
        )
        return site == b"same-origin" or (reads and (site == b"none" or followed))
    origin = exchange.header(b"origin")
    if origin is None:
        return reads
    return urlsplit(origin.decode("latin-1")).netloc.encode("latin-1") == exchange.header(b"host")


def _encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _decoded(text: bytes) -> bytes:
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
