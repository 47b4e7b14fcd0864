"""Who waits for a slot, in which order they get one, and that nobody is forgotten."""

import math
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.depth import examples

from tianji.config.schema.router import RouterSettings
from tianji.errors import InvalidRequest
from tianji.routing.queue import MOST_REFUSALS, POLL_INTERVAL, Line, Patience, Ticket, patience_of

NOW = 100.0


class Slots:
    """An upstream with so many free slots, and what happened to those who wait for one."""

    def __init__(self, line: Line, free: int = 0) -> None:
        self.line = line
        self.free = free
        self.served: list[str] = []
        self.gone: dict[str, str] = {}
        self.asked: Counter[str] = Counter()

    def join(
        self, name: str, priority: int = 0, tenant: str = "t", now: float = NOW, deadline: float = math.inf
    ) -> Ticket | None:
        return self.line.join(priority, tenant, Request(self, name), now, deadline=deadline)

    def free_one(self, times: int = 1, now: float = NOW) -> list[str]:
        """Who got the slots."""
        before = len(self.served)
        for _ in range(times):
            self.free += 1
            self.line.released(now)
        return self.served[before:]


class Request:
    def __init__(self, slots: Slots, name: str, usable: Callable[[], bool] = lambda: True) -> None:
        self.slots = slots
        self.name = name
        self.usable = usable

    def wake(self, now: float) -> bool:
        assert self.name not in self.slots.served
        assert self.name not in self.slots.gone
        self.slots.asked[self.name] += 1
        if not self.slots.free or not self.usable():
            return False
        self.slots.free -= 1
        self.slots.served.append(self.name)
        return True

    def turned_away(self, reason: str, now: float) -> None:
        assert self.name not in self.slots.served
        assert self.name not in self.slots.gone
        self.slots.gone[self.name] = reason


@pytest.fixture
def slots() -> Slots:
    return Slots(Line(timeout=10, size=100))


def test_equals_go_in_the_order_they_came(slots: Slots) -> None:
    for name in "abcd":
        slots.join(name)
    assert slots.free_one(3) == ["a", "b", "c"]
    assert len(slots.line) == 1


def test_the_more_urgent_goes_first_though_it_came_later(slots: Slots) -> None:
    for name, priority in (("low", 3), ("middle", 2), ("high", 0)):
        slots.join(name, priority)
    assert slots.free_one(3) == ["high", "middle", "low"]


def test_level_0_goes_first_whenever_it_comes_within_its_share(slots: Slots) -> None:
    for number in range(20):
        slots.join(f"low {number}", 3)
    slots.free_one(5)
    slots.join("high", 0)
    assert slots.free_one() == ["high"]


def test_each_level_has_its_share_of_turns() -> None:
    slots = Slots(Line(timeout=10, size=100_000))
    for priority in range(4):
        for number in range(700):
            slots.join(f"{priority} {number}", priority)
    turns = Counter(name[0] for name in slots.free_one(700))
    shares = {str(priority): 1 / (1 + priority) ** 2 for priority in range(4)}
    for priority, share in shares.items():
        assert turns[priority] == pytest.approx(700 * share / sum(shares.values()), abs=2)


def test_a_level_saves_nothing_up_by_being_empty_and_is_not_punished_for_it(slots: Slots) -> None:
    for number in range(30):
        slots.join(f"a{number}", 0)
    slots.free_one(20)
    for number in range(10):
        slots.join(f"b{number}", 1)
    assert slots.free_one(10) == ["a20", "a21", "a22", "a23", "b0", "a24", "a25", "a26", "a27", "b1"]


def test_tenants_take_turns(slots: Slots) -> None:
    for name in ("a1", "a2", "a3", "b1", "c1", "b2"):
        slots.join(name, tenant=name[0])
    assert slots.free_one(6) == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_who_cannot_use_what_is_free_lets_other_tenants_pass(slots: Slots) -> None:
    slots.line.join(0, "a", Request(slots, "elsewhere", usable=lambda: False), NOW)
    slots.join("behind", tenant="a")
    slots.join("other", tenant="b", priority=1)
    assert slots.free_one() == ["other"]
    assert slots.free_one() == []
    assert len(slots.line) == 2


