"""Limits hold over processes, and a killed worker's part comes back."""

import itertools
import os
from collections.abc import Callable
from multiprocessing.synchronize import Barrier, Event

import pytest
from tests.unit.core.processes import FORK, together

from tianji._core.limits.admission import Admission
from tianji._core.limits.limiter import Limit, LimitSet, LimitTable
from tianji._core.sharing.shm import SharedCounters

NOW = 1000.0
REQUESTS, TOKENS, PARALLEL = 0, 1, 4
CENT = 10_000_000


@pytest.mark.parametrize(
    ("limits", "tokens"), [({"requests": 100}, 0), ({"tokens": 700}, 7), ({"requests": 100, "tokens": 700}, 7)]
)
def test_exactly_the_limit_goes_through(limits: dict[str, int], tokens: int) -> None:
    table, counters = LimitTable(1024), SharedCounters(64)
    served = [counters.slot(f"served {number}") for number in range(40)]

    def work(_: int) -> None:
        for number in range(40):
            asked = LimitSet((Limit(table, f"key:{number}", **limits),))
            for _ in range(150):
                admission = Admission(asked, tokens)
                if admission.admit(NOW):
                    counters.add(served[number], 1)
                    admission.settle(NOW, tokens, 0, 0)

    together(4, work)
    assert [counters.value(slot) for slot in served] == [100] * 40
    assert table.refused == 0


@pytest.mark.parametrize("limits", [{"requests": 300_000}, {"tokens": 300_000}, {"budget": 300_000}])
def test_exactly_the_limit_goes_through_in_the_thick_of_it(limits: dict[str, int]) -> None:
    """Long enough that processes overlap on a busy machine, and with nothing in between."""
    table, counters = LimitTable(16), SharedCounters(64)
    served = counters.slot("served")
    Limit(table, "key:a", budget=1).restore(0, None, NOW)

    def work(_: int) -> None:
        asked, count = LimitSet((Limit(table, "key:a", **limits),)), 0
        for _ in range(250_000):
            admission = Admission(asked, 1, 0, 1)
            if admission.admit(NOW):
                count += 1
                admission.settle(NOW, 1, 0, 1)
        counters.add(served, count)

    together(3, work)
    assert counters.value(served) == 300_000
    if "budget" in limits:
        assert Limit(table, "key:a", budget=1).money(NOW) == (300_000, 0, None)


def test_no_sixty_seconds_hold_more_than_the_limit_whoever_asks() -> None:
    """Each simulated second begins when all processes are through with the one before."""
    table, counters = LimitTable(16), SharedCounters(1024)
    seconds = range(200)
    passed = [counters.slot(f"second {second}") for second in seconds]
    tick = FORK.Barrier(4)

    def work(_: int) -> None:
        asked = LimitSet((Limit(table, "key:a", tokens=50),))
        for second in seconds:
            tick.wait()
            for tenth in range(10):
                admission = Admission(asked, 3)  # more than is used: the rest is given back while others take
                if admission.admit(second + tenth / 10):
                    counters.add(passed[second], 1)
                    admission.settle(second + tenth / 10, 1, 0, 0)

    together(4, work)
    each = [counters.value(slot) for slot in passed]
    assert max(sum(each[start : start + 60]) for start in seconds) <= 50
    assert sum(each) >= 3 * 48, "and the limit is used, but for what two tokens beside a reservation leave"


