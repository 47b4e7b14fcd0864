"""What entries sum up to: one cell for all that are alike, integers throughout, so that sums are exact.

A failed attempt is a request's last one only if none follows, which nobody knows when it ends. So it counts as a failed
request at once where nothing is tried again, and else when none has followed for some seconds. One that follows later
all the same takes the place of the next failure that is alike: nothing ever counts down.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct

from tianji._core.journal.cells import TIMES, Form
from tianji._core.journal.sheet import Alike, Sheet
from tianji.ledger.entry import SUCCESS
from tianji.metrics.facts import OTHER, Facts, facts_of, reduced
from tianji.metrics.families import LATENCY, PER_TOKEN
from tianji.metrics.plan import Marks

HOLD: Final = 10_000_000  # microseconds until a failure counts that something might have followed
REMEMBERED: Final = 20_000  # failures
MOST_AGENTS: Final = 100  # client programs that are told apart: they call themselves what they like
GIVEN_UP: Final = "GivenUp"  # for another attempt of the same request that was quicker
FINAL: Final = frozenset({"400", "403", "404", "413", "422", "499"})  # after which nothing is tried again
_SECOND: Final = 1_000_000

Cell: TypeAlias = "array[int]"
"""Of the form that `tianji._core.journal.cells` describes."""
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
        self._marks = Marks()
        self._without: dict[str, Any] = {}
        self._groups: Mapping[str, str] = {}
        self._customers: set[str] = set()
        self._agents: set[str] = set()
        self._most_customers = most
        self._cells: dict[Facts, Cell] = {}
        self._failures: dict[str, Failure] = {}
        self._debts: dict[Facts, int] = {}
        self._seen: dict[Facts, float] = {}
        self.fallbacks: dict[tuple[Facts, str, bool], int] = {}
        self.left: dict[Facts, tuple[int, int]] = {}  # what the last answer said is left, the latest last
        self._form = _form(LATENCY)

    def adopt(
        self,
        *,
        latency: tuple[float, ...] = (),
        marks: Marks | None = None,
        without: Iterable[str] = (),
        groups: Mapping[str, str] | None = None,
        caches: bool = False,
        customers: int = 10_000,
    ) -> None:
        """Go by other settings from now on.

        latency: upper ends of buckets, seconds; with others than before, everything begins anew
        marks: labels that the configuration adds; without: facts that make no difference
        groups: model groups by the ids of their deployments; caches: whether there is a cache
        customers: how many are told apart
        """
        form = _form(latency or LATENCY)
        if self._form.bounds != form.bounds:
            self._form = form
            self._cells, self._seen, self._debts, self.left = {}, {}, {}, {}
        self._marks, self._caches, self._most_customers = marks or Marks(), caches, customers
        self._without = dict.fromkeys(without)
        self._groups = {} if groups is None else groups

    # -- taking in ----------------------------------------------------------------------------------------------

    def hear(self, sheet: Sheet) -> None:
        """Take in what is on a sheet."""
        left = self._form.take(
            sheet,
            self._found,
            self._judge,
            self._failures,
            sizes=self._marks.sizes,
            streams=self._marks.streams,
            caches=self._caches,
        )
        for facts, told in left.items():
            self.left.pop(facts, None)
            self.left[facts] = told

    def _found(self, alike: Alike, tokens: int, streamed: bool) -> tuple[Facts, Cell]:
        """Return the facts of the cell that entries which are alike go into, and the cell."""
        facts = facts_of(alike, self._marks.of(alike.account.shared.terms.tags, tokens, streamed))
        if self._without:
            facts = facts._replace(**self._without)
        if not _is_known(facts.end_user, self._customers, self._most_customers):
            facts = facts._replace(end_user=OTHER)
        if not _is_known(facts.agent, self._agents, MOST_AGENTS):
            facts = facts._replace(agent=OTHER)
        if facts not in self._cells and len(self._cells) >= self._most:
            facts = reduced(facts)
        self._seen[facts] = self._now()
        cell = self._cells.get(facts)
        if cell is None:
            cell = self._cells[facts] = self._form.empty()
        return facts, cell

    # -- requests -----------------------------------------------------------------------------------------------

    def _judge(self, request: str, ended_at: int, facts: Facts) -> None:
        """Count a request by the attempt that it ended with, and what stood in for what had failed.

        Of one that was answered, and of whose call no attempt had failed, nothing has to be known for that.
        """
        call, _, number = request.rpartition("-")
        attempt = int(number) if number.isdigit() else 0
        earlier = self._failures.get(call)
        if facts.error_class == GIVEN_UP or (earlier is not None and attempt < earlier.number):
            return
        if earlier is not None:
            del self._failures[call]
            if earlier.counted:
                self._debts[earlier.facts] = self._debts.get(earlier.facts, 0) + 1
            self._fall_back(earlier.first, facts)
        if facts.status == SUCCESS:
            self._count_one(facts)
        elif not facts.deployment_id or facts.error_code in FINAL:
            self._fail(facts)
        else:
            self._failures[call] = Failure(attempt, ended_at, facts, facts if earlier is None else earlier.first)
            if len(self._failures) > REMEMBERED:
                self._count(self._failures.pop(next(iter(self._failures))))

    def _fall_back(self, first: Facts, then: Facts) -> None:
        group = self._groups.get(then.deployment_id)
        if group is not None and group != self._groups.get(first.deployment_id, group):
            fallback = (first, group, then.status == SUCCESS)
            if fallback in self.fallbacks or len(self.fallbacks) < self._most:
                self.fallbacks[fallback] = self.fallbacks.get(fallback, 0) + 1

    def _fail(self, facts: Facts) -> None:
        owed = self._debts.pop(facts, 0)
        if owed > 1:
            self._debts[facts] = owed - 1
        elif not owed and facts in self._cells:
            self._count_one(facts)

    def _count_one(self, facts: Facts) -> None:
        self._cells[facts][self._form.place("requests").start] += 1

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
            self._debts.pop(facts, None)
            self.left.pop(facts, None)

    # -- giving out ---------------------------------------------------------------------------------------------

    def items(self) -> Iterable[tuple[Facts, Cell]]:
        """Return all cells with what is alike in them, the oldest first."""
        return self._cells.items()

    def bounds(self, name: str) -> tuple[int, ...]:
        """Return the upper ends of the buckets of a time, microseconds."""
        return self._form.bounds[TIMES.index(name)]

    def place(self, name: str) -> slice:
        """Return where a figure stands in a cell."""
        return self._form.place(name)

    def recent(self, seconds: float) -> Iterator[Facts]:
        """Yield the facts of entries that came of late."""
        since = self._now() - seconds
        return (facts for facts, at in self._seen.items() if at >= since)

    def kept(self) -> bytes:
        """Return all of it."""
        return msgspec.msgpack.encode(
            _Kept(
                self._form.bounds,
                [(facts, cell.tobytes()) for facts, cell in self._cells.items()],
                dict(islice(self._failures.items(), REMEMBERED)),
                list(self._debts.items()),
                [(*fallback, count) for fallback, count in self.fallbacks.items()],
            )
        )

    def recall(self, data: bytes) -> None:
        """Go on from what was kept. Raises msgspec.DecodeError for what is in another form."""
        kept = msgspec.msgpack.decode(data, type=_Kept)
        if kept.bounds != self._form.bounds or any(len(cell) != 8 * self._form.size for _, cell in kept.cells):
            return
        self._cells = {facts: array("q", cell) for facts, cell in kept.cells}
        self._seen = dict.fromkeys(self._cells, self._now())
        self._customers = {facts.end_user for facts in self._cells if facts.end_user is not None}
        self._agents = {facts.agent for facts in self._cells if facts.agent is not None}
        self._failures = kept.failures
        self._debts = dict(kept.debts)
        self.fallbacks = {(facts, group, well): count for facts, group, well, count in kept.fallbacks}


def _is_known(name: str | None, known: set[str], most: int) -> bool:
    """Whether a name is told apart from others: it is among the first `most`, or there is none."""
    if name is not None and name not in known:
        if len(known) >= most:
            return False
        known.add(name)
    return True


def _form(latency: tuple[float, ...]) -> Form:
    """Return the form of cells whose times have these buckets, in seconds, but for the one that is a token's."""
    return Form(tuple(_ends(PER_TOKEN if name == "per_token" else latency) for name in TIMES))


def _ends(seconds: Sequence[float]) -> tuple[int, ...]:
    return tuple(round(one * _SECOND) for one in seconds)
