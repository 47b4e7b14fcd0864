"""Secrets of vendors at rest: AES-256-GCM under a key that is derived for this purpose alone.

The key is derived by HKDF (RFC 5869) from the salt key of the configuration, so what is signed or encrypted elsewhere
with that salt is worth nothing here. What a value belongs to is authenticated with it: a value that was copied to
another row does not open there.
"""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_PREFIX: Final = "tj1:"  # says how it is encrypted
_NONCE: Final = 12  # bytes, NIST SP 800-38D section 8.2


class Vault:
    """Encrypts and decrypts. `salt`: the secret everything rests on. `purpose`: what for, one vault each."""

    def __init__(self, salt: str, purpose: str) -> None:
        if not salt:
            raise ValueError("an empty salt protects nothing")
        key = HKDF(SHA256(), 32, salt=None, info=f"tianji {purpose}".encode()).derive(salt.encode())
        self._cipher = AESGCM(key)

    def close(self, text: str, of: str) -> str:
        """Encrypt `text`, which belongs to `of`."""
        nonce = os.urandom(_NONCE)
        sealed = self._cipher.encrypt(nonce, text.encode(), of.encode())
        return _PREFIX + urlsafe_b64encode(nonce + sealed).decode()

    def open(self, closed: str, of: str) -> str:
        """Decrypt what was closed. Raises ValueError for anything else, and under another salt."""
        try:
            raw = urlsafe_b64decode(closed.removeprefix(_PREFIX))
            return self._cipher.decrypt(raw[:_NONCE], raw[_NONCE:], of.encode()).decode()
        except InvalidTag as error:
            raise ValueError("this was encrypted under another salt key, or for something else") from error
