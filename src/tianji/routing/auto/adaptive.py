"""The adaptive router: whoever was good at requests of a kind gets more of them, and the cheap more than the dear.

The scheme is that of LiteLLM's adaptive router: for each model a quality is drawn from what is known of it (Thompson
sampling of a beta distribution, whose prior is what the configuration says), and the best of quality and cost serves.
"""

import functools
import hashlib
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from tianji._core.edges.attempts import AttemptTable
from tianji.config.schema.auto_router import AdaptiveWeights, Kind
from tianji.printable import printable
from tianji.routing.auto.content import Content
from tianji.routing.auto.decision import Decision
from tianji.routing.auto.feedback import feedback_of
from tianji.routing.auto.kinds import GENERAL, kind_of
from tianji.routing.auto.lessons import KINDS, REMEMBERED, Lessons, Score
from tianji.routing.auto.turns import Turns, read_turns

if TYPE_CHECKING:
    from random import Random

BELIEVED: Final = {1: 0.3, 2: 0.5, 3: 0.7}  # how often a model of a tier is good, before anything is known
STRENGTH: Final = 0.3  # what is added for a kind that it is strong at
SUREST: Final = 0.95
PRIOR: Final = 10.0  # answers that this belief weighs as much as
MOST: Final = 190.0  # answers that what was learnt weighs as much as, at most: a model may become a better one


class Arm(Struct, frozen=True):
    """A model group that may be chosen; price: dollars of an input and an output token, None where nobody says."""

    group: str
    tier: int = 2
    strengths: tuple[Kind, ...] = ()
    price: float | None = None


class AdaptiveRouter:
    """Decides by what was learnt; learns of a request that goes where it has decided."""

    def __init__(
        self,
        arms: Sequence[Arm],
        weights: AdaptiveWeights,
        default: str,
        lessons: Lessons,
        answered: "Answered",
        random: "Random",
    ) -> None:
        """`default` takes what asks for a better model than there is."""
        self.arms = tuple(arms)
        self.weights = weights
        self.lessons = lessons
        self._default = default
        self._answered = answered
        self._random = random
        self._cheapness = _cheapness(self.arms)

    def decide(self, content: Content) -> Decision:
        """Return the group, with the header of LiteLLM's adaptive router."""
        kind = kind_of(content.excerpt)
        least = content.least_quality
        arms = [arm for arm in self.arms if least is None or arm.tier >= least]
        if not arms:
            return Decision(self._default, f"default: no model is of tier {least}")
        group = max(arms, key=lambda arm: self._score(arm, kind)).group
        name = printable(group).encode("ascii", "backslashreplace")
        facts = ((b"x-litellm-adaptive-router-model", name),)
        return Decision(group, f"adaptive: {kind}", facts, functools.partial(self._learn, content, group))

    def shapes(self, arm: Arm, kind: Kind) -> tuple[float, float]:
        """Return the parameters of the beta distribution of a model's quality."""
        mean = min(SUREST, BELIEVED[arm.tier] + (STRENGTH if kind in arm.strengths else 0.0))
        good, bad = self.lessons.seen(kind, arm.group)
        share = min(1.0, MOST / max(1, good + bad))
        return mean * PRIOR + good * share, (1 - mean) * PRIOR + bad * share

    def _score(self, arm: Arm, kind: Kind) -> float:
        quality = self._random.betavariate(*self.shapes(arm, kind))
        return self.weights.quality * quality + self.weights.cost * self._cheapness[arm.group]

    def _learn(self, content: Content, group: str) -> None:
        """Count what the request says of the answer before it, and remember who is asked now."""
        turns = read_turns(content.conversation)
        session = content.session
        named = turns.first if session is None else session.decode("utf-8", "replace")
        if not named:
            return
        thread = f"{content.caller}\0{named}"
        if turns.place:
            before = self._answered.by(thread, turns.place, [arm.group for arm in self.arms])
            if before is not None:
                self._judge(thread, turns, before)
        self._answered.note(thread, turns.length, group)

    def _judge(self, thread: str, turns: Turns, group: str) -> None:
        found = feedback_of(turns)
        if not self._answered.first_time(thread, f"judged {turns.place}"):
            return  # the same request again, or another end of the same conversation
        good = found.good if found.thanked and self._answered.first_time(thread, "thanked") else 0
        kind = kind_of(turns.before)
        if kind == GENERAL:
            kind = kind_of(turns.first)
        self.lessons.add(kind, group, good, found.bad)

    def cells(self) -> list[tuple[Kind, Arm, tuple[float, float], Score]]:
        """Return all that is believed: kind, model, parameters of its quality, and what was learnt."""
        return [
            (kind, arm, self.shapes(arm, kind), self.lessons.seen(kind, arm.group))
            for kind in KINDS
            for arm in self.arms
        ]


class Answered:
    """Remembers which model was asked for which answer, for a day, for all workers of a machine."""

    def __init__(self, router: str, table: AttemptTable, now: Callable[[], float] = time.monotonic) -> None:
        self._router = router
        self._table = table
        self._now = now

    def note(self, thread: str, place: int, group: str) -> None:
        """Remember that a group is asked for the answer at a place of a conversation."""
        self._table.stop(self._name(thread, str(place), group), self._now())

    def by(self, thread: str, place: int, groups: Sequence[str]) -> str | None:
        """Return which of the groups was asked for it; None where that is not known."""
        now = self._now()
        return next((one for one in groups if self._is(self._name(thread, str(place), one), now)), None)

    def first_time(self, thread: str, what: str) -> bool:
        """Whether this is said of a conversation for the first time."""
        name, now = self._name(thread, what, ""), self._now()
        known = self._is(name, now)
        self._table.stop(name, now)
        return not known

    def _is(self, name: str, now: float) -> bool:
        return self._table.stopped(name, now, rest=REMEMBERED)

    def _name(self, thread: str, what: str, group: str) -> str:
        said = f"{self._router}\0{what}\0{group}\0{thread}".encode("utf-8", "surrogatepass")
        return hashlib.blake2b(said, digest_size=16).hexdigest()


def _cheapness(arms: Sequence[Arm]) -> dict[str, float]:
    """Return 1 for the cheapest and 0 for the dearest; half of that where nobody knows or all cost the same."""
    prices = [arm.price for arm in arms if arm.price is not None]
    spread = max(prices) - min(prices) if prices else 0.0
    if not spread:
        return {arm.group: 0.5 for arm in arms}
    dearest = max(prices)
    return {arm.group: 0.5 if arm.price is None else (dearest - arm.price) / spread for arm in arms}
