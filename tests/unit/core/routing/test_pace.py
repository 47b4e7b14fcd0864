"""How many requests at a time an upstream takes is learnt from its answers, by all workers together."""

import heapq
import multiprocessing
from collections.abc import Callable

import pytest

from tianji._core.routing.candidate import Candidate
from tianji._core.routing.dice import Dice
from tianji._core.routing.health import HealthTable
from tianji._core.routing.needs import Needs
from tianji._core.routing.selection import Selection

FORK = multiprocessing.get_context("fork")
FIRST = 32  # before anything is known


class Upstream:
    """Takes `capacity` requests at a time, and refuses the others or lets them share what it has."""

    def __init__(self, capacity: int, *, refuses: bool, seconds: float = 1.0) -> None:
        self.capacity = capacity
        self.refuses = refuses
        self.seconds = seconds
        self.load = self.most = 0

    def takes(self, dice: Dice) -> float | None:
        """How long it answers; None: it refuses."""
        if self.refuses and self.load >= self.capacity:
            return None
        self.load += 1
        self.most = max(self.most, self.load)
        crowd = 1.0 if self.refuses else max(1.0, self.load / self.capacity)
        return self.seconds * crowd * (0.7 + 0.6 * dice.unit())


class Load:
    """As many requests as there are slots, on simulated time."""

    def __init__(self, upstream: Upstream, **limits: int) -> None:
        self.table = HealthTable(4)
        candidate = Candidate(self.table.health("a"), adaptive=True, **limits)
        self.selection = Selection("shuffle", Dice(1), [candidate])
        self.upstream = upstream
        self.dice = Dice(7)
        self.now = 1000.0
        self.running: list[tuple[float, int, float, Needs]] = []
        self.count = self.refused = 0

    def run(self, seconds: float, demand: int = 10_000) -> None:
        """Let time pass; at most `demand` requests are under way."""
        ends = self.now + seconds
        while self.now < ends:
            while len(self.running) < demand:
                needs = Needs()
                if self.selection.choose(needs, self.now) < 0:
                    break
                self.count += 1
                taken = self.upstream.takes(self.dice)
                if taken is None:
                    self.refused += 1
                    needs.failed(self.now + 0.02, overload=True)
                    break
                heapq.heappush(self.running, (self.now + taken, self.count, taken, needs))
            self.now, _, taken, needs = heapq.heappop(self.running)
            self.upstream.load -= 1
            needs.succeeded(self.now, taken)

    @property
    def pace(self) -> float:
        return self.table.health("a").pace

    def paces(self, seconds: float, steps: int = 100) -> list[float]:
        found = []
        for _ in range(steps):
            self.run(seconds / steps)
            found.append(self.pace)
        return found


def test_it_comes_near_to_what_an_upstream_takes_before_it_refuses() -> None:
    load = Load(Upstream(20, refuses=True))
    load.run(30)
    load.count = load.refused = 0
    seen = load.paces(60)
    assert min(seen) >= 14
    assert max(seen) <= 22
    assert 16 <= sum(seen) / len(seen) <= 21
    assert load.refused < load.count * 0.03


def test_it_follows_an_upstream_down_and_up_again() -> None:
    upstream = Upstream(20, refuses=True)
    load = Load(upstream)
    load.run(30)
    upstream.capacity = 5
    load.run(30)
    seen = load.paces(30)
    assert max(seen) <= 7
    assert min(seen) >= 3
    upstream.capacity = 40
    load.run(80)
    seen = load.paces(60)
    assert 30 <= sum(seen) / len(seen) <= 42


def test_it_grows_fast_until_it_meets_the_first_refusal() -> None:
    load = Load(Upstream(500, refuses=True))
    load.run(8)
    assert 300 <= load.pace <= 501


def test_an_upstream_that_queues_is_not_filled_without_end() -> None:
    load = Load(Upstream(20, refuses=False))
    load.run(20)
    seen = load.paces(200)
    assert min(seen[50:]) >= 20
    assert max(seen[50:]) <= 80


def test_slowness_for_other_reasons_leaves_a_few() -> None:
    upstream = Upstream(10_000, refuses=False)
    load = Load(upstream)
    load.run(20, demand=30)
    assert load.pace >= 30
    upstream.seconds = 100.0
    load.run(5000, demand=30)
    assert 8 <= load.pace < 30
    upstream.seconds = 1.0
    load.run(200, demand=30)
    assert load.pace >= 20


def test_it_is_never_below_one() -> None:
    load = Load(Upstream(0, refuses=True))
    for step in range(200):
        needs = Needs()
        assert load.selection.choose(needs, 1000.0 + step) == 0
        needs.failed(1000.5 + step, overload=True)
    assert load.pace == 1
    assert load.selection.choose(Needs(), 2000.0) == 0


def test_a_configured_limit_is_the_most() -> None:
    load = Load(Upstream(100, refuses=True), parallel=8)
    load.run(20)
    assert load.upstream.most == 8
    held = [Needs() for _ in range(9)]
    fresh = Load(Upstream(100, refuses=True), parallel=8)
    assert [fresh.selection.choose(needs, 1000.0) for needs in held] == [0] * 8 + [-1]
    assert fresh.selection.verdicts(1000.0) == [("parallel", 8)]


def test_what_is_not_at_work_does_not_grow() -> None:
    load = Load(Upstream(1000, refuses=True))
    load.run(60, demand=10)
    assert load.pace == FIRST


def test_one_burst_of_refusals_counts_once() -> None:
    load = Load(Upstream(0, refuses=True))
    held = [Needs() for _ in range(FIRST)]
    for needs in held:
        assert load.selection.choose(needs, 1000.0) == 0
    for needs in held:
        needs.failed(1000.1, overload=True)
    assert load.pace == pytest.approx(FIRST * 0.8)


@pytest.mark.parametrize(("how", "cut"), [({"overload": True}, True), ({"penalty": True}, True), ({}, False)])
def test_which_failures_are_signs_of_load(how: dict[str, bool], cut: bool) -> None:
    load = Load(Upstream(0, refuses=True))
    needs = Needs()
    load.selection.choose(needs, 1000.0)
    needs.failed(1000.1, **how)
    assert (load.pace < FIRST) is cut


def test_only_where_it_is_asked_for() -> None:
    table = HealthTable(4)
    selection = Selection("shuffle", Dice(1), [Candidate(table.health("a"))])
    needs = Needs()
    selection.choose(needs, 1000.0)
    needs.failed(1001.0, overload=True)
    assert table.health("a").pace == FIRST
    assert [selection.choose(Needs(), 1000.0) for _ in range(100)] == [0] * 100


def in_child(work: Callable[[], None]) -> None:
    child = FORK.Process(target=work)
    child.start()
    child.join()
    assert child.exitcode == 0


def test_all_workers_learn_together() -> None:
    load = Load(Upstream(0, refuses=True))

    def work() -> None:
        needs = Needs()
        load.selection.choose(needs, 1000.0)
        needs.failed(1000.1, overload=True)

    in_child(work)
    assert load.pace < FIRST
