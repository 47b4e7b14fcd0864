"""From a caller to the limits that he is held against, and what he hears when they are used up."""

from collections.abc import Mapping
from typing import Any

import pytest

from tianji._core.limits.admission import Admission
from tianji._core.limits.limiter import KIND_NAMES, LimitTable
from tianji.auth.identity import Identity, Scope
from tianji.auth.limits import Limits
from tianji.clock import ManualClock
from tianji.errors import BudgetExceeded, RateLimited, Unacceptable
from tianji.limiting.learning import learner
from tianji.limiting.limiter import Limiter, NotLoaded
from tianji.limiting.rows import Holder, Kind
from tianji.limiting.rules import Rules, Usual

EPOCH = 1_700_000_000  # 2023-11-14 22:13:20 UTC
CENT = 10_000_000
TOKENS = KIND_NAMES.index("tokens")


def caller(**scopes: Limits) -> Identity:
    made = tuple(Scope(kind, f"{kind}-1", limits) for kind, limits in scopes.items())  # type: ignore[arg-type]
    return Identity(role=None, user_id=None, key="k", scopes=made)


class Desk:
    """A limiter with a clock that moves when told."""

    def __init__(self, rules: Rules = Rules(), spent: Mapping[str, int] = {}, capacity: int = 256) -> None:  # noqa: B008
        self.clock = ManualClock()
        self.rules = rules
        self.table = LimitTable(capacity, shift=EPOCH)
        self.spent = spent
        self.troubled: set[str] = set()
        self.limiter = Limiter(self.table, rules, self.troubled.__contains__, self.clock.monotonic)

    def names(self, identity: Identity, model: str = "m", others: tuple[Holder, ...] = ()) -> list[str]:
        return [held.limit.name for held in self.limiter.limits(identity, model, model, others).held]

    def ask(self, identity: Identity, model: str = "m", others: tuple[Holder, ...] = (), **asked: int) -> Admission:
        limits = self.limiter.limits(identity, model, model, others)
        admission = Admission(limits.asked, **asked)
        while not admission.admit(self.clock.monotonic()):
            refused = self.limiter.refusal(limits, admission)
            if not isinstance(refused, NotLoaded):
                raise refused
            for held in refused.held:
                self.limiter.load(held, self.spent.get(held.limit.name, held.spent), held.period_end)
        return admission

    def serve(self, identity: Identity, model: str = "m", others: tuple[Holder, ...] = (), **asked: int) -> None:
        self.ask(identity, model, others, **asked).settle(
            self.clock.monotonic(), asked.get("input_tokens", 0), 0, max(0, asked.get("nano", 0))
        )

    def refusal(
        self, identity: Identity, model: str = "m", others: tuple[Holder, ...] = (), **asked: int
    ) -> RateLimited:
        with pytest.raises(RateLimited) as caught:
            self.ask(identity, model, others, **asked)
        return caught.value

    def over(self, identity: Identity, model: str = "m", others: tuple[Holder, ...] = ()) -> str:
        with pytest.raises(BudgetExceeded) as caught:
            self.ask(identity, model, others, nano=1)
        assert (caught.value.status, caught.value.type, caught.value.param) == (
            self.rules.over_budget,
            "budget_exceeded",
            None,
        )
        return caught.value.message


def test_who_has_no_limit_is_held_against_nothing() -> None:
    assert Desk().names(caller(key=Limits(), team=Limits(spend=5))) == []
    Desk().serve(caller(), nano=5)


def test_everybody_above_the_key_and_whoever_is_named_counts() -> None:
    one = Limits(rpm_limit=5)
    kinds = ("key", "team", "team_member", "user", "organization")
    others: tuple[Kind, ...] = ("customer", "tag")
    desk, identity = Desk(), caller(**dict.fromkeys(kinds, one))
    named = tuple(Holder(kind, "x/y", one) for kind in others)
    assert desk.names(identity, others=named) == [
        *(f"{kind}:{kind}-1" for kind in kinds),
        "customer:x%2Fy",
        "tag:x%2Fy",
    ]


def test_who_is_named_twice_counts_once() -> None:
    desk, tag = Desk(), Holder("tag", "t", Limits(rpm_limit=2))
    desk.serve(caller(), others=(tag, tag))
    desk.serve(caller(), others=(tag, tag))
    desk.refusal(caller(), others=(tag, tag))


