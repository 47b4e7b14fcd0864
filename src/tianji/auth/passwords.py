"""Passwords: kept as argon2id (RFC 9106), which takes a while on purpose; both calls belong into a thread."""

from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from tianji.errors import Unacceptable

SHORTEST: Final = 12  # characters
LONGEST: Final = 1024

_hasher = PasswordHasher()


def hashed(password: str) -> str:
    """Return what is kept of a password. Raises Unacceptable (400) for one that is too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise Unacceptable(f"a password has from {SHORTEST} to {LONGEST} characters", param="password")
    return _hasher.hash(password)


def matches(kept: str, password: str) -> bool:
    """Whether `password` is the one of which `kept` was kept. What is kept is never itself a password."""
    try:
        return _hasher.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False
