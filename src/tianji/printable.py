"""Text as a log may hold it."""

import re

_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def printable(text: str) -> str:
    """Make control characters visible, so that nobody writes lines or colours into a log."""
    return text if text.isprintable() else _UNSAFE.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
