"""What entries sum up to: one cell for all that are alike, integers throughout, so that sums are exact.

A failed attempt is a request's last one only if none follows, which nobody knows when it ends. So it counts as a failed
request at once where nothing is tried again, and else when none has followed for some seconds. One that follows later
all the same takes the place of the next failure that is alike: nothing ever counts down.
"""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, islice
from operator import attrgetter
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct

from tianji.ledger.entry import SUCCESS, Entry
from tianji.metrics.facts import OTHER, Facts, facts_of, reduced
from tianji.metrics.families import LATENCY, PER_TOKEN

SUMS: Final = (
    "requests", "served", "cost", "tokens", "prompt", "completion", "cached", "written", "reasoning", "audio_in",
    "audio_out", "images", "video", "unpriced", "hits", "misses", "hit_tokens",
)  # fmt: skip
TIMES: Final = ("total", "upstream", "first_token", "overhead", "waited", "per_token")
HOLD: Final = 10_000_000  # microseconds until a failure counts that something might have followed
REMEMBERED: Final = 20_000  # failures
GIVEN_UP: Final = "GivenUp"  # for another attempt of the same request that was quicker
FINAL: Final = frozenset({"400", "403", "404", "413", "422", "499"})  # after which nothing is tried again
_ITEMS: Final = {"input_audio": "audio_in", "output_audio": "audio_out", "output_pictures": "images",
                 "output_video_milliseconds": "video"}  # fmt: skip
_SECOND: Final = 1_000_000
_PLACE: Final = {name: place for place, name in enumerate(SUMS)}
_USED: Final = ("tokens", "prompt", "completion", "cached", "written", "reasoning")
_used: Final = attrgetter(
    "total_tokens", "prompt_tokens", "completion_tokens", "cached_tokens", "written_tokens", "reasoning_tokens"
)
_LARGEST: Final = 2**63 - 1

Cell: TypeAlias = "array[int]"
"""64-bit integers: SUMS, then for each of TIMES its buckets, the one above them, and the sum."""
Fallback = tuple[Facts, str]
"""Of the attempt that failed first, and the group that stood in."""


class Failure(Struct, array_like=True):
    """An attempt that failed. `at`: when, microseconds since 1970; `first`: what failed first; `counted`: as final."""

    number: int
    at: int
    facts: Facts
    first: Facts
    counted: bool = False


class _Kept(Struct):
    bounds: tuple[tuple[int, ...], ...]
    cells: list[tuple[Facts, bytes]]
    failures: dict[str, Failure]
    debts: list[tuple[Facts, int]]
    fallbacks: list[tuple[Facts, str, bool, int]]