@pytest.mark.parametrize("last", ["key", "team", "organization"])
def test_the_limit_of_each_refuses_in_its_own_words(last: str) -> None:
    desk = Desk()
    identity = caller(**{kind: Limits(rpm_limit=2 if kind == last else 50) for kind in ("key", "team", "organization")})
    desk.serve(identity)
    desk.serve(identity)
    desk.clock.advance(1)
    error = desk.refusal(identity)
    public = {"key": "api_key"}.get(last, last)
    assert (error.status, error.type, error.retry_after) == (429, "throttling_error", 61)
    assert error.message == (
        f"Rate limit exceeded for {public}: {last}-1. Limit type: requests. Current limit: 2, Remaining: 0. "
        "Try again at 2023-11-14 22:14:22 UTC."
    )
    assert error.headers == (
        (b"rate_limit_type", b"requests"),
        (b"retry-after", b"61"),
        (b"reset_at", b"2023-11-14 22:14:22 UTC"),
        (b"x-ratelimit-limit-requests", b"2"),
        (b"x-ratelimit-remaining-requests", b"0"),
        (b"x-ratelimit-reset-requests", b"61s"),
    )
    desk.clock.advance(60.99)
    desk.refusal(identity)
    desk.clock.advance(0.01)
    desk.serve(identity)


def test_retry_after_is_left_out_where_waiting_does_not_help() -> None:
    desk = Desk()
    for identity, asked in ((caller(key=Limits(rpm_limit=0)), 0), (caller(user=Limits(tpm_limit=10)), 11)):
        error = desk.refusal(identity, input_tokens=asked)
        assert error.retry_after is error.reset_at is None
        assert b"retry-after" not in dict(error.headers)
        assert "Waiting does not help" in error.message


def test_requests_at_a_time() -> None:
    desk, identity = Desk(), caller(key=Limits(max_parallel_requests=1))
    held = desk.ask(identity)
    error = desk.refusal(identity)
    assert (error.limit_type, error.retry_after) == ("max_parallel_requests", 1)
    held.release(0)
    desk.serve(identity)


@pytest.mark.parametrize(("counted", "fits"), [("total", False), ("input", False), ("output", True)])
def test_a_limit_of_tokens_counts_what_the_configuration_says(counted: Any, fits: bool) -> None:
    desk, identity = Desk(Rules(counted=counted)), caller(key=Limits(tpm_limit=10))
    desk.serve(identity, input_tokens=8)
    if fits:
        desk.serve(identity, input_tokens=8)
    else:
        assert desk.refusal(identity, input_tokens=8).limit_type == {"total": "tokens"}.get(counted, "input_tokens")


class TestModels:
    """What holds for a model only."""

    def test_the_name_that_was_sent_goes_before_the_group(self) -> None:
        desk = Desk()
        identity = caller(key=Limits(model_rpm_limit={"fast": 1, "group": 2}))
        for asked, most in (("fast", 1), ("other", 2)):
            (held,) = desk.limiter.limits(identity, "group", asked).held
            assert (held.limit.name, held.limit.ceiling(0)) == ("key:key-1/model:group", most)
        assert desk.names(identity, "unlimited") == []

    def test_what_a_key_says_of_a_model_goes_before_what_its_team_says(self) -> None:
        desk = Desk()
        team = Limits(
            model_rpm_limit={"m": 1, "n": 1}, model_max_budget={"m": {"max_budget": 1, "budget_duration": "1d"}}
        )
        of_key = Limits(model_tpm_limit={"m": 100})
        assert desk.names(caller(key=of_key, team=team), "n") == ["team:team-1/model:n"]
        (_, held) = desk.limiter.limits(caller(key=of_key, team=team), "m", "m").held
        assert (held.limit.name, held.limit.ceiling(0), held.limit.ceiling(5)) == ("team:team-1/money:m", None, 10**9)

    @pytest.mark.parametrize(
        "entry",
        [
            {"budget_limit": 0.01, "time_period": "1d", "rpm_limit": 7},
            {"max_budget": 0.01, "budget_duration": "1d", "rpm_limit": 7},
        ],
    )
    def test_a_budget_of_a_model_begins_anew_by_the_calendar(self, entry: dict[str, Any]) -> None:
        desk, identity = Desk(), caller(key=Limits(model_max_budget={"gpt": entry}))
        rates, money = "key:key-1/model:openai%2Fgpt", "key:key-1/money:gpt"
        assert desk.names(identity, "openai/gpt") == [rates, money]
        assert money in desk.names(identity, "azure/gpt"), "what an entry governs is of one budget"
        desk.serve(identity, "openai/gpt", nano=CENT)
        assert desk.over(identity, "openai/gpt") == (
            "Budget has been exceeded! Key=key-1 over budget for model=openai/gpt. Current cost: 0.01, Max budget: 0.01"
        )
        desk.clock.advance(6399)  # a second before midnight
        desk.over(identity, "openai/gpt")
        desk.clock.advance(1)
        desk.serve(identity, "openai/gpt", nano=CENT)
        assert desk.limiter.limits(identity, "openai/gpt", "openai/gpt").held[0].limit.ceiling(0) == 7

    @pytest.mark.parametrize(
        "entry",
        [
            5,
            {"max_budget": 1, "budget_duration": "soon"},
            {"max_budget": -1, "budget_duration": "1d"},
            {"max_budget": True},
        ],
    )
    def test_an_entry_that_makes_no_sense_holds_nobody(self, entry: object) -> None:
        assert Desk().names(caller(key=Limits(model_max_budget={"m": entry}))) == []


