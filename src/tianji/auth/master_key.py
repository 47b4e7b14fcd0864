"""The master key: the one key that no database has to know."""

import hashlib
import hmac

from tianji.auth.credentials import UNUSABLE
from tianji.auth.identity import ANYONE, MASTER, Identity
from tianji.errors import AuthenticationFailed

_PREFIX = "Authentication Error, "


class UnknownKey(AuthenticationFailed):
    """A well-formed key that nobody has."""

    type = "token_not_found_in_db"
    param = "key"

    def __init__(self) -> None:
        super().__init__(f"{_PREFIX}the API key is not known to this gateway. Check it, or ask for a new one")


class MasterKey:
    """Knows one key by its digest. Without one (`key` None) every caller is an internal user without admin rights."""

    def __init__(self, key: str | None) -> None:
        if key is not None and not key:
            raise ValueError("an empty master key would let everybody in; leave it out or set it")
        self._digest = None if key is None else hashlib.sha256(key.encode()).digest()

    @property
    def absent(self) -> bool:
        """Whether there is no master key, so that everybody is let in."""
        return self._digest is None

    def identities(self) -> dict[bytes, Identity]:
        """Return whom this key lets in, by its SHA-256."""
        return {} if self._digest is None else {self._digest: MASTER}

    def authenticate(self, credential: bytes | None) -> Identity:
        """Say who sent `credential`. Raises AuthenticationFailed (401); the message never repeats what was sent."""
        if self._digest is None:
            return ANYONE
        if credential is None:
            raise AuthenticationFailed(
                f"{_PREFIX}no API key was sent. Send `Authorization: Bearer <key>`, or the key alone as x-api-key, "
                "api-key or x-goog-api-key"
            )
        if credential == UNUSABLE:
            raise AuthenticationFailed(
                f"{_PREFIX}the API key is malformed. Send it as `Authorization: Bearer <key>`: the word Bearer, one "
                "space, the key"
            )
        # digests have one length, so the time taken says nothing about the key's
        if hmac.compare_digest(hashlib.sha256(credential).digest(), self._digest):
            return MASTER
        if not credential.startswith(b"sk-"):
            raise AuthenticationFailed(f"{_PREFIX}the API key is not valid: keys of this gateway start with `sk-`")
        raise UnknownKey