class Cells:
    """The cells. `most`: how many there are at most, but for those that say nothing of whom they are for."""

    def __init__(self, now: Callable[[], float], *, most: int = 10_000) -> None:
        """`now` gives seconds since 1970."""
        self._now = now
        self._most = most
        self._caches = False
        self._marks: Callable[[Entry], tuple[str, ...]] = lambda _entry: ()
        self._without: dict[str, Any] = {}
        self._groups: Mapping[str, str] = {}
        self._customers: set[str] = set()
        self._most_customers = most
        self._cells: dict[Facts, Cell] = {}
        self._failures: dict[str, Failure] = {}
        self._debts: dict[Facts, int] = {}
        self._seen: dict[Facts, float] = {}
        self.fallbacks: dict[tuple[Facts, str, bool], int] = {}
        self.left: dict[Facts, tuple[int, int]] = {}  # what the last answer said is left, the latest last
        self._lay_out(LATENCY)

    def adopt(
        self,
        *,
        latency: tuple[float, ...] = (),
        marks: Callable[[Entry], tuple[str, ...]] = lambda _entry: (),
        without: Iterable[str] = (),
        groups: Mapping[str, str] | None = None,
        caches: bool = False,
        customers: int = 10_000,
    ) -> None:
        """Go by other settings from now on.

        latency: upper ends of buckets, seconds; with others than before, everything begins anew
        marks: makes the values of labels that the configuration adds; without: facts that make no difference
        groups: model groups by the ids of their deployments; caches: whether there is a cache
        customers: how many are told apart
        """
        if self._bounds[0] != _ends(latency or LATENCY):
            self._cells = {}
            self._lay_out(latency or LATENCY)
        self._marks, self._caches, self._most_customers = marks, caches, customers
        self._without = dict.fromkeys(without)
        self._groups = {} if groups is None else groups

    def _lay_out(self, latency: tuple[float, ...]) -> None:
        ends = [PER_TOKEN if name == "per_token" else latency for name in TIMES]
        self._bounds = tuple(map(_ends, ends))
        sizes = [len(one) + 2 for one in self._bounds]
        self._starts = [len(SUMS), *accumulate(sizes, initial=len(SUMS))][1:]
        self._empty = array("q", bytes(8 * self._starts[-1]))

    # -- taking in ----------------------------------------------------------------------------------------------

    def hear(self, entries: Sequence[Entry]) -> None:
        """Take in entries."""
        now = self._now()
        for entry in entries:
            facts = self._place(Facts._make((*facts_of(entry), self._marks(entry))))
            cell = self._cells[facts]
            self._seen[facts] = now
            if entry.remaining is not None:
                self.left.pop(facts, None)
                self.left[facts] = entry.remaining
            self._sum_up(entry, cell)
            if entry.status == SUCCESS:
                self._time(entry, cell)
            self._judge(entry, facts)

    def _place(self, facts: Facts) -> Facts:
        """Return the facts of the cell that entries with these go into; it is there then."""
        if self._without:
            facts = facts._replace(**self._without)
        if facts.end_user is not None and facts.end_user not in self._customers:
            if len(self._customers) < self._most_customers:
                self._customers.add(facts.end_user)
            else:
                facts = facts._replace(end_user=OTHER)
        if facts not in self._cells:
            if len(self._cells) >= self._most:
                facts = reduced(facts)
            self._cells.setdefault(facts, array("q", self._empty))
        return facts

    def _sum_up(self, entry: Entry, cell: Cell) -> None:
        _add(cell, "cost", entry.cost)
        if entry.cache_hit:
            _add(cell, "hits", 1)
            _add(cell, "hit_tokens", entry.total_tokens)
            return
        for name, amount in zip(_USED, _used(entry), strict=True):
            if amount:
                _add(cell, name, amount)
        for kind, quantity, _ in entry.items:
            if kind in _ITEMS:
                _add(cell, _ITEMS[kind], quantity)
        if entry.deployment_id:
            _add(cell, "served", 1)
        if entry.status == SUCCESS:
            _add(cell, "unpriced", int(not entry.items and entry.total_tokens > 0))
            _add(cell, "misses", int(self._caches))

    def _time(self, entry: Entry, cell: Cell) -> None:
        took = max(0, entry.ended_at - entry.started_at)
        self._observe(cell, 0, took + entry.waited)
        if not entry.deployment_id:
            return
        self._observe(cell, 4, entry.waited)
        if entry.upstream:
            self._observe(cell, 1, entry.upstream)
            self._observe(cell, 3, max(0, took - entry.upstream))
        if entry.stream and entry.answered_at is not None:
            self._observe(cell, 2, max(0, entry.answered_at - entry.started_at))
        if entry.completion_tokens:
            self._observe(cell, 5, took // entry.completion_tokens)

    def _observe(self, cell: Cell, which: int, microseconds: int) -> None:
        start = self._starts[which]
        cell[start + bisect_left(self._bounds[which], microseconds)] += 1
        last = self._starts[which + 1] - 1
        cell[last] = min(cell[last] + microseconds, _LARGEST)

    # -- requests -----------------------------------------------------------------------------------------------

    def _judge(self, entry: Entry, facts: Facts) -> None:
        """Count requests by the attempts that they ended with, and what stood in for what had failed."""
        call, _, number = entry.request_id.rpartition("-")
        attempt = int(number) if number.isdigit() else 0
        earlier = self._failures.get(call) if self._failures else None
        if entry.error_class == GIVEN_UP or (earlier is not None and attempt < earlier.number):
            return
        if earlier is not None:
            del self._failures[call]
            if earlier.counted:
                self._debts[earlier.facts] = self._debts.get(earlier.facts, 0) + 1
            self._fall_back(earlier.first, facts)
        if entry.status == SUCCESS:
            _add(self._cells[facts], "requests", 1)
        elif not entry.deployment_id or entry.error_code in FINAL:
            self._fail(facts)
        else:
            self._failures[call] = Failure(attempt, entry.ended_at, facts, facts if earlier is None else earlier.first)
            if len(self._failures) > REMEMBERED:
                self._count(self._failures.pop(next(iter(self._failures))))

    def _fall_back(self, first: Facts, then: Facts) -> None:
        group = self._groups.get(then.deployment_id)
        if group is not None and group != self._groups.get(first.deployment_id, group):
            fallback = (first, group, then.status == SUCCESS)
            if fallback in self.fallbacks or len(self.fallbacks) < self._most:
                self.fallbacks[fallback] = self.fallbacks.get(fallback, 0) + 1

    def _fail(self, facts: Facts) -> None:
        owed = self._debts.get(facts, 0)
        if owed:
            self._debts[facts] = owed - 1
        elif facts in self._cells:
            _add(self._cells[facts], "requests", 1)

    def _count(self, failure: Failure) -> None:
        if not failure.counted:
            failure.counted = True
            self._fail(failure.facts)

    def settle(self) -> None:
        """Count the failures that nothing has followed."""
        before = self._now() * _SECOND - HOLD
        for failure in self._failures.values():
            if failure.at <= before:
                self._count(failure)

    def expire(self, seconds: float) -> None:
        """Forget the cells that nothing came into for so long."""
        before = self._now() - seconds
        for facts in [facts for facts, at in self._seen.items() if at < before]:
            del self._seen[facts]
            self._cells.pop(facts, None)
            self.left.pop(facts, None)

    # -- giving out ---------------------------------------------------------------------------------------------

    def items(self) -> Iterable[tuple[Facts, Cell]]:
        """Return all cells with what is alike in them, the oldest first."""
        return self._cells.items()

    def bounds(self, name: str) -> tuple[int, ...]:
        """Return the upper ends of the buckets of a time, microseconds."""
        return self._bounds[TIMES.index(name)]

    def place(self, name: str) -> slice:
        """Return where a figure stands in a cell."""
        if name in _PLACE:
            return slice(_PLACE[name], _PLACE[name] + 1)
        which = TIMES.index(name)
        return slice(self._starts[which], self._starts[which + 1])

    def recent(self, seconds: float) -> Iterator[Facts]:
        """Yield the facts of entries that came of late."""
        since = self._now() - seconds
        return (facts for facts, at in self._seen.items() if at >= since)

    def kept(self) -> bytes:
        """Return all of it."""
        return msgspec.msgpack.encode(
            _Kept(
                self._bounds,
                [(facts, cell.tobytes()) for facts, cell in self._cells.items()],
                dict(islice(self._failures.items(), REMEMBERED)),
                list(self._debts.items()),
                [(*fallback, count) for fallback, count in self.fallbacks.items()],
            )
        )

    def recall(self, data: bytes) -> None:
        """Go on from what was kept. Raises msgspec.DecodeError for what is in another form."""
        kept = msgspec.msgpack.decode(data, type=_Kept)
        if kept.bounds != self._bounds or any(len(cell) != 8 * len(self._empty) for _, cell in kept.cells):
            return
        self._cells = {facts: array("q", cell) for facts, cell in kept.cells}
        self._seen = dict.fromkeys(self._cells, self._now())
        self._customers = {facts.end_user for facts in self._cells if facts.end_user is not None}
        self._failures = kept.failures
        self._debts = dict(kept.debts)
        self.fallbacks = {(facts, group, well): count for facts, group, well, count in kept.fallbacks}


def _add(cell: Cell, name: str, amount: int) -> None:
    place = _PLACE[name]
    cell[place] = min(cell[place] + amount, _LARGEST)


def _ends(seconds: Sequence[float]) -> tuple[int, ...]:
    return tuple(round(one * _SECOND) for one in seconds)
