"""Base64, in which clouds send secrets and ciphertexts (RFC 4648 section 4)."""

import base64
import binascii

from tianji.config.secrets import SecretFailure


def is_base64(text: str) -> bool:
    """Whether a text is base64 of something."""
    try:
        return bool(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return False


def opened(text: str, what: str) -> str:
    """Return the text that base64 holds. Raises SecretFailure, which names `what` is not text."""
    try:
        value = base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        value = ""
    if not value:
        raise SecretFailure(f"{what} is not base64 of UTF-8 text")
    return value
