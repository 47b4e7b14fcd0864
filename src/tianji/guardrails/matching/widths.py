"""How much text a regular expression may span: what a stream has to hold back so that no part of a match escapes."""

import re
from collections.abc import Iterable
from typing import Any, Final

from tianji.lazy import load

UNBOUNDED: Final = 4096  # code points; what may span more counts as without an end
_MARGIN: Final = 2  # \b looks at one character on either side
_OTHERWISE: Final = ("{,", "[:", "**")  # Python reads these in another way than RE2
_FLAGS: Final = re.compile(r"\(\?[imsU-]+\)")  # they change no width, and Python wants them at the very beginning
_ANCHORS: Final = frozenset({"AT_BEGINNING", "AT_BEGINNING_STRING", "AT_END", "AT_END_STRING"})


def longest(expression: str) -> int | None:
    """Return how many code points a match can span at most, with those beside it that decide whether it is one.

    None: there is no bound, it depends on where the text begins or ends, or it is written in a way that only RE2 reads.
    """
    tree = _tree(expression)
    if tree is None or _anchored(tree):
        return None
    _, most = tree.getwidth()
    return None if most > UNBOUNDED else most + _MARGIN


def is_free(expression: str) -> bool:
    """Whether a match depends on nothing but itself and the characters beside it, as far as can be told."""
    tree = _tree(expression)
    return tree is not None and not _anchored(tree)


def widest(expressions: Iterable[str]) -> int | None:
    """Return the longest of all; 0 for none."""
    widths = [longest(expression) for expression in expressions]
    known = [width for width in widths if width is not None]
    return max(known, default=0) if len(known) == len(widths) else None


def _tree(expression: str) -> Any:
    """Return how an expression is put together; None for one that only RE2 reads."""
    if any(sign in expression for sign in _OTHERWISE):
        return None
    parser: Any = load("re._parser")  # reads, and never searches
    try:
        return parser.parse(_FLAGS.sub("", expression))
    except (parser.error, OverflowError, RecursionError, FutureWarning, DeprecationWarning):
        return None


def _anchored(tree: Any) -> bool:
    """Whether it asks for the beginning or the end of the text or a line anywhere."""
    if hasattr(tree, "data"):
        tree = tree.data
    if isinstance(tree, list | tuple):
        return any(_anchored(part) for part in tree)
    return str(tree) in _ANCHORS
