"""Limits that machines share, as the table of one has them: what is lent is taken once, what is idle goes back."""

import pytest
from tests.unit.core.processes import together

from tianji._core.limits.admission import Admission
from tianji._core.limits.leases import Leases
from tianji._core.limits.limiter import KIND_NAMES, Limit, LimitSet, LimitTable
from tianji._core.sharing.shm import SharedCounters

NOW = 1000.0
THERE = 5000.5  # the store's clock then
STEP = int(THERE // 2)
REQUESTS, TOKENS, PARALLEL, BUDGET, UNLEASED = (
    KIND_NAMES.index(name) for name in ("requests", "tokens", "parallel", "budget", "unleased")
)
NO_PERIOD, LATER = 0, 9_000_000


def shared(machines: int = 2) -> tuple[LimitTable, Leases]:
    table = LimitTable(16)
    leases = Leases(table)
    leases.begin()
    leases.meet(NOW, THERE, machines, 7, True)
    return table, leases


def lend(leases: Leases, limit: Limit, kind: int, *answer: int, step: int = STEP, now: float = NOW) -> None:
    loan = leases.ask(limit, kind, 1, 1, now)
    assert loan is not None
    leases.grant(loan, answer, step, now)


def refused(limit: Limit, tokens: int = 0, nano: int = -1, now: float = NOW) -> int | None:
    """Let one request in that ends at once; the kind that refused it, or None."""
    admission = Admission(LimitSet((limit,)), tokens, 0, nano)
    if admission.admit(now):
        admission.settle(now, tokens, 0, max(0, nano))
        return None
    return admission.refused_kind


def claims(leases: Leases, now: float = NOW) -> list[list[object]]:
    return [loan.claim for loan in leases.due(now)[0]]


def test_what_is_lent_is_taken_by_all_workers_together() -> None:
    table, leases = shared()
    lend(leases, Limit(table, "key:a", requests=10**6), REQUESTS, 5_000, 0, 31)
    counters = SharedCounters(64)
    served = counters.slot("served")

    def work(_: int) -> None:
        limit, count = Limit(table, "key:a", requests=10**6), 0
        for _ in range(3_000):
            count += refused(limit) is None
        counters.add(served, count)

    together(4, work)
    assert counters.value(served) == 5_000


def test_without_a_lease_somebody_has_to_be_asked() -> None:
    table, leases = shared()
    limit = Limit(table, "key:a", requests=100, tokens=1_000, parallel=5, budget=1_000)
    limit.restore(0, None, NOW)
    admission = Admission(LimitSet((limit,)), 30, 20, 400)
    assert not admission.admit(NOW)
    assert (admission.refused_by, admission.refused_kind) == (limit, UNLEASED)
    assert admission.lacks(NOW) == [
        (limit, REQUESTS, 1), (limit, TOKENS, 50), (limit, PARALLEL, 1), (limit, BUDGET, 400)
    ]  # fmt: skip
    lend(leases, limit, REQUESTS, 1, 0, 31)
    lend(leases, limit, TOKENS, 50, 0, 31)
    lend(leases, limit, PARALLEL, 1, 0)
    lend(leases, limit, BUDGET, 400, 0, 0, NO_PERIOD, 0, 0)
    assert admission.admit(NOW)
    assert admission.covered() == 400
    admission.release(NOW)
    assert limit.used(PARALLEL, NOW) == 0


def test_a_lease_ends_with_its_step() -> None:
    table, leases = shared()
    limit = Limit(table, "key:a", requests=100)
    lend(leases, limit, REQUESTS, 5, 0, 31)
    assert refused(limit) is None
    assert refused(limit, now=NOW + 1.6) == UNLEASED, "the store is in its next step, by its own clock"
    lend(leases, limit, REQUESTS, 5, 0, 31, now=NOW + 1.6)
    assert refused(limit, now=NOW + 1.6) == UNLEASED, "an answer that comes too late is none"


def test_what_is_known_to_be_used_up_is_refused_at_once() -> None:
    table, leases = shared()
    limit = Limit(table, "key:a", tokens=100)
    lend(leases, limit, TOKENS, 0, 30, 12)
    admission = Admission(LimitSet((limit,)), 40)
    assert not admission.admit(NOW)
    assert admission.refused_kind == TOKENS
    assert admission.retry_after == pytest.approx((STEP + 12) * 2 - THERE, abs=0.01)
    assert refused(limit, tokens=20) == UNLEASED, "so much is left"
    assert dict(LimitSet((limit,)).quota(TOKENS, NOW))[b"x-ratelimit-remaining-tokens"] == b"30"
    assert limit.used(TOKENS, NOW) == 70


def test_claims_say_in_whole_what_was_taken_and_what_is_lent() -> None:
    table, leases = shared()
    limit = Limit(table, "key:a", tokens=100, parallel=9, budget=1_000)
    limit.restore(50, 9_000, NOW)
    lend(leases, limit, TOKENS, 40, 60, 0)
    lend(leases, limit, PARALLEL, 3, 6)
    lend(leases, limit, BUDGET, 300, 650, 50, LATER, 0, 0)
    admission = Admission(LimitSet((limit,)), 25, 0, 200)
    assert admission.admit(NOW)
    assert claims(leases) == [
        [TOKENS, "key:a", 100, 0, 0, STEP, [40]],
        [4, "key:a", 9, 0, 0, 3, False],
        [5, "key:a", 1_000, 0, 0, 0, 300, 50, LATER, True, False],
    ]
    admission.settle(NOW + 3, 10, 0, 120)
    assert claims(leases, NOW + 3) == [
        [TOKENS, "key:a", 100, 0, 0, STEP + 1, [0, 10]],
        [4, "key:a", 9, 0, 0, 0, True],
        [5, "key:a", 1_000, 0, 0, 120, 120, 170, LATER, True, True],
    ]
    assert claims(leases, NOW + 4) == [], "nothing changed"
    leases.meet(NOW + 4, THERE + 4, 2, 8, True)
    assert len(claims(leases, NOW + 4)) == 3, "another store has to be told"


def test_claims_come_in_pieces() -> None:
    table = LimitTable(64)
    leases = Leases(table)
    leases.begin()
    for number in range(30):
        leases.ask(Limit(table, f"key:{number}", requests=5), REQUESTS, 1, 1, NOW)
    place, pieces = 0, []
    while not pieces or place:
        loans, place = leases.due(NOW, place, 10)
        pieces.append(len(loans))
    assert sum(pieces) == 30
    assert max(pieces) <= 10
    leases.defer(loans)
    assert len(leases.due(NOW)[0]) == len(loans)


def test_alone_each_machine_has_its_share() -> None:
    table, leases = shared(machines=4)
    limit = Limit(table, "key:a", requests=20, budget=1_000)
    limit.restore(200, None, NOW)
    leases.go_alone()
    assert [refused(limit) for _ in range(6)] == [None] * 5 + [REQUESTS]
    assert dict(LimitSet((limit,)).quota(TOKENS, NOW))[b"x-ratelimit-remaining-requests"] == b"0"
    other = Limit(table, "key:b", budget=1_000)
    other.restore(200, None, NOW)
    spent = 0
    while refused(other, nano=10) is None:
        spent += 10
    assert spent == 200, "a quarter of what was left"
    places = LimitSet((Limit(table, "key:c", parallel=8),))
    held = [Admission(places) for _ in range(4)]
    assert [admission.admit(NOW) for admission in held] == [True, True, False, False]
    assert held[2].refused_kind == PARALLEL
    leases.end()
    leases.meet(NOW, THERE, 4, 7, True)
    leases.go_alone()
    assert leases.mode == "off", "what comes late changes nothing"
    assert refused(limit) is None, "all of it is its own again"


def test_a_stream_goes_on_when_nobody_can_be_asked() -> None:
    table, leases = shared()
    limit = Limit(table, "key:a", budget=1_000)
    limit.restore(0, None, NOW)
    lend(leases, limit, BUDGET, 10, 200, 0, NO_PERIOD, 0, 0)
    admission = Admission(LimitSet((limit,)), nano=10)
    assert admission.admit(NOW)
    extended = 0
    while admission.extend(10):
        extended += 10
    assert extended == 100, "its share of what was left"


def test_what_a_machine_forgot_is_told_to_it() -> None:
    table, leases = shared()
    limit = Limit(table, "key:a", budget=1_000)
    limit.restore(300, None, NOW)
    lend(leases, limit, BUDGET, 100, 500, 150, NO_PERIOD, 0, 250)
    assert limit.money(NOW) == (400, 0, None)
    assert refused(limit, nano=100) is None
    lend(leases, limit, BUDGET, 0, 500, 150, NO_PERIOD, 0, 250)
    assert limit.money(NOW) == (500, 0, None), "it is told once"


def test_a_period_that_another_machine_began_holds_here_too() -> None:
    table, leases = shared()
    limit = Limit(table, "key:a", budget=1_000)
    limit.restore(0, NOW + 1, NOW)
    lend(leases, limit, BUDGET, 900, 0, 0, int((NOW + 1) * 1000), 0, 0)
    assert refused(limit, nano=900) is None
    lend(leases, limit, BUDGET, 0, 400, 600, LATER, 1, 0)
    assert limit.money(NOW) == (0, 0, LATER / 1000)
    assert refused(limit, nano=1) == UNLEASED


def test_what_the_database_says_counts_until_the_store_has_spoken() -> None:
    table, leases = shared()
    limit = Limit(table, "key:a", budget=1_000)
    limit.restore(300, LATER / 1000, NOW)
    limit.learn(450, LATER / 1000, NOW)
    assert limit.money(NOW) == (450, 0, LATER / 1000)
    lend(leases, limit, BUDGET, 100, 400, 500, LATER, 0, 0)
    assert refused(limit, nano=70) is None
    limit.learn(900, LATER / 1000, NOW)
    assert limit.money(NOW) == (570, 0, LATER / 1000)


def test_sharing_may_begin_and_end_while_serving() -> None:
    table = LimitTable(16)
    limit, leases = Limit(table, "key:a", budget=1_000), Leases(table)
    limit.restore(300, None, NOW)
    assert refused(limit, nano=100) is None
    for _ in range(2):
        leases.begin()
        assert limit.money(NOW) == (400, 0, None)
    assert claims(leases) == []
    loan = leases.ask(limit, BUDGET, 1, 1, NOW)
    assert loan is not None
    assert loan.claim[5:8] == [0, 0, 400], "what was spent before is not this machine's own"
    leases.grant(loan, (600, 0, 400, NO_PERIOD, 0, 0), STEP, NOW)
    assert refused(limit, nano=150) is None
    for _ in range(2):
        leases.end()
        assert limit.money(NOW) == (550, 0, None)
    assert refused(limit, nano=450) is None
    assert refused(limit, nano=1) == BUDGET


def test_a_row_that_gave_way_takes_no_answer() -> None:
    table, leases = shared()
    loan = leases.ask(Limit(table, "key:0", requests=5), REQUESTS, 1, 1, NOW)
    assert loan is not None
    for number in range(1, 17):
        assert refused(Limit(table, f"key:{number}", requests=5), now=NOW + 200) == UNLEASED
    leases.grant(loan, (5, 0, 0), STEP, NOW)
    assert all(refused(Limit(table, f"key:{number}", requests=5)) == UNLEASED for number in range(1, 17))
