"""Budgets of deployments on simulated time."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from tianji._core.routing.health import HealthTable
from tianji.config.schema import Config, RouterSettings
from tianji.config.schema.router import PeriodBudget
from tianji.gateway.upkeep.budgets import NANO, Account, Budget, Kind, standings
from tianji.limiting.rules import Rules

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC).timestamp()


def account(table: HealthTable, limit: int, period: str = "1d", kind: Kind = "deployment", name: str = "x") -> Account:
    return Account(kind, name, Budget(limit, period), [table.health("a"), table.health("b")], table)


def broke(table: HealthTable, monotonic: float) -> tuple[float, float]:
    return tuple(round(table.health(name).broke_for(monotonic)) for name in "ab")  # type: ignore[return-value]


@pytest.mark.parametrize(("period", "left"), [("1d", 12 * 3600), ("1h", 3600), ("1mo", 12 * 3600)])
def test_all_that_spend_from_it_are_out_until_the_period_ends(period: str, left: int) -> None:
    table = HealthTable(16)
    purse = account(table, 5 * NANO, period)
    purse.spend(3 * NANO, NOON, 100.0)
    assert broke(table, 100.0) == (0, 0)
    purse.spend(2 * NANO, NOON, 100.0)
    assert broke(table, 100.0) == (left, left)
    assert broke(table, 100.0 + left) == (0, 0)
    purse.spend(4 * NANO, NOON + left, 100.0 + left)
    assert broke(table, 100.0 + left) == (0, 0), "a period begins with nothing spent"


def test_workers_spend_from_one_account() -> None:
    table = HealthTable(16)
    for worker in [account(table, 5 * NANO) for _ in range(5)]:
        assert broke(table, 0.0) == (0, 0)
        worker.spend(NANO, NOON, 0.0)
    assert broke(table, 0.0) != (0, 0)


def test_a_large_budget_counts_small_amounts() -> None:
    table = HealthTable(16)
    purse = account(table, 1_000_000 * NANO)
    for _ in range(1000):
        purse.spend(NANO // 100, NOON, 0.0)
    purse.spend(999_990 * NANO - NANO, NOON, 0.0)
    assert broke(table, 0.0) == (0, 0)
    purse.spend(2 * NANO, NOON, 0.0)
    assert broke(table, 0.0) != (0, 0)


def test_a_changed_figure_begins_anew() -> None:
    table = HealthTable(16)
    account(table, NANO).spend(NANO, NOON, 0.0)
    table.health("a").mend()
    account(table, 2 * NANO).spend(0, NOON, 0.0)
    assert table.health("a").broke_for(0.0) == 0


def test_what_is_left_to_providers_is_known_to_every_worker() -> None:
    table = HealthTable(16)
    written = {"openai": PeriodBudget(budget_limit=5, time_period="1d"), "other": PeriodBudget()}
    config = Config(router_settings=RouterSettings(provider_budget_config=written))
    purse = account(table, 5 * NANO, kind="provider", name="openai")

    def left(now: float) -> dict[str, int]:
        found = standings(config, table, now)
        assert {one.ends for one in found.values()} == {NOON + (12 if now == NOON else 36) * 3600}
        return {name: one.left for name, one in found.items()}

    assert left(NOON) == {"openai": 5 * NANO}
    purse.spend(2 * NANO, NOON, 0.0)
    assert left(NOON) == {"openai": 3 * NANO}
    purse.spend(9 * NANO, NOON, 0.0)
    assert left(NOON) == {"openai": 0}
    assert left(NOON + 86_400) == {"openai": 5 * NANO}


@pytest.mark.parametrize(("period", "hours"), [("1d", 10), ("2d", 10), ("36h", 12)])
def test_periods_are_those_of_the_calendar_for_every_worker(period: str, hours: int) -> None:
    """Nobody's first look moves them: the first of two days, and an hour and a half of days, are the same for all."""
    table, rules = HealthTable(16), Rules(zone=ZoneInfo("Europe/Berlin"))
    workers = [
        Account("deployment", "x", Budget(5 * NANO, period, rules), [table.health("a")], table) for _ in range(2)
    ]
    begins, ends = rules.span(period, NOON)
    workers[0].spend(3 * NANO, begins, 0.0)
    workers[1].spend(2 * NANO, ends - 1, 0.0)
    assert workers[0].ends == workers[1].ends == ends
    assert round(table.health("a").broke_for(0.0)) == 1
    assert (ends - NOON) % (24 * 3600) == hours * 3600


def test_what_was_spent_before_is_added_once() -> None:
    """Whoever asks again adds what has come to be known since; and a question may end in the period after its own."""
    table = HealthTable(16)
    workers = [account(table, 5 * NANO) for _ in range(2)]
    ends = workers[0].period(NOON)[1]
    workers[0].spend(NANO, NOON, 0.0)
    for worker, earlier, spent in ((0, 2, 3), (1, 2, 3), (1, 3, 4), (0, 1, 4)):
        workers[worker].learn(earlier * NANO, ends, NOON, 0.0)
        assert workers[0].spent(NOON) == spent * NANO
    workers[0].learn(9 * NANO, ends, ends + 1, 0.0)
    assert workers[0].spent(ends + 1) == 0
    workers[1].learn(2 * NANO, ends + 86_400, ends + 1, 0.0)
    assert workers[0].spent(ends + 1) == 2 * NANO
    assert broke(table, 0.0) == (0, 0)
    workers[1].learn(5 * NANO, ends + 86_400, ends + 1, 0.0)
    assert broke(table, 0.0) == (86_399, 86_399), "it is left out at once"
