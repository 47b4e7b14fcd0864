"""The adaptive routers of one Snapshot, and where they learn."""

from typing import TYPE_CHECKING

from tianji._core.edges.attempts import AttemptTable
from tianji._core.sharing.shm import SharedCounters
from tianji.lazy import load

if TYPE_CHECKING:
    from tianji.routing.auto.adaptive import AdaptiveRouter
    from tianji.routing.auto.lessons import Lessons


class School:
    """Gives routers their lessons, and knows who has some.

    counters: what was learnt; answered: which model was asked for which answer. Workers share both.
    """

    def __init__(self, counters: SharedCounters, answered: AttemptTable) -> None:
        self._counters = counters
        self.answered = answered
        self.routers: dict[str, AdaptiveRouter] = {}

    def lessons(self, router: str, groups: tuple[str, ...]) -> "Lessons":
        """Return what a router of that name has learnt of these groups."""
        lessons: Lessons = load("tianji.routing.auto.lessons").Lessons(router, groups, self._counters)
        return lessons