class TestBudgets:
    """Money of a period."""

    @pytest.mark.parametrize(
        ("kind", "words"),
        [
            ("key", "Budget has been exceeded! Current cost: 0.01, Max budget: 0.01"),
            ("team", "Budget has been exceeded! Team=team-1 Current cost: 0.01, Max budget: 0.01"),
            ("user", "ExceededBudget: User=user-1 over budget. Current cost: 0.01, Max budget: 0.01"),
        ],
    )
    def test_what_was_spent_already_counts(self, kind: str, words: str) -> None:
        assert Desk().over(caller(**{kind: Limits(max_budget=CENT, spend=CENT)})) == words

    def test_zero_blocks_at_once_and_what_costs_nothing_passes(self) -> None:
        desk, identity = Desk(Rules(over_budget=429)), caller(key=Limits(max_budget=0))
        assert desk.over(identity).endswith("Current cost: 0, Max budget: 0")
        desk.serve(identity)

    def test_a_budget_begins_anew_at_its_end(self) -> None:
        end = EPOCH + 6400.0  # midnight
        desk = Desk()
        identity = caller(key=Limits(max_budget=CENT, spend=CENT, budget_duration="1d", budget_reset_at=end))
        desk.clock.advance(6399.999)
        desk.over(identity)
        desk.clock.advance(0.001)
        desk.serve(identity, nano=CENT)
        (held,) = desk.limiter.limits(identity, "m", "m").held
        assert held.limit.money(0) == (CENT, 0, end + 86_400)

    def test_what_was_read_once_is_not_gone_back_to(self) -> None:
        """The row says since when its spend counts; what was counted since it was read is counted for all models."""
        desk, since = Desk(), EPOCH - 3600.0
        known = Limits(max_budget=9 * CENT, spend=CENT, spend_since=since)
        desk.serve(caller(key=known), "m", nano=3 * CENT)
        (held,) = desk.limiter.limits(caller(key=known), "n", "n").held
        assert held.limit.money(0) == (4 * CENT, 0, None)
        desk.clock.advance(5)
        (held,) = desk.limiter.limits(
            caller(key=Limits(max_budget=9 * CENT, spend=0, spend_since=EPOCH + 4.0)), "n", "n"
        ).held
        assert held.limit.money(0) == (0, 0, None), "somebody has said meanwhile what it is"

    def test_a_budget_ends_by_the_clock_on_the_wall_when_that_is_set(self) -> None:
        desk, day = Desk(), 86_400.0
        limits = Limits(max_budget=CENT, spend=CENT, budget_duration="1d", budget_reset_at=EPOCH + 6400.0)
        identity = caller(key=limits)
        desk.over(identity)
        desk.table.shift += day  # the machine slept, say
        desk.serve(identity, nano=CENT)
        desk.over(identity)
        desk.table.shift -= day  # what is admitted now is spent in the period that has begun all the same
        desk.over(identity)
        (held,) = desk.limiter.limits(identity, "m", "m").held
        assert held.limit.money(0) == (CENT, 0, EPOCH + 6400.0 + day)

    def test_what_was_spent_beside_counts_whether_a_budget_is_used_up_or_not(self) -> None:
        desk, tag = Desk(), Holder("tag", "t", Limits(max_budget=5 * CENT, rpm_limit=0))
        identity = caller(key=Limits(max_budget=CENT, spend=CENT, rpm_limit=0), team=Limits(max_budget=9 * CENT))
        purses = desk.limiter.purses(identity, "m", (tag,))
        assert [held.limit.name for held in purses.held] == ["key:key-1", "team:team-1", "tag:t"]
        for _ in range(2):
            admission = Admission(purses.asked, nano=0, requests=0)
            while not admission.admit(desk.clock.monotonic()):
                refused = desk.limiter.refusal(purses, admission)
                assert isinstance(refused, NotLoaded)
                for held in refused.held:
                    desk.limiter.load(held, held.spent, held.period_end)
            admission.settle(desk.clock.monotonic(), -1, -1, 3 * CENT)
        limits = desk.limiter.limits(identity, "m", "m", (tag,))
        assert [held.limit.money(0) for held in limits.held] == [
            (7 * CENT, 0, None), (6 * CENT, 0, None), (6 * CENT, 0, None),
        ]  # fmt: skip

    def test_a_budget_whose_end_nobody_wrote_down_has_one(self) -> None:
        desk = Desk()
        identity = caller(key=Limits(max_budget=CENT, budget_duration="1d"))
        (held,) = desk.limiter.limits(identity, "m", "m").held
        desk.serve(identity, nano=0)
        assert held.limit.money(0) == (0, 0, EPOCH + 6400.0)

    def test_a_users_budget_does_not_hold_for_keys_of_a_team_unless_it_shall(self) -> None:
        of_team, own = caller(team=Limits(), user=Limits(max_budget=CENT)), caller(user=Limits(max_budget=CENT))
        desk = Desk()
        desk.serve(of_team, nano=CENT)
        desk.serve(of_team, nano=CENT)
        assert "Current cost: 0.02, Max budget: 0.01" in desk.over(own), "but what it costs is counted"
        assert Desk().names(caller(team=Limits(), user=Limits(spend=5))) == []
        strict = Desk(Rules(users_pay_for_teams=True))
        strict.serve(of_team, nano=CENT)
        assert strict.over(of_team).startswith("ExceededBudget: User=user-1")

    def test_several_windows_at_once(self) -> None:
        windows = (
            {"budget_duration": "1h", "max_budget": 0.01, "reset_at": "2023-11-14T23:00:00+00:00"},
            {"budget_duration": "7d", "max_budget": 0.05},
            {"budget_duration": "1d"},
            {"max_budget": 3},
        )
        desk = Desk(spent={"key:key-1/window:7d": 4 * CENT})
        identity = caller(key=Limits(budget_limits=windows))
        assert desk.names(identity) == ["key:key-1/window:1h", "key:key-1/window:7d"]
        desk.serve(identity, nano=CENT)
        assert (
            desk.over(identity) == "ExceededBudget: Key=key-1 over its 1h budget. Current cost: 0.01, Max budget: 0.01"
        )
        desk.clock.advance(2800)
        assert "Key=key-1 over its 7d budget. Current cost: 0.05" in desk.over(identity)

    def test_customers_and_tags(self) -> None:
        poor = Limits(max_budget=CENT, spend=CENT)
        desk = Desk()
        assert desk.over(caller(), others=(Holder("customer", "c", poor),)).startswith(
            "ExceededBudget: End User=c over"
        )
        assert desk.over(caller(), others=(Holder("tag", "t", poor),)).startswith("Budget has been exceeded! Tag=t ")

    def test_a_row_that_gave_way_is_loaded_again(self) -> None:
        desk, identity = Desk(capacity=16), caller(key=Limits(max_budget=CENT, spend=CENT))
        desk.over(identity)
        desk.clock.advance(200)
        for number in range(16):
            desk.serve(caller(), others=(Holder("customer", str(number), Limits(rpm_limit=1)),))
        assert desk.table.moved == 1
        desk.ask(identity, nano=1)
        assert desk.table.refused == 1, "nothing gave way to it, so it is not limited"
        desk.clock.advance(130)
        desk.over(identity)
        assert desk.table.moved == 2


