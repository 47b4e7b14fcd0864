"""What adaptive routers have learnt: how often each model was good or bad at each kind of request.

It stands in memory that all workers share, and the database keeps it over restarts and machines: see
`gateway.upkeep.schooling`.
"""

import hashlib
from collections.abc import Mapping
from typing import Final, NamedTuple, get_args

from tianji._core.sharing.shm import SharedCounters
from tianji.config.schema.auto_router import Kind

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
REMEMBERED: Final = 24 * 3600  # seconds that it is known who gave an answer

Cell = tuple[str, str]
"""A kind of request and a model group."""


class Score(NamedTuple):
    """How often it was good, and how often bad."""

    good: int = 0
    bad: int = 0

    def __bool__(self) -> bool:
        return bool(self.good or self.bad)


class Lessons:
    """Those of one router: counted here since this memory began, and told by the database."""

    def __init__(self, router: str, groups: tuple[str, ...], counters: SharedCounters) -> None:
        self.router = router
        self.groups = groups
        self._counters = counters
        self._slots: dict[tuple[Cell, str], int] = {}

    def seen(self, kind: str, group: str) -> Score:
        """Return what is known of a model by now, of all machines that share the database."""
        cell = kind, group
        return Score(
            *(self._value(cell, f"{what} here") + self._value(cell, f"{what} there") for what in Score._fields)
        )

    def add(self, kind: str, group: str, good: int, bad: int) -> None:
        """Count what was found of an answer."""
        for what, much in zip(Score._fields, (good, bad), strict=True):
            if much:
                self._counters.add(self._slot((kind, group), f"{what} here"), much)

    def untold(self) -> dict[Cell, Score]:
        """Return what was counted here and the database does not know."""
        cells = ((kind, group) for kind in KINDS for group in self.groups)
        found = {cell: Score(*(self._value(cell, f"{what} here") for what in Score._fields)) for cell in cells}
        return {cell: score for cell, score in found.items() if score}

    def told(self, given: Mapping[Cell, Score], known: Mapping[Cell, Score]) -> None:
        """Take that the database now knows of what was `given` to it, and what it knows in all."""
        for cell, score in given.items():
            for what, much in zip(Score._fields, score, strict=True):
                self._counters.add(self._slot(cell, f"{what} here"), -much)
        for (kind, group), score in known.items():
            if kind in KINDS and group in self.groups:
                for what, much in zip(Score._fields, score, strict=True):
                    self._counters.set(self._slot((kind, group), f"{what} there"), much)

    def _value(self, cell: Cell, what: str) -> int:
        slot = self._slot(cell, what)
        return max(0, self._counters.value(slot)) if slot else 0  # 0 is of what there is no room for

    def _slot(self, cell: Cell, what: str) -> int:
        slot = self._slots.get((cell, what))
        if slot is None:
            name = "\0".join((self.router, *cell, what)).encode("utf-8", "surrogatepass")
            slot = self._counters.slot(hashlib.blake2b(name, digest_size=16).hexdigest())
            self._slots[cell, what] = slot
        return slot
