"""A choice: who is left, who of them is drawn, and what it takes. Times are simulated, chance is seeded."""

import array
import tracemalloc
from collections import Counter
from collections.abc import Callable
from itertools import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.routing.candidate import Candidate
from tianji._core.routing.dice import Dice
from tianji._core.routing.health import Health, HealthTable
from tianji._core.routing.needs import Needs
from tianji._core.routing.selection import FIRST_OPERATION_BIT, REASONS, STRATEGIES, Selection

NOW = 1000.0


def select(strategy: str, *candidates: dict[str, object], seed: int = 7, **settings: object) -> Selection:
    table = HealthTable(64)
    made = [Candidate(table.health(f"d{i}"), **fields) for i, fields in enumerate(candidates)]
    return Selection(strategy, Dice(seed), made, **settings)


def reasons(selection: Selection, needs: Needs | None = None, now: float = NOW) -> list[str]:
    return [reason for reason, _ in selection.explain(needs or Needs(), now)[1]]


def draw(selection: Selection, count: int, now: float = NOW, **asked: object) -> Counter[int]:
    """Choose `count` times, giving each slot back at once."""
    return Counter(selection.choose(Needs(**asked), now) for _ in range(count))


def answer(selection: Selection, position: int, *, now: float = NOW, **figures: float) -> None:
    """Let one deployment serve a request."""
    needs = Needs(pin=selection.healths[position])
    assert selection.choose(needs, now) == position
    needs.succeeded(now, **figures)


# -- simple-shuffle: conformance table B1 to B7 ----------------------------------------------------------------------

SHARES = [
    ("B1", [{"weight": 9}, {"weight": 1}, {}], (0.9, 0.1, 0)),
    ("B2", [{"weight": 0}, {"weight": 0}], (0.5, 0.5)),
    ("B3", [{"weight": 0}, {"weight": 1}], (0, 1)),
    ("B4", [{"rpm": 900}, {"rpm": 10}], (900 / 910, 10 / 910)),
    ("B5", [{"tpm": 300_000}, {"tpm": 100_000}], (0.75, 0.25)),
    ("B6", [{"weight": 1}, {"rpm": 100}], (1, 0)),
    ("none", [{}, {}, {}, {}], (0.25, 0.25, 0.25, 0.25)),
]


@pytest.mark.parametrize(("candidates", "shares"), [case[1:] for case in SHARES], ids=[case[0] for case in SHARES])
def test_traffic_is_shared_by_weight(candidates: list[dict[str, object]], shares: tuple[float, ...]) -> None:
    selection = select("shuffle", *candidates)
    drawn = draw(selection, 10_000)
    for position, share in enumerate(shares):
        assert abs(drawn[position] / 10_000 - share) < 0.02
    assert [figure for _, figure in selection.verdicts(NOW)] == pytest.approx(shares)


def test_a_request_may_bring_weights_of_its_own() -> None:  # B7
    selection = select("shuffle", {"weight": 0}, {"weight": 1})
    assert draw(selection, 20, weights=array.array("d", [1, 0]).tobytes()) == {0: 20}
    assert draw(selection, 20, weights=array.array("d", [0, 0]).tobytes()) == {1: 20}, "no use, so the configured ones"
    assert draw(selection, 20, weights=b"too short") == {1: 20}


def test_the_next_kind_of_share_counts_when_nobody_left_has_the_first() -> None:
    selection = select("shuffle", {"weight": 5}, {"rpm": 90}, {"rpm": 10})
    selection.healths[0].cool(NOW + 5)
    drawn = draw(selection, 10_000)
    assert drawn[0] == 0
    assert abs(drawn[1] / 10_000 - 0.9) < 0.02


def test_the_same_seed_draws_the_same() -> None:
    first, second = (select("shuffle", {}, {}, {}, seed=42) for _ in range(2))
    drawn = [first.choose(Needs(), NOW) for _ in range(50)]
    assert drawn == [second.choose(Needs(), NOW) for _ in range(50)]
    assert set(drawn) == {0, 1, 2}


# -- least-busy, latency, usage, cost: B8 to B24 ---------------------------------------------------------------------


def test_the_least_busy_serves_and_equals_share() -> None:  # B8, B9
    selection = select("busy", {}, {})
    held = Needs()
    busy = selection.choose(held, NOW)
    assert draw(selection, 5) == {1 - busy: 5}
    held.release(NOW)
    assert set(draw(selection, 100)) == {0, 1}


