"""What workers know together about deployments: on simulated time, over processes, and when a worker is killed."""

import multiprocessing
import os
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.routing.health import FAILURE_KINDS, Health, HealthTable

FORK = multiprocessing.get_context("fork")


def in_child(work: Callable[[], None]) -> None:
    child = FORK.Process(target=work)
    child.start()
    child.join()
    assert child.exitcode == 0


def test_a_deployment_is_one_to_all_who_ask_for_it() -> None:
    table = HealthTable()
    health = table.health("a")
    assert health is table.health("a")
    assert health.id == "a"
    assert health.shared
    health.cool(10)
    Health(table, "b").cool(20)
    assert [table.health(name).cooled_for(5) for name in "abc"] == [5, 15, 0]


def test_a_rest_is_made_longer_and_never_shorter() -> None:
    health = HealthTable().health("a")
    health.cool(100)
    health.cool(40)
    assert health.cooled_for(30) == 70
    health.cool(130.5)
    assert health.cooled_for(30) == 100.5
    assert health.cooled_for(131) == 0


def test_a_rest_is_taken_back_unless_somebody_made_it_longer() -> None:
    health = HealthTable().health("a")
    health.cool(100)
    health.wake(100)
    assert health.cooled_for(1) == 0
    health.cool(100)
    health.cool(200)
    health.wake(100)
    assert health.cooled_for(1) == 199


def test_sickness_ends_with_time_or_with_a_success() -> None:
    health = HealthTable().health("a")
    health.mark_sick(600)
    assert health.sick_for(100) == 500
    health.note(100, failed=True)
    assert health.sick_for(100) == 500
    health.note(100, failed=False)
    assert health.sick_for(100) == 0
    health.mark_sick(700)
    assert health.sick_for(701) == 0


def test_outcomes_count_for_a_minute_from_the_first() -> None:
    health = HealthTable().health("a")
    assert health.outcomes(0) == (0, 0)
    health.note(30, failed=False)
    health.note(50, failed=True)
    health.note(89.9, failed=True)
    assert health.outcomes(89.9) == (1, 2)
    assert health.outcomes(90) == (0, 0)
    health.note(95, failed=True)
    assert health.outcomes(100) == (0, 1)


def test_more_outcomes_than_fit_keep_their_proportion() -> None:
    health = HealthTable().health("a")
    for _ in range(80_000):
        health.note(1, failed=False)
    for _ in range(100):
        health.note(1, failed=True)
    good, bad = health.outcomes(1)
    assert 32_000 < good < 65_536
    assert bad == 100


def test_failures_in_a_row_and_the_rate_of_failure() -> None:
    health = HealthTable().health("a")
    for number in range(1, 6):
        health.note(1, failed=True)
        assert health.failures_in_a_row == number
    assert health.failure_rate == pytest.approx(1 - (15 / 16) ** 5)
    health.note(1, failed=False)
    assert health.failures_in_a_row == 0
    assert health.failure_rate == pytest.approx((1 - (15 / 16) ** 5) * 15 / 16)
    for _ in range(200):
        health.note(1, failed=False)
    assert health.failure_rate == 0


def test_failures_of_a_kind_count_from_the_first_for_their_lifetime() -> None:
    health = HealthTable().health("a")
    assert [health.count_failure(2, now, 1.0) for now in (10.0, 10.5, 10.999, 11.0)] == [1, 2, 3, 1]
    assert health.count_failure(3, 11.0, 1.0) == 1
    assert [health.count_failure(4, now, 0.0) for now in (1.0, 1.0)] == [1, 1]
    for kind in (-1, FAILURE_KINDS):
        with pytest.raises(IndexError):
            health.count_failure(kind, 1.0, 1.0)


def test_what_is_beyond_the_capacity_is_known_to_its_process_only() -> None:
    table = HealthTable(3)
    healths = [table.health(name) for name in "abcd"]
    assert [health.shared for health in healths] == [True, True, False, False]
    healths[3].cool(9)
    assert [table.health(name).cooled_for(1) for name in "abcd"] == [0, 0, 0, 8]
    for capacity in (1, -1, 2**21):
        with pytest.raises(ValueError, match="capacity"):
            HealthTable(capacity)
    with pytest.raises(TypeError):
        table.health(None)  # type: ignore[arg-type]


def test_children_see_what_any_of_them_notes() -> None:
    table = HealthTable()

    def work() -> None:
        table.health("late").cool(50)
        for _ in range(3):
            table.health("early").note(5, failed=True)

    early = table.health("early")
    in_child(work)
    assert table.health("late").cooled_for(0) == 50
    assert early.outcomes(5) == (0, 3)
    assert early.failures_in_a_row == 3


def test_seats_go_round_however_many_children_come() -> None:
    table = HealthTable()
    for _ in range(150):
        in_child(lambda: table.health("a").note(1, failed=False))
    assert table.health("a").outcomes(1) == (150, 0)
    assert table.sweep() == 0


def test_a_child_has_a_handle_of_its_own() -> None:
    table = HealthTable()
    own = table.health("a")

    def work() -> None:
        assert table.health("a") is not own
        assert table.health("a") is table.health("a")
        os._exit(0 if table.sweep() == 0 else 1)

    in_child(work)
    assert table.health("a") is own


def test_one_process_leads_and_another_when_it_is_gone() -> None:
    table = HealthTable()
    asked, told = FORK.Semaphore(0), FORK.SimpleQueue()

    def work() -> None:
        for now in (100, 101, 102, 103.9, 104, 200):
            asked.acquire()
            told.put(table.lead(now))
        asked.acquire()

    child = FORK.Process(target=work)
    child.start()
    try:

        def child_leads() -> bool:
            asked.release()
            return bool(told.get())

        assert table.lead(100)
        assert not child_leads()
        assert table.lead(100.5)
        assert not child_leads()
        assert not child_leads()
        assert not child_leads()
        assert child_leads(), "who was silent for so long leads no more"
        assert not table.lead(104)
        assert child_leads()
    finally:
        child.kill()
        child.join()
    assert table.lead(200), "the dead do not lead"


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 7)), max_size=60))
def test_outcomes_follow_a_plain_model(steps: list[tuple[bool, float]]) -> None:
    health, now = HealthTable(4).health("a"), 0.0
    began, counts = 0, [0, 0]
    for failed, later in steps:
        now += later
        if sum(counts) == 0 or int(now) >= began + 60:
            began, counts = int(now), [0, 0]
        counts[failed] += 1
        health.note(now, failed=failed)
        assert health.outcomes(now) == tuple(counts)