def test_requests_at_a_time_are_never_more_than_the_limit() -> None:
    table, counters = LimitTable(16), SharedCounters(64)
    own, high = counters.slot("under way"), counters.slot("most")  # counted apart from what is tested

    def work(_: int) -> None:
        asked, held = LimitSet((Limit(table, "key:a", parallel=3),)), []
        for step in range(20_000):
            admission = Admission(asked)
            if admission.admit(NOW):
                counters.add(own, 1)
                counters.maximum(high, counters.value(own))
                held.append(admission)
            if held and step % 2:
                counters.add(own, -1)
                held.pop(0).release(NOW)
        counters.add(own, -len(held))

    together(4, work)
    assert (counters.value(high), counters.value(own)) == (3, 0)
    assert Limit(table, "key:a").used(PARALLEL, NOW) == 0


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("estimates", [(CENT // 3 + 1,), (7, CENT // 2 + 1, CENT * 3)])
def test_a_thousand_requests_against_one_cent(whole: bool, estimates: tuple[int, ...]) -> None:
    """All are under way at once, and each costs as much as it may."""
    table, counters = LimitTable(16), SharedCounters(64)
    budget = 500 * CENT
    Limit(table, "key:a", budget=budget).restore(budget - CENT, None, NOW)
    rejected, all_asked = counters.slot("rejected"), FORK.Barrier(4)

    def work(number: int) -> None:
        asked = LimitSet((Limit(table, "key:a", budget=budget, whole=whole),))
        held = []
        for step in range(250):
            estimate = estimates[(step + number) % len(estimates)]
            admission = Admission(asked, nano=estimate)
            if admission.admit(NOW):
                held.append((admission, estimate))
            else:
                counters.add(rejected, 1)
        all_asked.wait()
        for admission, estimate in held:
            admission.settle(NOW, 0, 0, estimate)

    together(4, work)
    money = Limit(table, "key:a", budget=budget).money(NOW)
    assert money is not None
    spent, reserved, _ = money
    assert reserved == 0
    assert spent - budget <= (0 if whole else max(estimates))
    assert counters.value(rejected) > 0
    assert dict(table.take_unsaved())["key:a"] == spent - (budget - CENT)


def test_a_period_begins_anew_once_however_many_notice_its_end() -> None:
    for _ in range(20):
        table = LimitTable(16)
        Limit(table, "key:a", budget=CENT).restore(CENT, NOW, 0)
        noticed = FORK.Barrier(4)

        def renew(_: float, __: float, noticed: Barrier = noticed) -> tuple[float, float]:
            noticed.wait()
            return NOW, NOW + 60

        def work(_: int, table: LimitTable = table, renew: Callable[..., tuple[float, float]] = renew) -> None:
            asked = LimitSet((Limit(table, "key:a", budget=CENT, renew=renew),))
            for _ in range(50):
                admission = Admission(asked, nano=3)
                assert admission.admit(NOW)
                admission.settle(NOW, 0, 0, 2)

        together(4, work)
        assert Limit(table, "key:a").money(NOW) == (400, 0, NOW + 60)


def test_a_row_is_made_once_however_many_ask_for_it_at_the_same_time() -> None:
    table, counters = LimitTable(1 << 17), SharedCounters(64)  # so that no set of places is full by chance
    served = counters.slot("served")

    def work(_: int) -> None:
        count = 0
        for number in range(20_000):
            admission = Admission(LimitSet((Limit(table, f"key:{number}", requests=1),)))
            if admission.admit(NOW):
                count += 1
                admission.settle(NOW, 0, 0, 0)
        counters.add(served, count)

    together(4, work)
    assert (counters.value(served), table.refused) == (20_000, 0)


def test_rows_are_made_once_and_give_way_without_losing_a_count() -> None:
    """More names than places, each used by all at the same simulated time."""
    table, counters = LimitTable(64), SharedCounters(1024)
    names = [f"key:{number}" for number in range(400)]
    served = [counters.slot(name) for name in names]
    turn = FORK.Barrier(4)

    def work(_: int) -> None:
        for at, name in enumerate(names):
            if at % 10 == 0:
                turn.wait()
            asked, now = LimitSet((Limit(table, name, requests=5),)), NOW + at // 10 * 130
            for _ in range(5):
                admission = Admission(asked)
                if admission.admit(now):
                    counters.add(served[at], 1)
                    admission.settle(now, 0, 0, 0)

    together(4, work)
    assert [counters.value(slot) for slot in served] == [5] * 400
    assert table.moved > 300
    assert table.refused == 0


def test_a_killed_worker_holds_nothing() -> None:
    table, ready = LimitTable(16), FORK.Event()
    limit = Limit(table, "key:a", parallel=20, budget=CENT)
    limit.restore(100, None, NOW)
    asked = LimitSet((limit,))
    mine = Admission(asked, nano=11)
    assert mine.admit(NOW)

    def work() -> None:
        own = LimitSet((Limit(table, "key:a", parallel=20, budget=CENT),))
        held = [Admission(own, nano=1000) for _ in range(7)]
        assert all(admission.admit(NOW) for admission in held)
        ready.set()
        FORK.Event().wait()

    child = FORK.Process(target=work)
    child.start()
    try:
        assert ready.wait(60)
        assert (limit.used(PARALLEL, NOW), limit.money(NOW)) == (8, (100, 7011, None))
        assert table.sweep() == 0, "it lives"
    finally:
        child.kill()
        child.join()
    assert limit.used(PARALLEL, NOW) == 8
    assert table.sweep() == 7
    assert (limit.used(PARALLEL, NOW), limit.money(NOW)) == (1, (100, 11, None))
    assert table.sweep() == 0
    mine.settle(NOW, 0, 0, 5)
    assert (limit.used(PARALLEL, NOW), limit.money(NOW)) == (0, (105, 0, None))


def test_a_new_worker_sweeps_before_it_sits_down() -> None:
    table = LimitTable(16)
    limit = Limit(table, "key:a", budget=CENT)
    limit.restore(0, None, NOW)

    def leave_behind() -> None:
        admission = Admission(LimitSet((Limit(table, "key:a", budget=CENT),)), nano=9)
        assert admission.admit(NOW)
        os._exit(0)

    together(1, lambda _: leave_behind())
    assert (limit.used(PARALLEL, NOW), limit.money(NOW)) == (1, (0, 9, None))
    together(1, lambda _: Limit(table, "key:b") and None)
    assert (limit.used(PARALLEL, NOW), limit.money(NOW)) == (0, (0, 0, None))


def test_workers_killed_anywhere_leave_limits_whole() -> None:
    """Killed in the thick of it; what they leave is mended, and no lock stays shut."""
    table = LimitTable(16)
    Limit(table, "key:a", budget=10**15).restore(0, None, NOW)
    running = FORK.Semaphore(0)

    def work() -> None:
        asked = LimitSet((Limit(table, "key:a", requests=10**9, tokens=10**11, budget=10**15),))
        while True:
            for _ in range(1000):
                admission = Admission(asked, 3, 4, 1000)
                assert admission.admit(NOW)
                admission.settle(NOW, 1, 1, 10)
            running.release()

    for _ in range(10):
        children = [FORK.Process(target=work) for _ in range(3)]
        for child in children:
            child.start()
        try:
            assert all(running.acquire(timeout=60) for _ in children)
        finally:
            for child in children:
                child.kill()
                child.join()
        table.sweep()
    limit = Limit(table, "key:a", requests=10**9, budget=10**15)
    money = limit.money(NOW)
    assert money is not None
    assert money[1] == 0
    assert money[0] >= 10 * 3 * 10_000
    assert limit.used(REQUESTS, NOW) >= 10 * 3 * 1000
    assert limit.used(PARALLEL, NOW) == 0


def test_a_worker_killed_while_it_makes_rows_locks_nobody_out() -> None:
    table = LimitTable(16)
    for round_number in range(30):
        busy = FORK.Event()

        def work(start: float = 1e10 * round_number + NOW, busy: Event = busy) -> None:
            for number in itertools.count():
                moment = start + number * 130.0  # all rows are old enough to give way
                admission = Admission(LimitSet((Limit(table, f"{start}:{number}", requests=1),)))
                assert admission.admit(moment)
                admission.settle(moment, 0, 0, 0)
                if number == 100:
                    busy.set()

        child = FORK.Process(target=work)
        child.start()
        try:
            assert busy.wait(60)
        finally:
            child.kill()
            child.join()
        table.sweep()
        limit, much_later = Limit(table, f"key:{round_number}", requests=1), 1e10 * (round_number + 1)
        for expected in (True, False):
            admission = Admission(LimitSet((limit,)))
            assert admission.admit(much_later) == expected
            admission.settle(much_later, 0, 0, 0)
        assert table.refused == 0
