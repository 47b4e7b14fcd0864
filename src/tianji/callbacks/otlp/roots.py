"""What spans of requests say of their attempts, for destinations that list traces by their roots.

A request's end comes after its attempts, though perhaps in a later batch, and a batch may be told again. So what the
latest attempts said is remembered.
"""

from collections import OrderedDict
from typing import Final

from tianji.callbacks.otlp.facts import Facts

MOST: Final = 4 << 20  # characters that are remembered for a destination


class Roots:
    """Remembers them for one destination. `names`: of the attributes that a request's span has, too."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self._kept: OrderedDict[bytes, Facts] = OrderedDict()
        self._size = 0

    def keep(self, request: bytes, attempt: Facts) -> None:
        """Remember what an attempt says, below the span of a request. What it does not say an earlier one may have."""
        said = {name: attempt[name] for name in self._names & attempt.keys()}
        if not said:
            return
        before = self._kept.pop(request, {})
        self._kept[request] = both = before | said
        self._size += _length(both) - _length(before)
        while self._size > MOST:
            _, gone = self._kept.popitem(last=False)
            self._size -= _length(gone)

    def of(self, request: bytes) -> Facts:
        """Return what the attempts of a request have said."""
        return self._kept.get(request, {})


def _length(facts: Facts) -> int:
    return sum(len(value) for value in facts.values() if isinstance(value, str))
