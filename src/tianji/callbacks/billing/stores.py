"""Signed addresses: where a vendor says that a file is to be put, in a bucket of its own at Google's."""

from typing import Final
from urllib.parse import urlsplit

from tianji.errors import UpstreamProtocolError

STORE: Final = "storage.googleapis.com"


def signed_address(url: object, base: str) -> str:
    """Return an address that leads to the store, or to the vendor itself. Raises UpstreamProtocolError for others."""
    if isinstance(url, str):
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        if parts.scheme == "https" and (host == STORE or host.endswith(f".{STORE}")):
            return url
        at_home = urlsplit(base)
        if (parts.scheme, parts.netloc) == (at_home.scheme, at_home.netloc):
            return url
    raise UpstreamProtocolError("it does not say where in its store to put the day")
