"""The quality router: what a text asks for in complexity is a quality, and the group that has it takes the text.

The scheme is that of LiteLLM's quality router: keywords first, then the tier of the complexity router.
"""

import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from tianji.errors import Header
from tianji.printable import printable
from tianji.routing.auto.complexity import Scale
from tianji.routing.auto.content import Content
from tianji.routing.auto.decision import Decision

QUALITIES: Final[Mapping[str, int]] = MappingProxyType({"SIMPLE": 1, "MEDIUM": 2, "COMPLEX": 3, "REASONING": 4})
"""The quality that each tier asks for, where the configuration gives no other."""


class Candidate(Struct, frozen=True):
    """A group that may be chosen. keywords: in lower case; price: dollars a token read, None where none is written."""

    group: str
    quality: int
    keywords: tuple[str, ...] = ()
    order: int | None = None
    price: float | None = None

    @property
    def rank(self) -> tuple[float, float, str]:
        """What comes first among equals: the lowest order, then the cheapest, then the first name."""
        order = math.inf if self.order is None else self.order
        return order, math.inf if self.price is None else self.price, self.group


class QualityRouter:
    """Decides by keywords of groups, and where none occurs by the quality that a text asks for."""

    def __init__(
        self, scale: Scale, candidates: Iterable[Candidate], qualities: Mapping[str, int], default: str
    ) -> None:
        """`qualities` replaces rows of QUALITIES; `default` takes what has no text, and all without candidates."""
        self._scale = scale
        self._qualities = {**QUALITIES, **qualities}
        self._default = default
        ranked = sorted(candidates, key=lambda one: one.rank)
        self._by_keyword = sorted(ranked, key=lambda one: -one.quality)  # the order among equals stays
        self._first: dict[int, Candidate] = {}
        for candidate in ranked:
            self._first.setdefault(candidate.quality, candidate)

    def decide(self, content: Content) -> Decision:
        """Return the group, with the headers of LiteLLM's quality router."""
        if not content.text or content.text.isspace():
            return Decision(self._default, "default: no text")
        text = content.text.lower()
        for candidate in self._by_keyword:
            keyword = next((word for word in candidate.keywords if word in text), None)
            if keyword is not None:
                told = _told(candidate, "keyword", ("keyword", keyword))
                return Decision(candidate.group, f"keyword: {keyword}", told)
        tier = self._scale.judge(content).tier
        chosen = self._having(self._qualities[tier])
        if chosen is None:
            return Decision(self._default, "default: no model says its quality")
        told = _told(chosen, "complexity", ("complexity", tier))
        return Decision(chosen.group, f"quality: {chosen.quality} for {tier}", told)

    def _having(self, quality: int) -> Candidate | None:
        """Return the first of that quality, or of the next higher one, or of the next lower one."""
        nearest = min(self._first, key=lambda one: (one < quality, abs(one - quality)), default=None)
        return None if nearest is None else self._first[nearest]


def _told(candidate: Candidate, via: str, why: tuple[str, str]) -> tuple[Header, ...]:
    facts = (("model", candidate.group), ("tier", str(candidate.quality)), ("via", via), why)
    return tuple(
        (f"x-litellm-quality-router-{name}".encode(), printable(value).encode("ascii", "backslashreplace"))
        for name, value in facts
    )
