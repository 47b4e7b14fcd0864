"""What a content filter finds in a text: expressions, blocked words, and the words of categories.

All words are found in one pass and all expressions in another. What a category then makes of its words depends on what
stands beside them in the same sentence, `NEAR` code points away at most; so what a finding depends on is bounded, and
a stream needs to hold back no more than that.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum, auto
from itertools import chain
from typing import Any, Final, NamedTuple

from msgspec import Struct

from tianji.guardrails.filtering.category import Action, Category, Keyword, Severity, severity
from tianji.guardrails.matching.expressions import Expression, Expressions, Found
from tianji.guardrails.matching.words import Words, stands_alone

NEAR: Final = 250
_SENTENCE_ENDS: Final = re.compile(r"[.!?\n\u3002]")


class Rule(Struct, frozen=True):
    """What happens to a finding.

    name: for counts; mask: what stands there instead; reason, detail: of the refusal
    """

    name: str
    action: Action
    mask: str
    reason: str
    detail: Mapping[str, Any] = {}


class Finding(NamedTuple):
    """A part of the text, and the rule that it is for."""

    start: int
    end: int
    rule: Rule


class Role(Enum):
    """What a word is for."""

    ALWAYS = auto()
    KEYWORD = auto()  # unless an exception stands near
    PARTNER = auto()  # where an identifier stands near, unless an exception does
    IDENTIFIER = auto()
    EXCEPTION = auto()


class Use(Struct, frozen=True):
    """A word or an expression, and what for. category: by position, -1 for none; alone: not as a part of a word."""

    text: str
    role: Role = Role.ALWAYS
    category: int = -1
    alone: bool = False
    rule: Rule | None = None

    @property
    def starred(self) -> bool:
        """Whether it is a word of a category in which `*` stands for a character."""
        return "*" in self.text and self.category >= 0 and self.rule is not None


class Wanted(Struct, frozen=True):
    """A category, the severity from which on it counts, and what then happens."""

    category: Category
    action: Action
    threshold: Severity


class Filter:
    """What looks for all of it. `reach`: see `vendor.Type`."""

    def __init__(
        self, expressions: Sequence[tuple[Expression, Rule]], words: Sequence[Use], wanted: Sequence[Wanted], tag: str
    ) -> None:
        """`tag`: what masks words of categories. Raises ConfigurationError."""
        uses = [*words, *chain.from_iterable(_uses(index, each, tag) for index, each in enumerate(wanted))]
        starred = [use for use in uses if use.starred]
        self._words = [use for use in uses if not use.starred]
        self._automaton = Words([use.text for use in self._words])
        phrased = chain.from_iterable(_phrased(index, each, tag) for index, each in enumerate(wanted))
        patterns = [
            *((expression, Use(expression.text, rule=rule)) for expression, rule in expressions),
            *((_starred(use), use) for use in starred),
            *phrased,
        ]
        self._patterns = [use for _, use in patterns]
        self._expressions = Expressions([expression for expression, _ in patterns])
        self.reach = self._reach()

    def find(self, text: str) -> list[Finding]:
        """Return all findings in order. What follows on a text changes none that ends farther back than `reach`."""
        return self.find_all((text,))[0]

    def find_all(self, texts: Sequence[str]) -> list[list[Finding]]:
        """Return the findings of each text, as `find` does."""
        patterns = self._expressions.find_all(texts)
        return [self._of(text, found) for text, found in zip(texts, patterns, strict=True)]

    def _of(self, text: str, patterns: list[Found]) -> list[Finding]:
        words = self._automaton.find(text)
        if not words and not patterns:
            return []
        hits = [(found, self._words[found.which]) for found in words]
        hits = [(found, use) for found, use in hits if not use.alone or stands_alone(text, found.start, found.end)]
        hits += [(found, self._patterns[found.which]) for found in patterns]
        sentences = _Sentences(text, hits)
        counting = [
            Finding(found.start, found.end, use.rule) for found, use in hits if use.rule and sentences.let(found, use)
        ]
        return sorted(counting, key=lambda finding: (finding.start, -finding.end))

    def _reach(self) -> int | None:
        widths = (self._automaton.reach, self._expressions.reach)
        if widths[1] is None:
            return None
        conditional = any(use.role in (Role.EXCEPTION, Role.IDENTIFIER) for use in self._words)
        return max(widths[0], widths[1]) + (2 * NEAR if conditional else 0)


class _Sentences:
    """Which words that decide about others stand in one sentence with a hit."""

    def __init__(self, text: str, hits: Iterable[tuple[Found, Use]]) -> None:
        self._deciding: dict[tuple[Role, int], list[int]] = {}
        for found, use in hits:
            if use.role in (Role.EXCEPTION, Role.IDENTIFIER):
                self._deciding.setdefault((use.role, use.category), []).append(found.start)
        for starts in self._deciding.values():
            starts.sort()
        self._text = text

    def let(self, found: Found, use: Use) -> bool:
        """Whether a hit counts."""
        if use.role is Role.ALWAYS:
            return True
        if self._beside(found, Role.EXCEPTION, use.category):
            return False
        return use.role is Role.KEYWORD or self._beside(found, Role.IDENTIFIER, use.category)

    def _beside(self, found: Found, role: Role, category: int) -> bool:
        """Whether a word of that role begins in the same sentence, near enough."""
        starts = self._deciding.get((role, category))
        if not starts:
            return False
        first = max(0, found.start - NEAR)
        ends = [end.end() for end in _SENTENCE_ENDS.finditer(self._text, first, found.start)]
        first = ends[-1] if ends else first
        last = min(len(self._text), found.end + NEAR)
        end = _SENTENCE_ENDS.search(self._text, found.end, last)
        last = end.start() if end else last
        at = bisect_left(starts, first)
        return at < len(starts) and starts[at] < last


def _uses(index: int, wanted: Wanted, tag: str) -> Iterable[Use]:
    """Yield the words of a category."""
    category = wanted.category
    for role, keywords in (
        (Role.ALWAYS, category.always),
        (Role.KEYWORD, category.keywords),
        (Role.PARTNER, category.partners),
    ):
        for keyword in keywords:
            if role is Role.ALWAYS or severity(keyword.severity) >= wanted.threshold:
                rule = _rule(wanted, keyword, tag)
                yield Use(keyword.keyword.strip(), role, index, " " not in keyword.keyword.strip(), rule)
    for role, words in ((Role.EXCEPTION, category.exceptions), (Role.IDENTIFIER, category.identifiers)):
        for word in words:
            yield Use(word, role, index, role is Role.IDENTIFIER and " " not in word)


def _phrased(index: int, wanted: Wanted, tag: str) -> Iterable[tuple[Expression, Use]]:
    """Yield the expressions of a category."""
    for text in wanted.category.patterns:
        keyword = Keyword(text, "high")
        yield (
            Expression(wanted.category.name, f"(?i){text}"),
            Use(text, Role.KEYWORD, index, rule=_rule(wanted, keyword, tag)),
        )


def _starred(use: Use) -> Expression:
    parts = r"[^\s]?".join(re.escape(part) for part in use.text.split("*"))
    return Expression(use.text, rf"(?i)\b(?:{parts})\b" if use.alone else f"(?i){parts}")


def _rule(wanted: Wanted, keyword: Keyword, tag: str) -> Rule:
    name, degree = wanted.category.name, severity(keyword.severity).name.lower()
    reason = f"Content blocked: {name} category keyword '{keyword.keyword}' detected (severity: {degree})"
    detail = {"category": name, "keyword": keyword.keyword, "severity": degree}
    return Rule(name, wanted.action, tag, reason, detail)