def test_every_slot_comes_back_whatever_happens() -> None:  # B10
    selection = select("busy", {}, {})
    for end in ("release", "failed", "succeeded"):
        needs = Needs()
        selection.choose(needs, NOW)
        assert selection.in_flight == 1
        assert needs.holding in selection.healths
        getattr(needs, end)(NOW)
        getattr(needs, end)(NOW)
        assert (selection.in_flight, needs.holding) == (0, None)
    needs = Needs()
    for _ in range(10):
        selection.choose(needs, NOW)
    assert selection.in_flight == 1, "a slot that is still held is given back first"
    del needs
    assert selection.in_flight == 0


def test_the_quicker_serves_once_both_are_known() -> None:  # B12
    selection = select("latency", {}, {})
    answer(selection, 0, seconds=0.2)
    assert draw(selection, 5) == {1: 5}, "what is not known is tried"
    answer(selection, 1, seconds=0.01)
    assert draw(selection, 20) == {1: 20}


def test_a_timeout_keeps_away_for_a_minute() -> None:  # B13
    selection = select("latency", {}, {})
    slow = Needs(pin=selection.healths[0])
    selection.choose(slow, NOW)
    slow.failed(NOW, penalty=True)
    answer(selection, 1, seconds=5)
    assert draw(selection, 20) == {1: 20}
    assert draw(selection, 20, now=NOW + 59) == {1: 20}
    assert draw(selection, 20, now=NOW + 61) == {0: 20}, "nothing is known of it any more, so it is tried"


def test_scores_within_the_buffer_are_equal() -> None:  # B14
    selection = select("latency", {}, {}, {}, buffer=0.5)
    for position, seconds in enumerate((1.0, 1.4, 1.6)):
        answer(selection, position, seconds=seconds)
    assert set(draw(selection, 300)) == {0, 1}


def test_streams_go_by_the_first_token() -> None:  # B15
    selection = select("latency", {}, {})
    answer(selection, 0, seconds=9, first_token=0.1)
    answer(selection, 1, seconds=1, first_token=0.5)
    assert draw(selection, 20, streamed=True) == {0: 20}
    assert draw(selection, 20) == {1: 20}


def test_durations_count_for_one_token_and_no_token_is_no_error() -> None:  # B16
    selection = select("latency", {}, {})
    answer(selection, 0, seconds=10, completion_tokens=1000)
    answer(selection, 1, seconds=1, completion_tokens=0)
    assert [figure for _, figure in selection.explain(Needs(), NOW)[1]] == pytest.approx([0.01, 1])
    assert draw(selection, 5) == {0: 5}


def test_the_last_samples_count_and_not_for_ever() -> None:
    selection = select("latency", {}, {}, samples=3, lifetime=100)
    answer(selection, 1, seconds=2)
    for seconds in (50, 3, 3, 3):
        answer(selection, 0, seconds=seconds, now=NOW + 50)
    assert [figure for _, figure in selection.explain(Needs(), NOW + 50)[1]] == [3, 2]
    assert [figure for _, figure in selection.explain(Needs(), NOW + 100)[1]] == [3, 0]
    assert [figure for _, figure in selection.explain(Needs(), NOW + 150)[1]] == [0, 0]


@pytest.mark.parametrize(("percentile", "score"), [(0, 3), (0.5, 3), (0.9, 5), (0.2, 1), (1, 5)])
def test_a_percentile_of_the_samples(percentile: float, score: float) -> None:
    selection = select("latency", {}, percentile=percentile)
    for seconds in (5, 1, 4, 2, 3):
        answer(selection, 0, seconds=seconds)
    assert selection.explain(Needs(), NOW)[1] == [("kept", score)]


def test_the_lowest_usage_serves() -> None:  # B17
    selection = select("usage", {}, {})
    answer(selection, 0, tokens=500)
    answer(selection, 1, tokens=100)
    assert draw(selection, 1) == {1: 1}
    assert [health.usage(NOW) for health in selection.healths] == [(1, 500), (2, 100)]


def test_a_burst_does_not_land_on_one_deployment() -> None:
    selection = select("usage", {}, {}, {}, {})
    burst = [Needs(tokens=1000) for _ in range(40)]
    drawn = Counter(selection.choose(needs, NOW) for needs in burst)
    assert drawn == {0: 10, 1: 10, 2: 10, 3: 10}


def test_limits_are_exact_and_end_with_the_minute() -> None:  # B18, B19
    selection = select("usage", {"requests": 2}, {"requests": 2})
    assert draw(selection, 5, now=60.0) == {0: 2, 1: 2, -1: 1}
    assert selection.verdicts(60.0) == [("requests", 2), ("requests", 2)]
    assert sum(draw(selection, 1, now=119.9).values()) == 1
    assert draw(selection, 1, now=119.9) == {-1: 1}
    assert draw(selection, 4, now=120.0) == {0: 2, 1: 2}


