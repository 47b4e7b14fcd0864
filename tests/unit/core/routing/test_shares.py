"""Weights that are set while serving, and requests that belong to the same deployment."""

import math
import multiprocessing
import struct
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.routing.candidate import Candidate
from tianji._core.routing.dice import Dice
from tianji._core.routing.health import HealthTable
from tianji._core.routing.needs import Needs
from tianji._core.routing.selection import Selection

FORK = multiprocessing.get_context("fork")
NOW = 1000.0


def select(*weights: float, table: HealthTable | None = None, **fields: float) -> Selection:
    table = table or HealthTable()
    made = [Candidate(table.health(f"d{i}"), weight=weight, **fields) for i, weight in enumerate(weights)]
    return Selection("shuffle", Dice(3), made)


def served(selection: Selection, times: int = 4000, **needs: object) -> Counter[int]:
    found: Counter[int] = Counter()
    for _ in range(times):
        wanted = Needs(**needs)  # type: ignore[arg-type]
        found[selection.choose(wanted, NOW)] += 1
        wanted.release(NOW)
    return found


def test_a_weight_is_set_and_taken_back() -> None:
    selection = select(1, 1)
    canary = selection.healths[1]
    assert canary.weight is None
    canary.weight = 0.25
    assert canary.weight == 0.25
    assert served(selection)[1] == pytest.approx(800, abs=120)
    canary.weight = 0
    assert canary.weight == 0
    assert set(served(selection)) == {0}
    canary.weight = None
    assert canary.weight is None
    assert served(selection)[1] == pytest.approx(2000, abs=150)


def test_a_weight_of_nothing_serves_when_nobody_else_is_left() -> None:
    selection = select(1, 1)
    selection.healths[1].weight = 0
    selection.healths[0].cool(NOW + 10)
    assert set(served(selection, 10)) == {1}


def test_weights_of_a_request_come_first() -> None:
    selection = select(1, 1)
    selection.healths[1].weight = 1000
    assert set(served(selection, 100, weights=struct.pack("2d", 1, 0))) == {0}


@given(
    st.lists(st.sampled_from((0, 1, 2.5)), min_size=1, max_size=100), st.sets(st.integers(0, 99)), st.integers(0, 99)
)
def test_shares_of_many_are_those_of_each(weights: list[float], resting: set[int], seed: int) -> None:
    """However many are passed over at once: everybody who is left and weighs something is drawn, nobody else is."""
    table = HealthTable()
    made = [Candidate(table.health(f"d{i}"), weight=weight) for i, weight in enumerate(weights)]
    selection = Selection("shuffle", Dice(seed), made)
    for position in resting & set(range(len(weights))):
        selection.healths[position].cool(NOW + 60)
    left = {i: weight for i, weight in enumerate(weights) if i not in resting}
    if not any(left.values()):
        left = dict.fromkeys(left, 1)
    position, verdicts = selection.explain(Needs(), NOW)
    total = sum(left.values())
    assert [figure for reason, figure in verdicts if reason == "kept"] == pytest.approx(
        [weight / total for weight in left.values()]
    )
    assert left.get(position) or (position == -1 and not left)


def test_everybody_among_many_is_drawn() -> None:
    assert set(served(select(*[1] * 100), 4000)) == set(range(100))


def test_weights_of_whom_else_do_not_count_here() -> None:
    table = HealthTable()
    table.health("other").weight = 5
    shares = served(select(0, 0, table=table, rpm=10))
    assert shares[0] == pytest.approx(2000, abs=150)


@pytest.mark.parametrize("wrong", [-1, math.nan, math.inf])
def test_what_is_no_weight(wrong: float) -> None:
    health = HealthTable().health("a")
    with pytest.raises(ValueError, match="0 or more"):
        health.weight = wrong
    assert health.weight is None


def test_all_workers_use_a_weight_at_once() -> None:
    selection = select(1, 1)
    asked, told = FORK.Semaphore(0), FORK.SimpleQueue()

    def work() -> None:
        for _ in range(3):
            asked.acquire()
            told.put(dict(served(selection, 1000)))

    child = FORK.Process(target=work)
    child.start()
    try:
        found = []
        for weight in (0, 3, None):
            selection.healths[1].weight = weight
            asked.release()
            found.append(told.get()[0])
    finally:
        child.join()
    assert found[0] == 1000
    assert found[1] == pytest.approx(250, abs=70)
    assert found[2] == pytest.approx(500, abs=80)