def test_limits_are_made_once_for_a_caller_and_anew_when_he_changed() -> None:
    desk, before, after = Desk(), caller(key=Limits(rpm_limit=1)), caller(key=Limits(rpm_limit=2))
    customer, changed = (Holder("customer", "c", Limits(rpm_limit=limit)) for limit in (5, 6))
    made = desk.limiter.limits(before, "m", "m", (customer,))
    assert desk.limiter.limits(before, "m", "m", (customer,)) is made
    assert desk.limiter.limits(before, "n", "n", (customer,)) is not made
    assert desk.limiter.limits(before, "m", "m", (changed,)).held[1].limit.ceiling(0) == 6
    desk.serve(before)
    desk.refusal(before)
    desk.serve(after)


def test_more_limits_than_a_request_can_have() -> None:
    tags = tuple(Holder("tag", str(number), Limits(rpm_limit=1)) for number in range(33))
    with pytest.raises(Unacceptable, match="32 limits"):
        Desk().names(caller(), others=tags)
    Desk().serve(caller(), others=tags[:32])


def test_headers_tell_of_the_limit_that_has_the_least_left() -> None:
    desk = Desk()
    identity = caller(
        key=Limits(rpm_limit=10, tpm_limit=1000),
        team=Limits(rpm_limit=5, max_parallel_requests=3),
        user=Limits(tpm_limit=500),
    )
    desk.clock.advance(3)
    desk.serve(identity, input_tokens=30)
    desk.clock.advance(10)
    limits = desk.limiter.limits(identity, "m", "m")
    assert limits.asked.quota(TOKENS, 13) == [
        (b"x-ratelimit-limit-requests", b"5"),
        (b"x-ratelimit-remaining-requests", b"4"),
        (b"x-ratelimit-reset-requests", b"51s"),
        (b"x-ratelimit-limit-tokens", b"500"),
        (b"x-ratelimit-remaining-tokens", b"470"),
        (b"x-ratelimit-reset-tokens", b"51s"),
    ]
    assert dict(limits.asked.quota(TOKENS, 64))[b"x-ratelimit-reset-tokens"] == b"0s"
    assert limits.asked.smallest(TOKENS) == 500
    assert desk.limiter.limits(caller(), "m", "m").asked.quota(TOKENS, 13) == []
    assert desk.limiter.limits(caller(), "m", "m").asked.smallest(TOKENS) is None


