"""What is attached to a message: a document whose text can be read, an image, or what no text can be made of here.

Data URIs (RFC 2397) with base64, in its usual alphabet and in that of URLs (RFC 4648), with or without padding.
"""

import base64
import binascii
import re
from typing import Final

from msgspec import Struct

_URI: Final = re.compile(
    r"data:(?P<media>[\w.+-]+/[\w.+-]+)?(?:;[\w.-]+=[^;,]*)*;base64,(?P<data>[A-Za-z0-9+/_=\s-]*)", re.IGNORECASE
)
_TEXTS: Final = frozenset(
    {
        "json", "xml", "yaml", "x-yaml", "toml", "csv", "javascript", "ecmascript", "x-javascript", "typescript",
        "x-ndjson", "jsonl", "x-jsonlines", "sql", "x-sh", "x-python", "x-httpd-php", "rtf", "x-tex", "markdown",
    }
)  # fmt: skip
"""Types of `application/` that are text; everything of `text/` is, and what ends in +json, +xml or +yaml."""
_FROM_URL: Final = str.maketrans("-_", "+/")


class Attached(Struct, frozen=True):
    """One attachment. text: what can be read in it, None where nothing can; head: what stands before the base64 of it.

    image: it is an image
    """

    text: str | None = None
    head: str = ""
    image: bool = False

    def with_text(self, text: str) -> str:
        """Return how it is written with another text."""
        return self.head + base64.b64encode(text.encode()).decode()


def of_uri(uri: str) -> Attached | None:
    """Return what a data URI holds; None for what is none."""
    found = _URI.fullmatch(uri) if uri[:5].lower() == "data:" else None
    return None if found is None else of_data(found["media"] or "", found["data"], uri[: found.start("data")])


def of_data(media: str, data: str, head: str = "") -> Attached:
    """Return what is in base64, by the type that is said of it. `head`: see Attached."""
    media = media.partition(";")[0].strip().lower()
    if media.startswith("image/"):
        return Attached(image=True)
    if not is_text(media):
        return Attached()
    plain = "".join(data.split()).rstrip("=").translate(_FROM_URL)
    try:
        raw = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
        return Attached(raw.decode("utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"), head)
    except (binascii.Error, UnicodeDecodeError):
        return Attached()


def is_text(media: str) -> bool:
    """Whether what is of this type is a text."""
    kind, _, name = media.partition("/")
    return kind == "text" or (kind == "application" and (name in _TEXTS or name.endswith(("+json", "+xml", "+yaml"))))
