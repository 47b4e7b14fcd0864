"""Signatures of thoughts that other upstreams gave, as Google's clients carry them.

A `thoughtSignature` is bytes there, and clients write it anew in an alphabet of their choice. Signatures of others are
text that must come back to the letter, so the text is what is encoded.
"""

import base64
import binascii

_SIGNED, _REDACTED = "s:", "r:"


def wrapped(signature: str | None, redacted: str | None) -> str | None:
    """Return the `thoughtSignature` for a signature, or for the data of a redacted block."""
    if redacted is not None:
        text = _REDACTED + redacted
    elif signature:
        text = _SIGNED + signature
    else:
        return None
    return base64.b64encode(text.encode("utf-8", "replace")).decode()


def unwrapped(given: str | None) -> tuple[str | None, str | None]:
    """Return signature and data of what `wrapped` made; a signature of Google's own is neither."""
    if not given:
        return None, None
    try:
        text = base64.urlsafe_b64decode(given.translate(str.maketrans("+/", "-_")) + "=" * (-len(given) % 4)).decode()
    except (binascii.Error, ValueError):
        return None, None
    if text.startswith(_REDACTED):
        return None, text.removeprefix(_REDACTED)
    return (text.removeprefix(_SIGNED), None) if text.startswith(_SIGNED) else (None, None)
