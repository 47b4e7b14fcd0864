"""Many words at once, whatever their case: one pass of an Aho-Corasick automaton finds all, those that overlap too."""

from collections.abc import Sequence
from typing import Any, Final

from tianji.errors import ConfigurationError
from tianji.guardrails.matching.expressions import Found
from tianji.lazy import load

_INSTALL: Final = "it needs the package ahocorasick-rs, which is not installed: pip install 'tianji[guardrails]'"
_QUICK: Final = 1 << 16  # characters of all words up to which the quicker, larger automaton is worth its memory
_SPACES: Final = "\t\r\n\u00a0"


def fold(text: str) -> str:
    """Return a text of the same length in which case and the kind of white space make no difference."""
    # the dotted I would become two characters, and a sigma be another one at the end of a word
    folded = text.replace("\u0130", "i").lower().replace("\u03c2", "\u03c3")
    for space in _SPACES:
        folded = folded.replace(space, " ")
    return folded


class Words:
    """What looks for words as parts of a text. `reach`: how long the longest is."""

    def __init__(self, words: Sequence[str]) -> None:
        """Compile all. Raises ConfigurationError for an empty word, and without the package."""
        if not all(words):
            raise ConfigurationError("a word to look for is empty: leave it out")
        if any("\ud800" <= sign <= "\udfff" for word in words for sign in word):  # the automaton would end before it
            raise ConfigurationError("a word to look for holds half a character (a lone surrogate)")
        self._owners: dict[str, list[int]] = {}
        for which, word in enumerate(words):
            self._owners.setdefault(fold(word), []).append(which)
        self._folded = list(self._owners)
        self.reach = max((len(word) + 2 for word in self._folded), default=0)
        self._automaton = _automaton(self._folded) if words else None

    def find(self, text: str) -> list[Found]:
        """Return every place where a word stands, in the order of their ends; what one holds of another counts."""
        if self._automaton is None:
            return []
        folded = fold(text)
        try:
            matches = self._automaton.find_matches_as_indexes(folded, overlapping=True)
        except UnicodeEncodeError:  # half a surrogate pair
            folded = folded.encode("utf-8", "replace").decode()
            matches = self._automaton.find_matches_as_indexes(folded, overlapping=True)
        owners, words = self._owners, self._folded
        return [Found(start, end, which) for word, start, end in matches for which in owners[words[word]]]


def stands_alone(text: str, start: int, end: int) -> bool:
    """Whether no letter or digit touches what stands there."""
    before = start == 0 or not (text[start - 1].isalnum() or text[start - 1] == "_")
    return before and (end == len(text) or not (text[end].isalnum() or text[end] == "_"))


def _automaton(words: list[str]) -> Any:
    try:
        package = load("ahocorasick_rs")
    except ImportError:
        raise ConfigurationError(_INSTALL) from None
    kind = package.Implementation.DFA if sum(map(len, words)) < _QUICK else package.Implementation.ContiguousNFA
    return package.AhoCorasick(words, implementation=kind)
