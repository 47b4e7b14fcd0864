"""What one process sees of limits: exact windows, requests at a time, budgets, rows that give way."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.limits.admission import Admission
from tianji._core.limits.limiter import KIND_NAMES, LARGEST_NAME, LARGEST_SET, Limit, LimitSet, LimitTable

NOW = 1000.0
CENT = 10_000_000
REQUESTS, TOKENS, INPUT, OUTPUT, PARALLEL, BUDGET, UNLOADED = range(7)
TELLS = ("limit", "remaining", "reset")
COUNTED = ("requests", "tokens", "input_tokens", "output_tokens")


def ask(*limits: Limit, now: float = NOW, tokens: tuple[int, int] = (0, 0), nano: int = -1) -> Admission | None:
    """Let one request in; None when it is refused."""
    admission = Admission(LimitSet(limits), *tokens, nano)
    return admission if admission.admit(now) else None


def served(*limits: Limit, now: float = NOW, nano: int = -1) -> bool:
    """Let one request in that ends at once and costs nothing; whether it was let in."""
    admission = ask(*limits, now=now, nano=nano)
    return admission is not None and admission.settle(now, 0, 0, 0) == 0


def refusal(
    *limits: Limit, now: float = NOW, tokens: tuple[int, int] = (0, 0), nano: int = -1
) -> tuple[str, str, float]:
    admission = Admission(LimitSet(limits), *tokens, nano)
    assert not admission.admit(now)
    assert admission.refused_by is not None
    return admission.refused_by.name, KIND_NAMES[admission.refused_kind], admission.retry_after


def loaded(limit: Limit, spent: int = 0, period_end: float | None = None) -> Limit:
    assert limit.restore(spent, period_end, NOW)
    return limit


def used(limit: Limit, now: float = NOW) -> list[int]:
    return [limit.used(kind, now) for kind in range(6)]


def told(asked: LimitSet, now: float) -> tuple[float, ...]:
    """What headers say of requests: the limit, what is left, and the seconds until all of it is there again."""
    found = asked.quota(TOKENS, now)[:3]
    assert [name for name, _ in found] == [f"x-ratelimit-{word}-requests".encode() for word in TELLS]
    return tuple(float(value.removesuffix(b"s")) for _, value in found)


def test_what_the_books_tell_of_a_request_under_way_counts_once() -> None:
    table = LimitTable(16)
    free = Limit(table, "team:a", requests=9)
    limit = loaded(Limit(table, "key:a", budget=100))
    admission = ask(free, limit, nano=10)
    assert admission is not None
    with pytest.raises(ValueError, match="0 or more"):
        admission.spend(-1)
    admission.spend(26)
    limit.learn(26, None, NOW)
    assert limit.money(NOW) == (26, 10, None), "what is reserved is for what is still to come"
    admission.settle(NOW, 0, 0, 30)
    admission.spend(5)
    assert limit.money(NOW) == (56, 0, None), "it is over"


@pytest.mark.parametrize("start", [0.0, 1.9, 59.99, 61.0, 1e6 + 0.3, 2.0 * 2**24 - 3])
def test_no_sixty_seconds_ever_hold_more_than_the_limit(start: float) -> None:
    limit = Limit(LimitTable(16), "key:a", requests=30)
    passed = []
    for tenth in range(3000):
        now = start + tenth / 10
        if served(limit, now=now):
            passed.append(now)
    assert len(passed) == 30 * 5, "a burst a window, and nothing in between"
    assert all(later - earlier > 60 for earlier, later in zip(passed, passed[30:], strict=False))


def test_all_of_a_limit_may_go_at_once_and_nothing_at_the_edge_of_a_minute() -> None:
    limit = Limit(LimitTable(16), "key:a", requests=5)
    assert [served(limit, now=59.9) for _ in range(6)] == [True] * 5 + [False]
    assert refusal(limit, now=60.1) == ("key:a", "requests", pytest.approx(120.0 - 60.1))
    assert not served(limit, now=119.9)
    assert [served(limit, now=120.0) for _ in range(6)] == [True] * 5 + [False]


def test_who_comes_late_counts_with_those_before_him() -> None:
    limit = Limit(LimitTable(16), "key:a", requests=5)
    assert served(limit, now=102.0)
    assert served(limit, now=100.0)
    assert [limit.used(REQUESTS, now) for now in (102.0, 163.9, 164.0)] == [2, 2, 0]


def test_what_is_given_back_after_its_minute_changes_nothing() -> None:
    limit = Limit(LimitTable(16), "key:a", tokens=10)
    late, other = ask(limit, now=100.0, tokens=(5, 0)), ask(limit, now=164.0, tokens=(5, 0))
    assert late
    assert other
    other.settle(164.0, 1, 0, 0)
    late.settle(164.0, 0, 0, 0)
    assert limit.used(TOKENS, 164.0) == 1


@pytest.mark.parametrize("kind", range(6))
def test_zero_lets_nothing_through_and_none_is_no_limit(kind: int) -> None:
    names = (*COUNTED, "parallel", "budget")
    table = LimitTable(16)
    zero, none = Limit(table, "zero", **{names[kind]: 0}), Limit(table, "none", **{names[kind]: None})
    for limit in (zero, none):
        limit.restore(0, None, NOW)
    assert refusal(zero, tokens=(0, 0), nano=0) == ("zero", KIND_NAMES[kind], -1)
    assert (zero.ceiling(kind), none.ceiling(kind)) == (0, None)
    held = [ask(none, tokens=(10**6, 10**6), nano=10**12) for _ in range(1000)]
    assert all(held)
    assert used(zero) == [0] * 6, "what is refused is not counted"


@pytest.mark.parametrize("kind", range(4))
def test_each_kind_counts_its_own(kind: int) -> None:
    limit = Limit(LimitTable(16), "key:a", **{COUNTED[kind]: 100})
    admission = ask(limit, tokens=(20, 30))
    assert admission
    assert used(limit)[kind] == (1, 50, 20, 30)[kind]
    admission.settle(NOW + 1, 7, 60, 0)
    assert used(limit)[kind] == (1, 67, 7, 60)[kind]


def test_tokens_that_are_not_known_stand_as_they_were_reserved() -> None:
    limit = Limit(LimitTable(16), "key:a", input_tokens=100, output_tokens=100)
    admission = ask(limit, tokens=(20, 30))
    assert admission
    admission.settle(NOW, -1, 5, 0)
    assert used(limit)[INPUT : OUTPUT + 1] == [20, 5]


@given(st.lists(st.tuples(st.floats(0, 70), st.integers(0, 20), st.integers(0, 20)), max_size=12), st.floats(0, 70))
def test_all_of_a_limit_is_there_again_when_it_says_so(taken: list[tuple[float, int, int]], later: float) -> None:
    """Whatever was given back of what was reserved; and not a second earlier."""
    limit, now = Limit(LimitTable(16), "key:a", tokens=1000), NOW
    for wait, reserved, spent in taken:
        now += wait
        admission = ask(limit, now=now, tokens=(reserved, 0))
        assert admission
        admission.settle(now, spent, 0, 0)
    now += later
    asked = LimitSet((limit,))

    def left(at: float) -> int:
        return int(dict(asked.quota(TOKENS, at))[b"x-ratelimit-remaining-tokens"])

    seconds = int(dict(asked.quota(TOKENS, now))[b"x-ratelimit-reset-tokens"].removesuffix(b"s"))
    assert left(now + seconds) == 1000
    assert seconds == 0 or left(now + seconds - 1.01) < 1000


@pytest.mark.parametrize("last", [{"requests": 0}, {"tokens": 49}, {"parallel": 0}, {"budget": 0}])
def test_all_let_a_request_through_or_nothing_is_counted(last: dict[str, int]) -> None:
    table = LimitTable(64)
    first = [
        loaded(Limit(table, name, requests=5, tokens=100, input_tokens=50, output_tokens=50, parallel=3, budget=CENT))
        for name in ("key:a", "user:b")
    ]
    team = Limit(table, "team:c", **last)
    team.restore(0, None, NOW)
    before = [used(limit) for limit in first]
    assert refusal(*first, team, tokens=(20, 30), nano=500)[0] == "team:c"
    assert [used(limit) for limit in first] == before
    assert used(team) == [0] * 6


def test_requests_at_a_time() -> None:
    limit = Limit(LimitTable(16), "key:a", parallel=2)
    first, second = ask(limit), ask(limit)
    assert first
    assert second
    assert refusal(limit) == ("key:a", "parallel", 1)
    first.release(NOW)
    first.release(NOW)
    third = ask(limit)
    assert third
    assert not ask(limit), "a second release gives back nothing"
    del third
    assert ask(limit), "who is freed gives back"


def test_an_admission_is_used_once_at_a_time() -> None:
    limit = Limit(LimitTable(16), "key:a", requests=2)
    admission = Admission(LimitSet((limit,)))
    assert admission.admit(NOW)
    with pytest.raises(RuntimeError):
        admission.admit(NOW)
    with pytest.raises(RuntimeError):
        admission.__init__(LimitSet(()))  # type: ignore[misc]
    admission.settle(NOW, 0, 0, 0)
    admission.settle(NOW, 0, 0, 0)
    assert used(limit)[REQUESTS] == 1
    assert admission.admit(NOW)


def test_the_same_name_is_the_same_limit_and_another_is_not() -> None:
    table = LimitTable(64)
    assert served(Limit(table, "key:a", requests=1))
    assert not served(Limit(table, "key:a", requests=1))
    assert served(Limit(table, "key:b", requests=1))
    assert served(Limit(table, "key:a", requests=2)), "a limit that was raised holds at once"


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda table: Limit(table, ""), ValueError),
        (lambda table: Limit(table, "n" * (LARGEST_NAME + 1)), ValueError),
        (lambda table: Limit(table, "a", requests=-1), ValueError),
        (lambda table: LimitSet((Limit(table, "a"),) * (LARGEST_SET + 1)), ValueError),
        (lambda table: LimitSet((Limit(table, "a"), Limit(LimitTable(16), "a"))), ValueError),
        (lambda table: LimitSet((None,)), TypeError),
        (lambda _: LimitTable(1), ValueError),
        (lambda table: Limit(table, "a").used(6, NOW), IndexError),
        (lambda table: Limit(table, "a").ceiling(-1), IndexError),
        (lambda table: Admission(LimitSet((Limit(table, "a"),))).settle(NOW, 0, 0, -1), ValueError),
    ],
)
def test_what_cannot_be_is_refused(make: Callable[[LimitTable], object], error: type[Exception]) -> None:
    with pytest.raises(error):
        make(LimitTable(16))


def test_limits_beyond_what_is_counted_are_as_good_as_none() -> None:
    limit = Limit(LimitTable(16), "key:a", tokens=10**30, budget=10**30)
    loaded(limit)
    assert ask(limit, tokens=(2**62, 2**62), nano=2**62)


def test_the_tightest_of_a_set() -> None:
    table = LimitTable(64)
    limits = [Limit(table, "a", requests=50), Limit(table, "b", requests=9), Limit(table, "c", requests=10, tokens=5)]
    asked = LimitSet(tuple(limits))
    assert told(asked, NOW) == (9, 9, 0.0)
    assert served(limits[2])
    assert served(limits[2])
    assert served(limits[0], now=NOW + 30)
    assert told(asked, NOW + 31) == (10, 8, 31.0)
    assert told(asked, NOW + 62) == (9, 9, 0.0)
    assert served(limits[1], now=NOW + 62)
    assert served(limits[2], now=NOW + 62)
    assert served(limits[2], now=NOW + 62)
    assert told(asked, NOW + 62) == (9, 8, 62.0), "of as many left, the lower limit"
    assert asked.quota(INPUT, NOW)[3:] == []
    with pytest.raises(IndexError):
        asked.quota(PARALLEL, NOW)
    assert (asked.smallest(REQUESTS), asked.smallest(TOKENS), asked.smallest(BUDGET)) == (9, 5, None)
    with pytest.raises(IndexError):
        asked.smallest(UNLOADED)


class TestBudgets:
    """Money of a period."""

    def test_an_estimate_is_reserved_and_settled(self) -> None:
        limit = loaded(Limit(LimitTable(16), "key:a", budget=CENT), 300)
        admission = ask(limit, nano=5000)
        assert admission
        assert limit.money(NOW) == (300, 5000, None)
        admission.settle(NOW, 0, 0, 700)
        assert limit.money(NOW) == (1000, 0, None)
        other = ask(limit, nano=5000)
        assert other
        other.release(NOW)
        assert limit.money(NOW) == (1000, 0, None)
        with pytest.raises(ValueError, match="spent"):
            other.settle(NOW, 0, 0, -1)

    def test_what_is_left_is_reserved_where_the_estimate_does_not_fit(self) -> None:
        limit = loaded(Limit(LimitTable(16), "key:a", budget=100), 90)
        admission = ask(limit, nano=5000)
        assert admission
        assert limit.money(NOW) == (90, 10, None)
        assert refusal(limit, nano=0) == ("key:a", "budget", -1)
        admission.settle(NOW, 0, 0, 9)
        assert ask(limit, nano=0)

    def test_who_must_fit_as_a_whole_does_not_overshoot(self) -> None:
        limit = loaded(Limit(LimitTable(16), "key:a", budget=100, whole=True), 90)
        assert refusal(limit, nano=11)[1] == "budget"
        assert ask(limit, nano=10)

    def test_what_costs_nothing_asks_no_budget_and_settles_nevertheless(self) -> None:
        limit = loaded(Limit(LimitTable(16), "key:a", budget=100), 100)
        admission = ask(limit, nano=-1)
        assert admission
        admission.settle(NOW, 0, 0, 3)
        assert limit.money(NOW) == (103, 0, None)

    def test_nothing_passes_before_the_spend_is_loaded_and_it_is_loaded_once(self) -> None:
        table = LimitTable(16)
        limit = Limit(table, "key:a", budget=100)
        assert limit.money(NOW) is None
        assert refusal(limit, nano=1) == ("key:a", "unloaded", -1)
        assert limit.restore(40, 5000.0, NOW)
        assert not limit.restore(0, 9000.0, NOW)
        assert limit.money(NOW) == (40, 0, 5000.0)

    def test_a_period_without_an_end_takes_one_later(self) -> None:
        limit = loaded(Limit(LimitTable(16), "key:a", budget=100), 40)
        assert not limit.restore(0, 5000.0, NOW)
        assert limit.money(NOW) == (40, 0, 5000.0)
        assert not limit.restore(0, None, NOW)
        assert limit.money(NOW) == (40, 0, 5000.0)

    def test_a_period_ends_exactly_and_once(self) -> None:
        ends = []

        def renew(ended: float, since_1970: float) -> tuple[float, float]:
            ends.append((ended, since_1970))
            return since_1970 // 100 * 100, since_1970 // 100 * 100 + 100

        limit = loaded(Limit(LimitTable(16, shift=500.0), "key:a", budget=100, renew=renew), 100, 1600.0)
        assert refusal(limit, nano=1, now=NOW) == ("key:a", "budget", 100)
        assert refusal(limit, nano=1, now=1099.99)[2] == pytest.approx(0.01)
        assert ends == []
        first = ask(limit, nano=60, now=1100.0)
        assert first
        second = ask(limit, nano=30, now=1199.0)
        assert second
        assert ends == [(1600.0, 1600.0)]
        assert limit.money(NOW) == (0, 90, 1700.0)
        second.settle(1199.0, 0, 0, 30)
        third = ask(limit, nano=1, now=1350.0)
        assert third
        assert limit.money(NOW) == (0, 61, 1900.0), "what is under way is reserved in the new period too"
        assert ends[1:] == [(1700.0, 1850.0)]
        first.settle(1351.0, 0, 0, 55)
        assert limit.money(NOW) == (0, 1, 1900.0), "but what it cost was spent in the old one"
        third.settle(1352.0, 0, 0, 9)
        assert limit.money(NOW) == (9, 0, 1900.0)

    def test_a_period_without_a_successor_never_ends(self) -> None:
        limit = loaded(Limit(LimitTable(16), "key:a", budget=100), 100, 900.0)
        assert ask(limit, nano=1)
        assert limit.money(NOW) == (0, 0, None)

    def test_a_renewal_that_fails_holds_nothing(self) -> None:
        def renew(*_: float) -> tuple[float, float]:
            raise ZeroDivisionError

        limit = loaded(Limit(LimitTable(16), "key:a", budget=100, renew=renew), 0, 900.0)
        with pytest.raises(ZeroDivisionError):
            ask(limit, nano=1)
        assert used(limit) == [0] * 6

    def test_what_is_stored_goes_before(self) -> None:
        limit = loaded(Limit(LimitTable(16, shift=500.0), "key:a", budget=100), 0, 5000.0)
        held = ask(limit, nano=80, now=1000.0)
        assert held
        limit.agree(7, None, 5000.0, 1001.0)
        assert limit.money(NOW) == (0, 80, 5000.0), "it counts from the same moment on, and this machine knows more"
        limit.agree(20, 1501.0, 6000.0, 1002.0)
        assert limit.money(NOW) == (20, 80, 6000.0)
        held.settle(1003.0, 0, 0, 30)
        assert limit.money(NOW) == (20, 0, 6000.0), "it began before"
        later = ask(limit, nano=5, now=1004.0)
        assert later
        later.settle(1004.0, 0, 0, 5)
        limit.agree(0, 1501.0, None, 1005.0)
        assert limit.money(NOW) == (25, 0, None), "the same moment again changes nothing but the end"
        limit.agree(0, 1600.0, 1500.0, 1006.0)
        assert limit.money(NOW) == (25, 0, None), "what is stored is of a period that is over"
        unloaded = Limit(LimitTable(16), "key:a", budget=100)
        unloaded.agree(5, 900.0, None, NOW)
        assert unloaded.money(NOW) is None

    def test_what_was_spent_is_read_out_once(self) -> None:
        table = LimitTable(64)
        limits = [loaded(Limit(table, name, budget=CENT), 5) for name in ("key:a", "team:ü")]
        admission = ask(*limits, nano=100)
        assert admission
        admission.settle(NOW, 0, 0, 70)
        assert sorted(table.take_unsaved()) == [("key:a", 70), ("team:ü", 70)]
        assert table.take_unsaved() == []

    def test_parts_of_the_rows_are_all_of_them(self) -> None:
        table = LimitTable(64)
        names = [f"key:{number}" for number in range(20)]
        admission = ask(*(loaded(Limit(table, name, budget=CENT), 5) for name in names), nano=100)
        assert admission
        admission.settle(NOW, 0, 0, 70)
        found = [table.take_unsaved(part, 7) for part in range(7)]
        assert sorted(one for some in found for one in some) == sorted((name, 70) for name in names)
        assert max(map(len, found)) < len(names)
        assert table.take_unsaved() == []

    @pytest.mark.parametrize(("part", "parts"), [(-1, 2), (2, 2), (0, 0), (0, -1)])
    def test_there_are_no_other_parts(self, part: int, parts: int) -> None:
        for look in (LimitTable(64).sweep, LimitTable(64).take_unsaved):
            with pytest.raises(ValueError, match="parts"):
                look(part, parts)


class TestMoreThanWasReserved:
    """Answers that take longer than was thought, and spenders on other machines."""

    def test_more_is_reserved_as_long_as_there_is_some(self) -> None:
        table = LimitTable(16)
        one, other = (loaded(Limit(table, name, budget=budget)) for name, budget in (("a", 10), ("b", 25)))
        admission = ask(one, other, Limit(table, "c", requests=5), nano=4)
        assert admission is not None
        assert admission.covered() == 4
        assert admission.extend(5)
        assert (admission.covered(), one.money(NOW), other.money(NOW)) == (9, (0, 9, None), (0, 9, None))
        assert admission.extend(5), "the last one is left"
        assert (admission.covered(), other.money(NOW)) == (10, (0, 14, None))
        assert not admission.extend(5)
        assert (one.money(NOW), other.money(NOW)) == ((0, 10, None), (0, 14, None)), "all or nothing"
        admission.settle(NOW, 0, 0, 12)
        assert (one.money(NOW), other.money(NOW)) == ((12, 0, None), (12, 0, None))

    def test_what_asks_no_budget_covers_nothing(self) -> None:
        table = LimitTable(16)
        free, unlimited = ask(loaded(Limit(table, "a", budget=10))), ask(Limit(table, "b", requests=1), nano=4)
        assert free is not None
        assert unlimited is not None
        assert (free.covered(), unlimited.covered()) == (-1, -1)
        assert free.extend(100)
        assert unlimited.extend(100)

    @pytest.mark.parametrize(
        ("told", "end", "spent"), [(7, 2000.0, 7), (2, 2000.0, 3), (7, 3000.0, 3), (7, None, 3), (7, NOW, 3)]
    )
    def test_what_others_spent_of_the_same_period_counts(self, told: int, end: float | None, spent: int) -> None:
        limit = loaded(Limit(LimitTable(16), "a", budget=10), 3, 2000.0)
        admission = ask(limit, nano=2)
        limit.learn(told, end, NOW)
        assert limit.money(NOW) == (spent, 2, 2000.0)
        del admission

    def test_what_was_not_loaded_learns_nothing(self) -> None:
        limit = Limit(LimitTable(16), "a", budget=10)
        limit.learn(5, None, NOW)
        assert limit.money(NOW) is None


class TestRows:
    """A table of sixteen rows, which are one set."""

    def full(self) -> tuple[LimitTable, list[Limit]]:
        table = LimitTable(16)
        limits = [Limit(table, f"key:{number}", requests=1, budget=CENT) for number in range(16)]
        for limit in limits:
            loaded(limit)
            assert served(limit)
        return table, limits

    def test_a_full_table_denies_nothing_and_says_so(self) -> None:
        table, _ = self.full()
        another = Limit(table, "key:x", requests=1, budget=5)
        assert table.refused == 0
        assert not another.restore(0, None, NOW)
        assert served(another, nano=1)
        assert served(another, nano=1)
        assert table.refused > 0
        assert (used(another), another.money(NOW)) == ([0] * 6, None)
        assert told(LimitSet((another,)), NOW) == (1, 1, 0.0)
        another.agree(1, NOW, None, NOW)
        assert refusal(Limit(table, "key:y", requests=0))[1] == "requests", "but zero is zero"
        assert refusal(Limit(table, "key:y", budget=0), nano=0)[1] == "budget"
        assert table.take_unsaved() == []

    def test_who_is_idle_gives_way_and_comes_back_empty(self) -> None:
        table, limits = self.full()
        assert served(limits[3], now=NOW + 100)
        others = [Limit(table, f"team:{number}", requests=1) for number in range(16)]
        assert all(served(other, now=NOW + 121) for other in others)
        assert (table.moved, table.refused) == (15, 1), "one is in use"
        assert not served(limits[3], now=NOW + 121)
        assert refusal(limits[4], now=NOW + 300, nano=1)[1] == "unloaded", "its money is asked for again"
        assert table.moved == 16

    @pytest.mark.parametrize("reason", ["under way", "reserved", "not written down"])
    def test_what_is_needed_does_not_give_way(self, reason: str) -> None:
        table, limits = self.full()
        nano = -1 if reason == "under way" else 3
        admissions = [ask(limit, now=NOW + 70, nano=nano) for limit in limits]
        for admission in admissions:
            assert admission
            if reason == "not written down":
                admission.settle(NOW + 70, 0, 0, 3)
        another = Limit(table, "key:x", requests=1)
        assert served(another, now=NOW + 1000)
        assert (table.moved, table.refused) == (0, 1)
        admissions.clear()
        table.take_unsaved()
        assert served(another, now=NOW + 1000)
        assert not served(another, now=NOW + 1000)
        assert table.moved == 1
