"""Names as every database keeps and indexes them: without NUL, and not too long."""

import hashlib
from typing import Final

LONGEST: Final = 120  # characters; eight of them fit into one entry of an index of PostgreSQL


def name(text: str) -> str:
    """Return a text as it may be indexed: a long one ends in a digest of itself, so that two stay two."""
    if "\0" in text:
        text = text.replace("\0", "")
    if len(text) <= LONGEST:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
    return f"{text[: LONGEST - 17]}:{digest}"