def test_tokens_are_limited_by_what_is_reserved() -> None:  # B20, I7
    selection = select("usage", {"tokens": 100})
    answer(selection, 0, tokens=90)
    assert selection.choose(Needs(tokens=20), NOW) == -1
    assert selection.verdicts(NOW) == [("tokens", 90)]
    needs = Needs(tokens=10)
    assert selection.choose(needs, NOW) == 0
    assert selection.choose(Needs(), NOW) == -1, "the reservation counts"
    needs.succeeded(NOW, tokens=4)
    assert selection.healths[0].usage(NOW) == (2, 94)
    needs = Needs(tokens=6)
    assert selection.choose(needs, NOW) == 0
    needs.failed(NOW)
    assert selection.healths[0].usage(NOW) == (3, 94), "what failed used nothing"


def test_a_request_larger_than_the_limit_has_a_minute_for_itself() -> None:
    selection = select("usage", {"tokens": 100})
    big = Needs(tokens=5000)
    assert selection.choose(big, 60.0) == 0
    assert selection.choose(Needs(tokens=1), 60.0) == -1
    assert selection.choose(Needs(tokens=5000), 120.0) == 0, "and nothing of it stays when it is dropped"
    big.succeeded(125.0, tokens=4000)
    assert selection.healths[0].usage(125.0) == (1, 0), "what ended now was reserved in a minute that is over"


def test_the_cheapest_serves_and_nothing_is_a_price_too() -> None:  # B21 to B24
    assert draw(select("cost", {"price": 1e-6}, {"price": 1e-7}), 3) == {1: 3}
    assert draw(select("cost", {"price": 0}, {"price": 1e-9}), 3) == {0: 3}
    assert set(draw(select("cost", {"price": 10}, {"price": 10}), 100)) == {0, 1}
    limited = select("cost", {"price": 1, "requests": 1}, {"price": 2})
    assert [limited.choose(Needs(), NOW) for _ in range(2)] == [0, 1]


# -- who is left -----------------------------------------------------------------------------------------------------


def test_tiers_go_in_order_and_those_without_one_last() -> None:  # B27
    selection = select("shuffle", {"order": 2}, {"order": 1}, {"order": 1}, {})
    assert set(draw(selection, 100)) == {1, 2}
    for position, drawn in ((1, {2}), (2, {0}), (0, {3})):
        selection.healths[position].cool(NOW + 5)
        assert set(draw(selection, 50)) == drawn
    assert [selection.order_of(position) for position in range(4)] == [2, 1, 1, None]
    with pytest.raises(IndexError):
        selection.order_of(4)


def test_behind_a_tier_are_only_later_tiers() -> None:
    selection = select("shuffle", {"order": 1}, {"order": 2}, {"order": 3}, {})
    needs = Needs()
    for after, position in ((1, 1), (2, 2), (3, -1)):
        needs.order_after = after
        assert needs.order_after == after
        assert selection.choose(needs, NOW) == position
    assert [reason for reason, _ in selection.verdicts(NOW)] == ["order"] * 4
    needs.order_after = None
    assert selection.choose(needs, NOW) == 0


def test_what_was_tried_is_left_out_until_forgotten() -> None:
    selection = select("shuffle", {}, {}, {"order": 1})
    needs, drawn = Needs(), []
    for tried in range(4):
        assert needs.tried == tried
        drawn.append(selection.choose(needs, NOW))
        needs.failed(NOW)
    assert drawn[0] == 2
    assert set(drawn[1:3]) == {0, 1}
    assert drawn[3] == -1
    assert reasons(selection, needs) == ["tried"] * 3
    needs.forget()
    assert selection.choose(needs, NOW) == 2


def test_the_tried_of_another_group_is_of_no_matter() -> None:
    needs = Needs()
    select("shuffle", {}).choose(needs, NOW)
    needs.failed(NOW)
    assert select("shuffle", {}).choose(needs, NOW) == 0


def test_what_cannot_do_it_is_left_out() -> None:
    chat, other = 1 << FIRST_OPERATION_BIT, 2 << FIRST_OPERATION_BIT
    selection = select("shuffle", {"lacks": 0b10 | other}, {"lacks": chat}, {"window": 100}, {})
    needs = Needs(bits=chat | 0b10, input_tokens=101)
    assert reasons(selection, needs) == ["ability", "operation", "context", "kept"]
    assert reasons(selection, Needs(bits=other | 0b1, input_tokens=100)) == ["operation", "kept", "kept", "kept"]


