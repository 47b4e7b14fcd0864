"""What LiteLLM encrypts at rest, opened: values of parameters and credentials.

The key is the SHA-256 of its salt key, or of its master key where there is no salt key. A value is a NaCl secret box
(XSalsa20-Poly1305, https://nacl.cr.yp.to/secretbox.html) in URL-safe base64, or, by `encryption_algorithm`,
`v2:gcm:` and AES-256-GCM with its nonce in front.
"""

import hashlib
from base64 import b64decode
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tianji.lazy import load

_GCM: Final = "v2:gcm:"
_NONCE: Final = 12  # bytes
_OTHER: Final = "encrypted under another salt key: give theirs by --salt"


class Ciphers:
    """Opens what was encrypted under one salt key."""

    def __init__(self, salt: str) -> None:
        self._key = hashlib.sha256(salt.encode()).digest()

    def open(self, closed: str) -> str:
        """Return the text. Raises ValueError that says why it cannot be read."""
        try:
            raw = b64decode(closed.removeprefix(_GCM).translate(_PLAIN_ALPHABET) + "===")
            return self._opened(raw, gcm=closed.startswith(_GCM)).decode()
        except (ValueError, InvalidTag) as error:
            raise ValueError(_OTHER) from error

    def _opened(self, raw: bytes, *, gcm: bool) -> bytes:
        if gcm:
            return AESGCM(self._key).decrypt(raw[:_NONCE], raw[_NONCE:], None)
        try:
            secret, exceptions = load("nacl.secret"), load("nacl.exceptions")
        except ImportError:
            raise MissingNaCl from None
        try:
            opened: bytes = secret.SecretBox(self._key).decrypt(raw)
        except exceptions.CryptoError as error:
            raise ValueError(str(error)) from error
        return opened


class MissingNaCl(Exception):  # noqa: N818 - nothing is wrong with what is to be opened
    """The library that opens secret boxes is not there."""

    reason = "a NaCl secret box, which the extra `litellm-db` opens: pip install 'tianji[litellm-db]'"


_PLAIN_ALPHABET: Final[Any] = str.maketrans("-_", "+/")  # both alphabets of base64 were used