def test_only_so_many_are_asked_at_a_time(slots: Slots) -> None:
    for number in range(50):
        slots.join(f"{number}", tenant=f"{number}")
    slots.line.released(NOW)
    assert sum(slots.asked.values()) == MOST_REFUSALS


def test_one_release_fills_all_that_is_free(slots: Slots) -> None:
    for name in "abc":
        slots.join(name)
    slots.free = 2
    assert slots.line.released(NOW) == 2
    assert slots.served == ["a", "b"]


def test_a_slot_that_comes_back_while_it_is_offered_goes_to_the_next(slots: Slots) -> None:
    class Hasty(Request):
        def wake(self, now: float) -> bool:
            took = super().wake(now)
            if took:
                self.slots.free += 1
                assert self.slots.line.released(now) == 0
            return took

    slots.line.join(0, "t", Hasty(slots, "first"), NOW)
    slots.join("second")
    assert slots.free_one() == ["first", "second"]


def test_who_leaves_is_asked_no_more(slots: Slots) -> None:
    tickets = {name: slots.join(name) for name in "abc"}
    for name in "ab":
        ticket = tickets[name]
        assert ticket is not None
        slots.line.leave(ticket)
        slots.line.leave(ticket)
    assert len(slots.line) == 1
    assert slots.free_one(2) == ["c"]


def test_time_runs_out(slots: Slots) -> None:
    slots.join("hurried", deadline=NOW + 2)
    slots.join("patient")
    assert slots.line.next_deadline() == NOW + 2
    slots.line.poll(NOW + 1.9)
    assert not slots.gone
    slots.line.poll(NOW + 2)
    assert slots.gone == {"hurried": "timeout"}
    assert slots.line.next_deadline() == NOW + 10
    slots.line.poll(NOW + 10)
    assert slots.gone["patient"] == "timeout"
    assert slots.line.next_deadline() is None
    assert slots.line.next_poll() is None


def test_slots_of_other_workers_are_found(slots: Slots) -> None:
    slots.join("a")
    assert slots.line.next_poll() == NOW + POLL_INTERVAL
    slots.free = 1
    slots.line.poll(NOW + POLL_INTERVAL / 2)
    assert slots.served == []
    slots.line.poll(NOW + POLL_INTERVAL)
    assert slots.served == ["a"]


def test_a_full_line_takes_who_is_more_urgent() -> None:
    slots = Slots(Line(timeout=10, size=3))
    for name, priority in (("a", 1), ("b", 2), ("c", 2)):
        assert slots.join(name, priority) is not None
    assert slots.join("equal", 2) is None
    assert slots.join("less", 3) is None
    assert slots.join("more", 0) is not None
    assert slots.gone == {"c": "displaced"}
    assert slots.free_one(3) == ["more", "a", "b"]
    assert Slots(Line(timeout=1, size=0)).join("nobody") is None


def test_a_full_line_is_shared_by_tenants() -> None:
    slots = Slots(Line(timeout=10, size=3))
    for name in ("a1", "a2", "a3"):
        slots.join(name, tenant="a")
    assert slots.join("b1", tenant="b") is not None
    assert slots.gone == {"a3": "displaced"}
    assert slots.join("b2", tenant="b") is None, "two against one is as fair as one against two"
    assert slots.join("c1", tenant="c") is not None
    assert set(slots.gone) == {"a3", "a2"}


def test_many_who_left_take_no_room(slots: Slots) -> None:
    slots.join("stays")
    for number in range(1000):
        ticket = slots.join(f"{number}")
        assert ticket is not None
        slots.line.leave(ticket)
    assert len(slots.line._deadlines) < 50