def test_slots_at_a_time() -> None:  # I1, I2
    selection = select("shuffle", {"parallel": 1}, {"parallel": 1})
    burst = [Needs() for _ in range(5)]
    assert Counter(selection.choose(needs, NOW) for needs in burst) == {0: 1, 1: 1, -1: 3}
    assert selection.verdicts(NOW) == [("parallel", 1), ("parallel", 1)]
    for needs in burst:
        needs.succeeded(NOW)
    pair = [Needs(), Needs()]
    assert {selection.choose(needs, NOW) for needs in pair} == {0, 1}


@pytest.mark.parametrize(
    ("limits", "reason"), [({"parallel": 1}, "parallel"), ({"requests": 1}, "requests"), ({"tokens": 10}, "tokens")]
)
def test_a_limit_that_was_reached_since_the_look_is_kept(limits: dict[str, object], reason: str) -> None:
    selection = select("shuffle", limits, {})
    first, second = Needs(tokens=7), Needs(tokens=7)
    assert selection.take(first, 0, NOW) == "kept"
    assert selection.take(second, 0, NOW) == reason
    assert (second.holding, selection.in_flight) == (None, 1)
    assert selection.healths[0].usage(NOW) == (1, 7), "what was taken of it is given back"
    assert selection.take(second, 1, NOW) == "kept"
    with pytest.raises(IndexError):
        selection.take(second, 2, NOW)


def test_cooled_deployments_rest_until_the_end() -> None:
    selection = select("shuffle", {}, {})
    selection.healths[0].cool(NOW + 5)
    assert draw(selection, 50) == {1: 50}
    selection.healths[1].cool(NOW + 2)
    assert draw(selection, 5) == {-1: 5}
    assert selection.verdicts(NOW) == [("cooldown", 5), ("cooldown", 2)]
    assert selection.resting(NOW)
    assert not selection.resting(NOW + 3)
    assert draw(selection, 5, now=NOW + 3) == {1: 5}
    assert set(draw(selection, 50, now=NOW + 5)) == {0, 1}


def test_the_one_that_rests_least_is_the_last_resort_where_that_is_wanted() -> None:
    selection = select("shuffle", {}, {}, {"lacks": 1}, last_resort=True)
    for position, until in enumerate((NOW + 5, NOW + 2, NOW + 1)):
        selection.healths[position].cool(until)
    assert draw(selection, 5, bits=1) == {1: 5}
    assert draw(selection, 5, now=NOW + 3, bits=1) == {1: 5}, "it is rested, so there is no need of the other"


def test_the_last_resort_keeps_its_limits() -> None:
    selection = select("shuffle", {"parallel": 1}, {}, last_resort=True)
    held = Needs(pin=selection.healths[0])
    assert selection.choose(held, NOW) == 0
    selection.healths[0].cool(NOW + 1)
    selection.healths[1].cool(NOW + 2)
    assert draw(selection, 5) == {1: 5}


def test_a_failed_check_is_heeded_while_others_are_left() -> None:  # J11 to J13
    selection = select("shuffle", {}, {}, heeds_checks=True)
    selection.healths[0].mark_sick(NOW + 600)
    assert draw(selection, 20) == {1: 20}
    assert selection.verdicts(NOW)[0] == ("sick", 600)
    selection.healths[1].mark_sick(NOW + 600)
    assert set(draw(selection, 50)) == {0, 1}
    selection.healths[1].cool(NOW + 600)
    assert draw(selection, 5) == {0: 5}
    assert set(draw(select("shuffle", {}, {}), 50)) == {0, 1}


def test_one_that_is_named_is_used_whatever_its_health() -> None:
    selection = select("shuffle", {"parallel": 1}, heeds_rests=False, heeds_checks=True)
    selection.healths[0].cool(NOW + 5)
    selection.healths[0].mark_sick(NOW + 5)
    needs = Needs()
    assert selection.choose(needs, NOW) == 0
    assert selection.choose(Needs(), NOW) == -1, "its limits hold all the same"


def test_a_pin_holds_while_its_deployment_is_left() -> None:  # J1, J3
    selection = select("shuffle", {}, {"order": 2}, {"order": 1})
    pin = selection.healths[1]
    assert draw(selection, 20, pin=pin) == {1: 20}, "whatever its tier"
    assert selection.verdicts(NOW) == [("affinity", 0), ("kept", 0), ("affinity", 0)]
    pin.cool(NOW + 5)
    assert draw(selection, 20, pin=pin) == {2: 20}
    assert draw(selection, 20, now=NOW + 6, pin=pin) == {1: 20}
    assert draw(selection, 20, now=NOW + 6, pin=Health(HealthTable(2), "elsewhere")) == {2: 20}
    needs = Needs(pin=selection.healths[2])
    needs.order_after = 1
    assert selection.choose(needs, NOW + 6) == 1, "behind a tier it does not count"


