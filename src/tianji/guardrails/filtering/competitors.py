"""Whether a request compares a company with its competitors, and how sure that is (`competitor_intent_config`).

A competitor that is named beside a word of comparison is a comparison, without one perhaps; words of comparison and of
the trade without a competitor want a ranking. A name that means something else, too, counts beside a comparison only.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from typing import Final, Literal

import msgspec
from msgspec import Struct

from tianji.guardrails.content import Content
from tianji.guardrails.matching.words import Words, fold, stands_alone
from tianji.guardrails.verdict import Allow, Answer, Block, Findings, Verdict

Policy = Literal["allow", "log_only", "reframe", "refuse", "escalate"]

COMPARISON: Final = "competitor_comparison"
POSSIBLE: Final = "possible_competitor_comparison"
RANKING: Final = "category_ranking"
MENTION: Final = "log_only"
USUAL: Final[Mapping[str, Policy]] = {
    COMPARISON: "refuse",
    POSSIBLE: "reframe",
    RANKING: "reframe",
    MENTION: "log_only",
}
_WORDS: Final = (
    "better", "worse", "best", "vs", "versus", "compare", "compared", "comparison", "alternative", "alternatives",
    "recommend", "ranked", "ranking",
)  # fmt: skip
_BESIDE, _ALONE, _WITHOUT, _CERTAIN = 0.75, 0.55, 0.65, 0.65
_INVISIBLE: Final = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
_LEET: Final = str.maketrans("013457@$", "oieastas")


class CompetitorParams(Struct, frozen=True, kw_only=True):
    """The keys of `competitor_intent_config`; what is empty for airlines is filled from airlines.yaml."""

    competitor_intent_type: Literal["airline", "generic"] = "airline"
    brand_self: tuple[str, ...] = ()
    competitors: tuple[str, ...] = ()
    competitor_aliases: Mapping[str, tuple[str, ...]] = {}
    locations: tuple[str, ...] = ()
    domain_words: tuple[str, ...] = ()
    comparison_words: tuple[str, ...] = _WORDS
    policy: Mapping[str, Policy] = {}
    threshold_high: float = 0.70
    threshold_medium: float = 0.45
    threshold_low: float = 0.30
    refuse_message_template: str = "I cannot compare us with other companies."
    reframe_message_template: str = "I can tell you about what we offer. What would you like to know?"


class Intent(Struct, frozen=True):
    """What a request wants, and how sure that is, from 0 to 1."""

    name: str
    confidence: float
    policy: Policy


class _Airlines(Struct, frozen=True):
    """What airlines.yaml holds."""

    names: tuple[str, ...]
    ambiguous: tuple[str, ...]
    domain_words: tuple[str, ...]


class Competitors:
    """What looks for them."""

    def __init__(self, params: CompetitorParams) -> None:
        """Compile the words. Raises ConfigurationError for an empty one."""
        self._params = params
        names, ambiguous, domain = set(params.competitors), set(params.locations), set(params.domain_words)
        for name, aliases in params.competitor_aliases.items():
            names |= {name, *aliases}
        if params.competitor_intent_type == "airline":
            known = _airlines()
            names |= set(known.names + known.ambiguous) if not params.competitors else set()
            ambiguous |= set(known.ambiguous)
            domain |= set(known.domain_words) if not params.domain_words else set()
        own = {_plain(name) for name in params.brand_self}
        self._ambiguous = {_plain(name) for name in ambiguous}
        self._own = _Vocabulary(own)
        self._names = _Vocabulary({_plain(name) for name in names} - own)
        self._domain = _Vocabulary({_plain(word) for word in domain})
        self._comparing = _Vocabulary({_plain(word) for word in params.comparison_words})

    def judge(self, content: Content) -> Verdict:
        """Judge what the user says; an answer is let pass."""
        said = [text.text for text in content.texts if text.role == "user"] if not content.answers else []
        noted: Verdict = Allow()
        for intent in filter(None, map(self.intent, said)):
            told = Findings(score=intent.confidence, categories=(intent.name,))
            if intent.policy == "reframe":
                return Answer(self._params.reframe_message_template, told)
            if intent.policy in ("refuse", "escalate"):
                detail = {"intent": intent.name, "confidence": intent.confidence}
                return Block(self._params.refuse_message_template, detail, told)
            if intent.policy == "log_only":
                noted = Allow(intent.name, told)
        return noted

    def intent(self, text: str) -> Intent | None:
        """Return what a text wants; None where no competitor is on its mind."""
        plain = _plain(text)
        compares = next(self._comparing.found(plain), None) is not None
        confidence = _BESIDE if compares else _ALONE
        own = [place for _, *place in self._own.found(plain)]
        for name, start, end in self._names.found(plain):
            within = any(first <= start and end <= last for first, last in own)
            if not within and (confidence >= _CERTAIN or name not in self._ambiguous):
                return self._about(confidence)
        if compares and next(self._domain.found(plain), None) is not None:
            return self._named(RANKING, _WITHOUT)
        return None

    def _about(self, confidence: float) -> Intent | None:
        params = self._params
        if confidence >= params.threshold_high:
            return self._named(COMPARISON, confidence)
        if confidence >= params.threshold_medium:
            return self._named(POSSIBLE, confidence)
        return self._named(MENTION, confidence) if confidence >= params.threshold_low else None

    def _named(self, name: str, confidence: float) -> Intent:
        return Intent(name, confidence, self._params.policy.get(name, USUAL[name]))


class _Vocabulary:
    """Words that stand alone."""

    def __init__(self, words: Iterable[str]) -> None:
        self._words = sorted(words)
        self._automaton = Words(self._words)

    def found(self, text: str) -> Iterator[tuple[str, int, int]]:
        """Yield each with its place."""
        for start, end, which in self._automaton.find(text):
            if stands_alone(text, start, end):
                yield self._words[which], start, end


def _plain(text: str) -> str:
    """Return a text in small letters, without what is not seen, and with digits as the letters that they look like."""
    for sign in _INVISIBLE:
        text = text.replace(sign, "")
    return fold(unicodedata.normalize("NFKC", text)).translate(_LEET)


def _airlines() -> _Airlines:
    data = (resources.files(__package__) / "airlines.yaml").read_bytes()
    return msgspec.yaml.decode(data, type=_Airlines)
