"""How random a text looks: keys do, words do not."""

import math
from typing import Final

_LOGARITHMS: Final = tuple(count * math.log2(count) if count else 0.0 for count in range(1025))


def entropy(text: str) -> float:
    """Return Shannon's entropy in bits a character, of the first 1024 characters."""
    text = text[:1024]
    length = len(text)
    return (_LOGARITHMS[length] - sum(_LOGARITHMS[text.count(sign)] for sign in set(text))) / length if text else 0.0
