"""Whose something is that was made through the gateway, in a few bytes, for the ids that clients are given."""

import hashlib
from typing import Final

from tianji.auth.identity import Identity

DIGEST: Final = 8  # bytes by which owners and places are told apart
UNSET: Final = "no master key: everybody may do everything"
"""What ids rest on where there is no secret."""


def owner_of(caller: Identity) -> bytes:
    """Return whose what this caller makes is: the team's of his key, else his own, else his key's."""
    if caller.team_id is not None:
        return digest(f"team {caller.team_id}")
    return digest(f"key {caller.key}" if caller.user_id is None else f"user {caller.user_id}")


def digest(name: str) -> bytes:
    """Return a name, short."""
    return hashlib.sha256(name.encode()).digest()[:DIGEST]