def test_what_others_spent_counts_where_it_is_counted() -> None:
    desk = Desk()
    learn = learner(desk.table, desk.clock.monotonic)
    learn("key", "key-1", 5 * CENT, None)
    identity = caller(key=Limits(max_budget=3 * CENT))
    desk.serve(identity, nano=CENT)
    learn("key", "key-1", 2 * CENT, None)
    desk.serve(identity, nano=CENT)
    assert "Current cost: 0.03, Max budget: 0.03" in desk.over(identity)
    learn("team", "nobody-counts-it", CENT, None)
    assert desk.limiter.limits(caller(team=Limits(max_budget=1)), "m", "m").held[0].limit.money(0) is None


def test_a_key_has_what_is_usual_unless_somebody_says_otherwise() -> None:
    desk = Desk(Rules(usual={"m": Usual(requests=1, tokens=50)}))
    nobody = caller(key=Limits())
    desk.serve(nobody)
    assert isinstance(desk.refusal(nobody), RateLimited)
    desk.serve(nobody, "other")
    assert desk.names(caller(team=Limits())) == []  # a key's, and nobody else's
    own = caller(key=Limits(model_rpm_limit={"m": 2}))
    for _ in range(2):
        desk.serve(Identity(role=None, user_id=None, key="l", scopes=(Scope("key", "key-2", own.scopes[0].limits),)))
    of_team = Identity(
        role=None, user_id=None, key="n",
        scopes=(Scope("key", "key-3", Limits()), Scope("team", "team-3", Limits(model_rpm_limit={"m": 3}))),
    )  # fmt: skip
    for _ in range(3):
        desk.serve(of_team)
    assert isinstance(desk.refusal(of_team), RateLimited)
