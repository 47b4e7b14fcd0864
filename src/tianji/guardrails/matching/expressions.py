"""Several regular expressions at once: one pass says whether any occurs, which is seldom; only then is each looked for.

They are RE2's, so that none can run away. What it does not take (backreferences, look-around) is refused at the start.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from msgspec import Struct

from tianji.config.patterns import Pattern, compile_all, compile_pattern
from tianji.errors import ConfigurationError
from tianji.guardrails.matching.widths import is_free, widest

_INSTALL: Final = "it needs the package google-re2, which is not installed: pip install 'tianji[guardrails]'"
_CONTINUES: Final = bytes(range(0x80, 0xC0))  # bytes of UTF-8 that begin no character
_TOGETHER: Final = 8  # more in one automaton would have more states than fit, on texts that are made to find them
_GAP: Final = r"[^A-Za-z0-9_]{1,10}(?:[A-Za-z]{1,20}[^A-Za-z0-9_]{1,10})?"  # one word may stand between


class Expression(Struct, frozen=True):
    """What is looked for.

    near: an expression of which a match has to stand right before or behind, with a word between them at most
    value: what of a match counts, an expression that is looked for within it; all of it where this is empty
    valid: whether what was found is one (its check digits are right)
    """

    name: str
    text: str
    near: str = ""
    value: str = ""
    valid: Callable[[str], bool] | None = None

    @property
    def sources(self) -> tuple[str, ...]:
        """What is searched for first: itself, or itself with what has to stand beside it."""
        if not self.near:
            return (self.text,)
        return (f"(?:{self.near}){_GAP}(?:{self.text})", f"(?:{self.text}){_GAP}(?:{self.near})")


class Found(NamedTuple):
    """A match: code points of the text, and which of the things looked for it is, by position."""

    start: int
    end: int
    which: int


class Expressions:
    """What looks for several. `reach`: code points that a match can span at most; None: no bound is known."""

    def __init__(self, expressions: Sequence[Expression]) -> None:
        """Compile all. Raises ConfigurationError naming the expression that RE2 does not take."""
        self.reach = widest(source for each in expressions for source in each.sources)
        numbered = sorted(enumerate(expressions), key=lambda pair: not _is_free(pair[1]))
        self._groups = [_Group(numbered[at : at + _TOGETHER]) for at in range(0, len(numbered), _TOGETHER)]

    def find(self, text: str) -> list[Found]:
        """Return all matches, those of one expression apart from each other, in the order of their beginning."""
        return self.find_all((text,))[0]

    def find_all(self, texts: Sequence[str]) -> list[list[Found]]:
        """Return the matches of each text, as `find` does; texts without any are passed over in one pass for all."""
        datas = [text.encode("utf-8", "replace") for text in texts]  # half a surrogate pair is one character, too
        found: list[list[Found]] = [[] for _ in texts]
        whole = b"\n".join(datas)
        begins = list(accumulate((len(data) + 1 for data in datas), initial=0))[:-1]
        for group in self._groups:
            for at in range(group.first(whole, begins), len(datas)):
                found[at].extend(group.find(datas[at]))
        return [
            _placed(text, data, places) if places else places
            for text, data, places in zip(texts, datas, found, strict=True)
        ]


class _Group:
    """A few expressions, each of which is looked for only where any occurs. Offsets are those of bytes."""

    def __init__(self, expressions: Sequence[tuple[int, Expression]]) -> None:
        self._each = [_Each(which, expression) for which, expression in expressions]
        sources = [
            (each, source) for each, (_, one) in zip(self._each, expressions, strict=True) for source in one.sources
        ]
        self._owners = [each for each, _ in sources]
        self._which = compile_all(source for _, source in sources) if len(expressions) > 1 else None
        self._any = _together(expression for _, expression in expressions) if len(expressions) > 1 else None
        self._free = all(_is_free(expression) for _, expression in expressions)

    def first(self, whole: bytes, begins: Sequence[int]) -> int:
        """Return which of several texts is the first that may have a match. `whole`: all, a line end between two.

        For an expression that asks for no beginning and no end, what stands in one text stands in all of them together.
        """
        if len(begins) < 2 or self._any is None or not self._free:
            return 0
        match = self._any.search(whole)
        return len(begins) if match is None else bisect_right(begins, match.span()[0]) - 1

    def find(self, data: bytes) -> Iterator[Found]:
        at = 0
        if self._any is not None:
            match = self._any.search(data)
            if match is None:
                return
            at, _ = match.span()  # nothing begins before
        for each in self._occurring(data):
            yield from each.find(data, at)

    def _occurring(self, data: bytes) -> Iterable["_Each"]:
        """Return those that occur, or all where that cannot be told."""
        which = [] if self._which is None else self._which.Match(data)
        return dict.fromkeys(self._owners[at] for at in sorted(which)) if which else self._each


class _Each:
    """One expression."""

    def __init__(self, which: int, expression: Expression) -> None:
        self._which = which
        self._search = [expression_of(expression.name, source) for source in expression.sources]
        value = expression.value or (expression.text if expression.near else "")
        self._value = expression_of(expression.name, value) if value else None
        self._valid = expression.valid

    def find(self, data: bytes, begin: int) -> Iterator[Found]:
        for pattern in self._search:
            at = begin
            while at <= len(data) and (match := pattern.search(data, at)) is not None:
                first, last = start, end = match.span()
                at = max(last, first + 1)
                if self._value is not None and (inner := self._value.search(data[first:last])) is not None:
                    start, end = (first + offset for offset in inner.span())
                if start == end:
                    continue
                if self._valid is None or self._valid(data[start:end].decode("utf-8", "replace")):
                    yield Found(start, end, self._which)
                else:
                    at = first + 1  # what is none may hide what begins within it


def expression_of(name: str, text: str) -> Pattern:
    """Compile an expression. Raises ConfigurationError that says which it is and why it is refused."""
    try:
        return compile_pattern(text)
    except ImportError:
        raise ConfigurationError(_INSTALL) from None
    except ConfigurationError as error:
        message = f"{name}: {error.message}; regular expressions are RE2's: no backreferences, no look-around"
        raise ConfigurationError(message) from None


def _together(expressions: Iterable[Expression]) -> Pattern | None:
    """Return what matches where any does; None where they cannot be put together (their groups have the same names)."""
    sources = [source for each in expressions for source in each.sources]
    try:
        return compile_pattern("|".join(f"(?:{source})" for source in sources))
    except ConfigurationError:
        return None


def _is_free(expression: Expression) -> bool:
    return all(map(is_free, expression.sources))


def _placed(text: str, data: bytes, places: list[Found]) -> list[Found]:
    """Return matches in their order, by characters instead of bytes."""
    places.sort()
    if len(data) == len(text):
        return places
    where = _characters(data, {offset for start, end, _ in places for offset in (start, end)})
    return [Found(where[start], where[end], which) for start, end, which in places]


def _characters(data: bytes, offsets: Iterable[int]) -> dict[int, int]:
    """Return the number of characters that begin before each offset of UTF-8."""
    known: dict[int, int] = {}
    at = count = 0
    for offset in sorted(offsets):
        count += len(data[at:offset].translate(None, _CONTINUES))
        known[offset] = count
        at = offset
    return known
