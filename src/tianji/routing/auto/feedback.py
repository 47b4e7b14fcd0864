"""Whether a model's last answer was good, as far as the conversation that goes on shows it.

The signs are those of LiteLLM's adaptive router, without its detour: it looks at what was said after each answer has
gone out, here the next request is read, which holds the same. English only, as there.
"""

import re
from typing import Final, NamedTuple

from tianji.routing.auto.turns import Turns

LOOKED_AT: Final = 400  # characters of a message: thanks and complaints come first, and pasted texts thank nobody
LEAST_TURNS: Final = 3  # messages of the user before thanks count: whoever says them sooner is polite
SAME_ANSWER: Final = 0.5  # of the words of two answers in a row, from which on the model repeats itself
SAME_QUESTION: Final = 0.3  # of the telling words of two messages in a row, from which on the user asks again
FEWEST: Final = 3  # telling words that a message must have before it can be compared
SAME_CALLS: Final = 3  # calls of a tool with the same arguments, from which on the model goes in circles
_WORD: Final = re.compile(r"[a-z0-9]+")
_TELLING: Final = 4  # letters: shorter words stand in every sentence
_THANKS: Final = re.compile(
    r"\b(?:thanks|thank you|thx|cheers|perfect|great|excellent|awesome|exactly|brilliant"
    r"|(?:that|it|this) (?:worked|works|did it|helped)|works now|fixed it|solved it)\b",
    re.IGNORECASE,
)
_LEAVING: Final = re.compile(
    r"\b(?:forget it|never ?mind|i give up|talk to a human|i'?ll do it (?:myself|manually)"
    r"|(?:this|that|it) (?:isn'?t|is not|does not|doesn'?t) work(?:ing)?"
    r"|still (?:broken|wrong|failing|not working))\b",
    re.IGNORECASE,
)


class Feedback(NamedTuple):
    """How much speaks for an answer and how much against it. thanked: the user is content, which counts once."""

    good: int = 0
    bad: int = 0
    thanked: bool = False


def feedback_of(turns: Turns) -> Feedback:
    """Judge the last answer of a conversation."""
    bad = (
        _asks_again(turns.before, turns.now)
        + (_LEAVING.search(turns.now[:LOOKED_AT]) is not None)
        + turns.failed
        + _repeats_itself(turns.answers)
        + _goes_in_circles(turns.calls)
    )
    thanked = turns.users >= LEAST_TURNS and not bad and _THANKS.search(turns.now[:LOOKED_AT]) is not None
    return Feedback(int(thanked), bad, thanked)


def _asks_again(before: str, now: str) -> bool:
    asked = {word for word in _words(before) if len(word) >= _TELLING}
    again = {word for word in _words(now) if len(word) >= _TELLING}
    return min(len(asked), len(again)) >= FEWEST and _likeness(asked, again) >= SAME_QUESTION


def _repeats_itself(answers: tuple[str, ...]) -> bool:
    if len(answers) < 2:
        return False
    newer, older = (_words(text) for text in answers[:2])
    return min(len(newer), len(older)) >= FEWEST and _likeness(newer, older) >= SAME_ANSWER


def _goes_in_circles(calls: tuple[str, ...]) -> bool:
    return bool(calls) and calls.count(calls[-1]) >= SAME_CALLS


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))


def _likeness(one: set[str], other: set[str]) -> float:
    """Return how many of all their words both have (Jaccard's index)."""
    return len(one & other) / len(one | other)
