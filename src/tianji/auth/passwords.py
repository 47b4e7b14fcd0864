"""Passwords: kept as argon2id (RFC 9106), which takes a while on purpose; hashing them belongs into a thread."""

import functools
import secrets
from typing import Final, Protocol

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from tianji.errors import Unacceptable

SHORTEST: Final = 8  # characters, whatever the policy says
LONGEST: Final = 1024

_hasher = PasswordHasher()


class Policy(Protocol):
    """What `general_settings` ask of a password."""

    @property
    def password_policy_min_length(self) -> int: ...
    @property
    def password_policy_require_uppercase(self) -> bool: ...
    @property
    def password_policy_require_lowercase(self) -> bool: ...
    @property
    def password_policy_require_numbers(self) -> bool: ...
    @property
    def password_policy_require_special_characters(self) -> bool: ...


def require_acceptable(password: str, policy: Policy) -> None:
    """Raise Unacceptable (400) for a password that is too short, too long or too simple, and say what it lacks."""
    shortest = max(SHORTEST, policy.password_policy_min_length)
    if not shortest <= len(password) <= LONGEST:
        raise Unacceptable(f"a password has from {shortest} to {LONGEST} characters", param="password")
    wanted = (
        (policy.password_policy_require_uppercase, "a capital letter", str.isupper),
        (policy.password_policy_require_lowercase, "a small letter", str.islower),
        (policy.password_policy_require_numbers, "a digit", str.isdigit),
        (policy.password_policy_require_special_characters, "a character beside letters and digits", _is_special),
    )
    lacking = [name for asked, name, has in wanted if asked and not any(map(has, password))]
    if lacking:
        raise Unacceptable(f"the password lacks {', '.join(lacking)}", param="password")


def _is_special(char: str) -> bool:
    return not char.isalnum()


def hashed(password: str) -> str:
    """Return what is kept of a password."""
    return _hasher.hash(password)


def verified(kept: str | None, password: str) -> bool:
    """Whether `password` is the one of which `kept` was kept; it takes as long where nothing was kept (None).

    What is kept is never itself a password.
    """
    decoy = _decoy()
    try:
        _hasher.verify(decoy if kept is None else kept, password[:LONGEST])
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None


@functools.cache
def _decoy() -> str:
    return hashed(secrets.token_hex())