def test_scopes_name_the_deployments_that_may_be_used() -> None:
    asked = []

    def admit(scope: str | None) -> bytes:
        asked.append(scope)
        return bytes([REASONS.index("tags"), 0] if scope == "slow" else [0, REASONS.index("region")])

    selection = select("shuffle", {}, {}, admit=admit)
    for _ in range(3):
        assert draw(selection, 5) == {0: 5}
        assert draw(selection, 5, scope="slow") == {1: 5}
    assert asked == [None, "slow"]
    assert reasons(selection, Needs(scope="slow")) == ["tags", "kept"]
    for number in range(3000):
        selection.choose(Needs(scope=str(number)), NOW)
    assert len(asked) == 3002


@pytest.mark.parametrize("pool", [b"", b"\0\0\0", b"\0\x7f"])
def test_a_scope_must_say_something_of_each(pool: bytes) -> None:
    with pytest.raises(ValueError, match="one reason for each"):
        select("shuffle", {}, {}, admit=lambda scope: pool)


def most_allocated(work: Callable[[], object]) -> int:
    """Bytes that were allocated at a time, at most, while `work` ran a thousand times."""
    tracemalloc.start()
    try:
        work()
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        for _ in repeat(None, 1000):
            work()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_choice_allocates_nothing(strategy: str) -> None:
    everything = {"parallel": 9, "requests": 10**9, "tokens": 10**9, "window": 9000, "adaptive": True, "budgeted": True}
    selection = select(strategy, *[{"weight": i, "price": i, "order": i % 2, **everything} for i in range(60)])
    for health in selection.healths:
        health.weight = 2
        health.set_lease(0, NOW, 10**8, 10**8)
    needs = Needs(bits=1, input_tokens=10, tokens=20, scope="tag")

    def serve() -> None:
        selection.choose(needs, NOW)
        needs.succeeded(NOW, 0.5, 0.1, 10, 20)

    def explain() -> None:
        selection.explain(needs, NOW)

    least = most_allocated(lambda: None)  # what measuring itself takes
    assert most_allocated(serve) == least
    assert most_allocated(explain) > least, "it would be seen"


@given(st.integers(0, 20), st.integers(1, 20), st.integers(1, 20), st.sampled_from((-60, 0, 60)))
def test_what_is_left_of_a_minute(used: int, wanted: int, limit: int, ahead: int) -> None:
    """What was used in a minute before is over; a worker whose clock is in the next one counts for all."""
    for kind in ("requests", "tokens"):
        selection = select("shuffle", {kind: limit})
        requests, tokens = (used, 0) if kind == "requests" else (0, used)
        selection.healths[0].set_elsewhere(NOW + ahead, requests, tokens)
        more = 1 if kind == "requests" else min(wanted, limit)
        fits = (used if ahead >= 0 else 0) + more <= limit
        assert reasons(selection, Needs(tokens=wanted)) == ["kept" if fits else kind]


def test_explaining_takes_nothing() -> None:
    selection = select("busy", {"parallel": 1}, {"lacks": 1})
    for _ in range(3):
        assert selection.explain(Needs(bits=1), NOW) == (0, [("kept", 0), ("ability", 0)])
    assert selection.in_flight == 0
    assert selection.healths[0].usage(NOW) == (0, 0)


def test_a_group_of_nobody_serves_nobody() -> None:
    selection = select("latency")
    assert (len(selection), selection.choose(Needs(), NOW), selection.in_flight) == (0, -1, 0)


def test_arguments_are_checked() -> None:
    for settings in ({"buffer": -1}, {"samples": 0}, {"samples": 33}, {"lifetime": 0}, {"percentile": 1.1}):
        with pytest.raises(ValueError, match="range"):
            select("latency", {}, **settings)
    with pytest.raises(ValueError, match="no strategy"):
        select("simple-shuffle", {})
    for name in ("window", "parallel", "requests", "tokens", "price", "weight", "rpm", "tpm"):
        with pytest.raises(ValueError, match="0 or more"):
            select("shuffle", {name: -1})
    with pytest.raises(ValueError, match="0 or more"):
        select("shuffle", {"weight": float("nan")})
    with pytest.raises(TypeError):
        select("shuffle", {}).choose(None, NOW)  # type: ignore[arg-type]
    assert STRATEGIES == ("shuffle", "busy", "latency", "usage", "cost")
