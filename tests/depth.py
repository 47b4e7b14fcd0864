"""How many examples tests of properties try; `make test DEEP=1` is for the nights, and for whoever changes a parser."""

import os

DEEP = bool(os.environ.get("DEEP"))
_PART = 4  # an ordinary run tries one in so many


def examples(deep: int) -> int:
    """Return how many to try, of the number that a deep run tries."""
    return deep if DEEP else deep // _PART
