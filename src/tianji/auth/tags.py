"""Names of what an identity is made of, as numbers that fit into the ring of revisions."""

import hashlib
from typing import Final, Literal

from tianji._core.sharing.revision import EVERYTHING, TAG_BITS

Kind = Literal["key", "user", "team", "organization", "project", "budget", "customer", "tag", "models", "signer"]
ALL: Final = EVERYTHING


def tag(kind: Kind, name: str) -> int:
    """Return the tag of an object. Two objects may share one: then too much is forgotten, never too little."""
    digest = hashlib.sha256(f"{kind}:{name}".encode()).digest()
    return int.from_bytes(digest[: TAG_BITS // 8], "big") or 1


MODELS: Final = tag("models", "all")  # of everything that the database adds to the configuration
