"""The tier router: how much a text asks for, as LiteLLM's complexity router reckons it, and the group of that tier.

Seven dimensions from -1 to 1 are weighted and added; the sum lies in one of four tiers. The scheme, its weights and
boundaries are LiteLLM's; the words are ours (`vocabulary`), so a text near a boundary may fall to the other side.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, get_args

from msgspec import Struct

from tianji._core.routing.dice import Dice
from tianji.config.schema.auto_router import Boundaries, ComplexityConfig, Dimension, Tier, TokenThresholds
from tianji.routing.auto import vocabulary
from tianji.routing.auto.content import Content
from tianji.routing.auto.decision import Decision
from tianji.routing.auto.vocabulary import Vocabulary, Words

TIERS: Final[tuple[Tier, ...]] = get_args(Tier)
WEIGHTS: Final[Mapping[Dimension, float]] = MappingProxyType(
    {
        "tokenCount": 0.10,
        "codePresence": 0.30,
        "reasoningMarkers": 0.25,
        "technicalTerms": 0.25,
        "simpleIndicators": 0.05,
        "multiStepPatterns": 0.03,
        "questionComplexity": 0.02,
    }
)
CHARACTERS_A_TOKEN: Final = 4
_MOST_QUESTIONS: Final = 3  # of a text that is not yet many questions
_DECIDING_MARKERS: Final = 2  # of reasoning, which make a text that is not simple one for the last tier
# each begins with what is quickly looked for
_STEP: Final = re.compile(r"step [0-9]")
_ITEM: Final = re.compile(r"\n[ \t]{0,8}[0-9]{1,3}[.)] ")


class Verdict(Struct, frozen=True):
    """A tier and the score that led there. `cause` says which rule decided."""

    tier: Tier
    score: float
    cause: str


class Scale:
    """Weighs texts."""

    def __init__(self, config: ComplexityConfig) -> None:
        self._weights = {name: config.dimension_weights.get(name, weight) for name, weight in WEIGHTS.items()}
        self._boundaries: Boundaries = config.tier_boundaries
        self._tokens: TokenThresholds = config.token_thresholds
        self._code = _vocabulary(config.code_keywords, vocabulary.CODE)
        self._reasoning = _vocabulary(config.reasoning_keywords, vocabulary.REASONING)
        technical = vocabulary.TECHNICAL if config.technical_keywords is None else config.technical_keywords
        self._technical = Vocabulary((*technical, *config.custom_technical_keywords))
        self._simple = _vocabulary(config.simple_keywords, vocabulary.SIMPLE)
        # the highest tier first: where keywords of two rules occur, the higher one takes the text
        ordered = sorted(config.keyword_tier_rules, key=lambda rule: -TIERS.index(rule.tier))
        self._rules = tuple((Vocabulary(rule.keywords), rule.tier) for rule in ordered)

    def judge(self, content: Content) -> Verdict:
        """Return the tier of what the user said."""
        words = Words(content.excerpt)
        markers = self._reasoning.count(words)
        values = self._values(words, content.characters // CHARACTERS_A_TOKEN, markers)
        # a sum of products of hundredths: rounding keeps 0.15 from being a hair below 0.15
        score = round(sum(self._weights[name] * value for name, value in values.items()), 9)
        for keywords, tier in self._rules:
            if keywords.count(words):
                return Verdict(tier, score, "literal_keyword_match")
        if markers >= _DECIDING_MARKERS and score >= self._boundaries.simple_medium:
            return Verdict("REASONING", score, "reasoning_markers")
        return Verdict(self._tier(score), score, "complexity_scorer")

    def dimensions(self, content: Content) -> dict[Dimension, float]:
        """Return the value of each dimension, before it is weighted."""
        words = Words(content.excerpt)
        return self._values(words, content.characters // CHARACTERS_A_TOKEN, self._reasoning.count(words))

    def _values(self, words: Words, tokens: int, markers: int) -> dict[Dimension, float]:
        code, technical = self._code.count(words), self._technical.count(words)
        return {
            "tokenCount": _steps(tokens, ((self._tokens.complex + 1, 1.0), (self._tokens.simple, 0.0)), -1.0),
            "codePresence": _steps(code, ((2, 1.0), (1, 0.5))),
            "reasoningMarkers": _steps(markers, ((2, 1.0), (1, 0.7))),
            "technicalTerms": _steps(technical, ((4, 1.0), (2, 0.5))),
            "simpleIndicators": -1.0 if self._simple.count(words) else 0.0,
            "multiStepPatterns": 0.5 if _has_steps(words) else 0.0,
            "questionComplexity": 0.5 if words.text.count("?") > _MOST_QUESTIONS else 0.0,
        }

    def _tier(self, score: float) -> Tier:
        if score < self._boundaries.simple_medium:
            return "SIMPLE"
        if score < self._boundaries.medium_complex:
            return "MEDIUM"
        return "COMPLEX" if score < self._boundaries.complex_reasoning else "REASONING"


class ComplexityRouter:
    """Decides by the tier of what the user said."""

    def __init__(self, scale: Scale, tiers: Mapping[str, Sequence[str]], default: str, dice: Dice) -> None:
        """`tiers` gives the groups of each tier, one of which is drawn; `default` takes what has no tier or no text."""
        self._scale = scale
        self._tiers = tiers
        self._default = default
        self._dice = dice

    def decide(self, content: Content) -> Decision:
        """Return the group of the tier, with the headers of LiteLLM's complexity router."""
        if not content.text or content.text.isspace():
            return Decision(self._default, "default: no text")
        verdict = self._scale.judge(content)
        groups = self._tiers.get(verdict.tier, ())
        group = groups[int(self._dice.unit() * len(groups))] if groups else self._default
        score = f"{verdict.score:.2f}"
        facts = (
            (b"x-litellm-complexity-router-tier", verdict.tier.encode()),
            (b"x-litellm-complexity-router-cause", verdict.cause.encode()),
            (b"x-litellm-complexity-router-score", score.encode()),
        )
        return Decision(group, f"complexity: {verdict.tier} {score}", facts)


def _vocabulary(written: Iterable[str] | None, ours: Iterable[str]) -> Vocabulary:
    return Vocabulary(ours if written is None else written)


def _steps(count: int, steps: Iterable[tuple[int, float]], otherwise: float = 0.0) -> float:
    """Return the value of the first step that `count` reaches."""
    return next((value for least, value in steps if count >= least), otherwise)


def _has_steps(words: Words) -> bool:
    """Whether the text asks for several things in order: "first ... then", "step 2", or a numbered list."""
    if {b"first", b"then"} <= words.words and words.text.find("first") < words.text.rfind("then"):
        return True
    if b"step" in words.words and _STEP.search(words.text):
        return True
    return _ITEM.search("\n" + words.text) is not None