@pytest.mark.parametrize(
    ("verdicts", "seconds", "worth"),
    [
        ([("parallel", 3)], 1, True),
        ([("parallel", 3)], 0, False),
        ([("requests", 7)], 5, True),
        ([("tokens", 7)], 4, False),
        ([("cooldown", 2.5)], 3, True),
        ([("cooldown", 3.5)], 3, False),
        ([("cooldown", 3.5), ("parallel", 1)], 3, True),
        ([("tags", 0), ("context", 0), ("sick", 0)], 3, False),
        ([], 3, False),
    ],
)
def test_what_is_worth_waiting_for(verdicts: list[tuple[str, float]], seconds: float, worth: bool) -> None:
    assert Patience(seconds=seconds).worth_it(verdicts, 4.5) is worth


def test_priorities_of_requests() -> None:
    patience = Patience(default_priority=2)
    assert [patience.priority(asked) for asked in (None, 0, 255)] == [2, 0, 255]
    for wrong in (-1, 256, 300, 1.5, "1", True, []):
        with pytest.raises(InvalidRequest, match="0 to 255"):
            patience.priority(wrong)


def test_settings() -> None:
    assert patience_of(RouterSettings()) == Patience(0, 1000, 0)
    assert patience_of(RouterSettings(queue_timeout=2.5, queue_size=7, default_priority=3)) == Patience(2.5, 7, 3)


class Waiting(RuleBasedStateMachine):
    """Requests come, go, time out and get slots in any order."""

    TIMEOUT, SIZE = 5.0, 12

    @initialize()
    def begin(self) -> None:
        self.now = NOW
        self.slots = Slots(Line(timeout=self.TIMEOUT, size=self.SIZE))
        self.number = 0
        self.waiting: dict[str, Ticket] = {}  # in the order they came
        self.turns: Counter[str] = Counter()  # of others, since each came

    def settle(self) -> None:
        """Forget those who went, and check the order in which the others were served."""
        for name in list(self.waiting):
            if name in self.slots.served or name in self.slots.gone:
                ticket = self.waiting.pop(name)
                assert not ticket.waiting
                if name in self.slots.gone and self.slots.gone[name] == "timeout":
                    assert self.now >= ticket.deadline

    @rule(priority=st.sampled_from([0, 1, 3]), tenant=st.sampled_from("ab"), seconds=st.sampled_from([1.0, math.inf]))
    def join(self, priority: int, tenant: str, seconds: float) -> None:
        self.number += 1
        name = f"{self.number}"
        full = len(self.slots.line) == self.SIZE
        ticket = self.slots.join(name, priority, tenant, self.now, self.now + seconds)
        assert ticket is not None or full
        if ticket is not None:
            self.waiting[name] = ticket
        self.settle()

    @rule()
    def free(self) -> None:
        before = list(self.waiting.items())
        got = self.slots.free_one(now=self.now)
        assert len(got) == min(1, len(before))
        self.slots.free = 0
        for name in got:
            served = self.waiting[name]
            for other, ticket in before:
                if other == name:
                    break
                assert (ticket.priority, ticket.tenant) != (served.priority, served.tenant), "first come, first served"
            for other, ticket in before:
                self.turns[other] += other != name
                level = sum((1 + ticket.priority) ** 2 / (1 + p) ** 2 + 1 for p in (0, 1, 3))
                assert self.turns[other] <= self.SIZE * level + 1, "nobody starves"
        self.settle()

    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        if self.waiting:
            name = data.draw(st.sampled_from(sorted(self.waiting)))
            self.slots.line.leave(self.waiting.pop(name))

    @rule(seconds=st.sampled_from([0.001, 0.5, 2.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.slots.line.poll(self.now)
        assert all(ticket.deadline > self.now for ticket in self.waiting.values() if ticket.waiting)
        self.settle()

    @invariant()
    def the_count_is_right(self) -> None:
        if hasattr(self, "slots"):
            assert len(self.slots.line) == len(self.waiting) <= self.SIZE
            assert all(ticket.waiting for ticket in self.waiting.values())
            due = self.slots.line.next_deadline()
            assert due == min((ticket.deadline for ticket in self.waiting.values()), default=None)


TestWaiting = Waiting.TestCase
TestWaiting.settings = settings(max_examples=examples(240), stateful_step_count=50, deadline=None)