def affine(selection: Selection, key: int) -> int:
    needs = Needs(affinity=key)
    position = selection.choose(needs, NOW)
    needs.release(NOW)
    return position


def test_the_same_key_is_served_by_the_same_one() -> None:
    selection = select(1, 1, 1, 1)
    for key in range(1, 200):
        assert len({affine(selection, key) for _ in range(5)}) == 1


def test_keys_spread_by_weight() -> None:
    found = Counter(affine(select(1, 2, 5), key) for key in range(1, 1601))
    assert [found[i] for i in range(3)] == pytest.approx([200, 400, 1000], abs=60)


@given(st.sets(st.integers(0, 7), max_size=7), st.integers(1, 2**64 - 1))
def test_only_keys_of_whom_rests_move(resting: set[int], key: int) -> None:
    selection = select(*[1 + i % 3 for i in range(8)])
    usual = affine(selection, key)
    for position in resting:
        selection.healths[position].cool(NOW + 60)
    now = affine(selection, key)
    assert now not in resting
    if usual not in resting:
        assert now == usual
    for position in resting:
        selection.healths[position].wake(NOW + 60)
    assert affine(selection, key) == usual, "and come back"


def test_machines_agree_whatever_the_order_of_their_deployments() -> None:
    table, other = HealthTable(), HealthTable()
    ids = [f"d{i}" for i in range(5)]
    one = Selection("latency", Dice(1), [Candidate(table.health(id_)) for id_ in ids])
    two = Selection("latency", Dice(2), [Candidate(other.health(id_)) for id_ in reversed(ids)])
    for key in range(1, 100):
        assert one.healths[affine(one, key)].id == two.healths[affine(two, key)].id


def test_a_pin_comes_first_and_tiers_are_kept() -> None:
    table = HealthTable()
    made = [Candidate(table.health(f"d{i}"), order=1 + i // 2) for i in range(4)]
    selection = Selection("shuffle", Dice(1), made)
    assert {affine(selection, key) for key in range(1, 50)} == {0, 1}
    needs = Needs(affinity=5, pin=table.health("d3"))
    assert selection.choose(needs, NOW) == 3


def test_what_was_passed_over_is_told() -> None:
    selection = select(1, 1)
    position, verdicts = selection.explain(Needs(affinity=9), NOW)
    assert verdicts[position] == ("kept", 0)
    assert verdicts[1 - position][0] == "affinity"


def timed(table: HealthTable, seconds: list[float], *, streamed: bool = False) -> None:
    selection = Selection("shuffle", Dice(1), [Candidate(table.health("a"), timed=True)])
    for each in seconds:
        needs = Needs(streamed=streamed)
        selection.choose(needs, NOW)
        needs.succeeded(NOW, 100.0 if streamed else each, each if streamed else -1, 10)


def test_answers_are_remembered_for_a_percentile() -> None:
    table = HealthTable()
    health = table.health("a")
    timed(table, [float(i) for i in range(1, 20)])
    assert health.answers_within(0.95, False, NOW) is None, "nineteen are too few"
    timed(table, [20.0])
    assert health.answers_within(0.95, False, NOW) == 19
    assert health.answers_within(0.5, False, NOW) == 10
    assert health.answers_within(1, False, NOW) == 20
    assert health.answers_within(0.95, True, NOW) is None
    timed(table, [0.5] * 20, streamed=True)
    assert health.answers_within(0.95, True, NOW) == 0.5
    assert health.answers_within(0.95, False, NOW + 3599) == 19
    assert health.answers_within(0.95, False, NOW + 3600) is None
    timed(table, [2.0] * 32)
    assert health.answers_within(1, False, NOW) == 2, "the last 32 count"
    for wrong in (0, -1, 1.01, math.nan):
        with pytest.raises(ValueError, match="percentile"):
            health.answers_within(wrong, False, NOW)


def test_answers_are_remembered_only_where_it_is_asked_for() -> None:
    table = HealthTable()
    selection = Selection("shuffle", Dice(1), [Candidate(table.health("a"))])
    for _ in range(30):
        needs = Needs()
        selection.choose(needs, NOW)
        needs.succeeded(NOW, 1.0)
    assert table.health("a").answers_within(0.5, False, NOW) is None
