"""What is told of budgets, and how often."""

from typing import Any

import pytest
from tests.unit.alerts.conftest import NOW, settings

from tianji.alerts.alert import Alert
from tianji.alerts.rules.budgets import Holder, judge

DOLLAR = 10**9
DAY = 86_400.0
MEMBERS = {  # of an event
    "spend", "max_budget", "soft_budget", "token", "customer_id", "user_id", "team_id", "team_alias", "organization_id",
    "user_email", "key_alias", "projected_exceeded_date", "projected_spend", "event_group", "event", "event_message",
}  # fmt: skip


def told(spend: float, **fields: Any) -> list[Alert]:
    usual = {"kind": "key", "id": "k", "name": "alice", "spend": round(spend * DOLLAR), "most": 10 * DOLLAR, **fields}
    return list(judge(Holder(**usual), NOW, DAY))


def events(alerts: list[Alert]) -> list[str]:
    return [alert.event["event"] for alert in alerts if alert.event is not None]


@pytest.mark.parametrize(
    ("spend", "expected"),
    [
        (8.4, []),
        (8.6, ["threshold_crossed"]),
        (9.6, ["threshold_crossed"]),
        (10, ["budget_crossed"]),
        (11, ["budget_crossed"]),
    ],
)
def test_budgets_are_told_of_as_they_run_out(spend: float, expected: list[str]) -> None:
    assert events(told(spend)) == expected


def test_each_threshold_has_a_key_of_its_own() -> None:
    fifteen, five, all_of_it, other = (told(spend)[0].key for spend in (8.6, 9.6, 10, 8.7))
    assert len({fifteen, five, all_of_it}) == 3
    assert fifteen == other


def test_the_next_period_is_told_of_anew() -> None:
    assert told(10, resets=NOW + 5)[0].key != told(10, resets=NOW + DAY)[0].key
    assert told(10)[0].ttl == DAY


def test_soft_budgets_are_told_of_beside() -> None:
    alerts = told(10, soft=5 * DOLLAR, people=("a@x",), softly=("s@x",))
    assert events(alerts) == ["soft_budget_crossed", "budget_crossed"]
    assert [alert.people for alert in alerts] == [("s@x",), ("a@x",)]
    assert events(told(5, soft=5 * DOLLAR, most=None)) == ["soft_budget_crossed"]
    assert events(told(4, soft=5 * DOLLAR, most=None)) == []


def test_owners_are_written_to_at_their_percents() -> None:
    percents = {50.0: ("half@x",), 75.0: ("more@x", "and@x")}
    assert [(alert.people, alert.key) for alert in told(7.6, percents=percents)] == [
        (("more@x", "and@x"), "budget_alerts:max_budget_alert75:key:k:0")
    ]
    assert [alert.people for alert in told(5, percents=percents)] == [("half@x",)]
    assert events(told(8, people=("a@x",))) == ["max_budget_alert"]
    assert events(told(8)) == []


def test_what_will_not_do_is_foretold() -> None:
    (alert,) = told(6, resets=NOW + 15 * DAY, period=30 * DAY)
    assert alert.event is not None
    assert (alert.event["event"], alert.event["projected_spend"]) == ("projected_limit_exceeded", 12)
    assert alert.event["projected_exceeded_date"] == "2026-03-11"  # ten of fifteen days for six of ten dollars
    assert told(4, resets=NOW + 15 * DAY, period=30 * DAY) == []
    assert told(1, resets=NOW + 29 * DAY, period=30 * DAY) == [], "too early to say"


@pytest.mark.parametrize(
    ("kind", "group", "member"),
    [("key", "key", "token"), ("team", "team", "team_id"), ("user", "user", "user_id"), ("tag", "tag", None),
     ("organization", "organization", "organization_id"), ("customer", "end_user", "customer_id")],
)  # fmt: skip
def test_events_have_the_members_that_receivers_know(kind: str, group: str, member: str | None) -> None:
    (alert,) = told(10, kind=kind, of={"key_alias": "alice"})
    assert alert.event is not None
    assert alert.event.keys() == MEMBERS
    assert (alert.event["event_group"], alert.event["spend"], alert.event["max_budget"]) == (group, 10, 10)
    assert alert.event["key_alias"] == "alice"
    if member is not None:
        assert alert.event[member] == "k"


def test_a_budget_of_nothing_alerts_nobody() -> None:
    assert told(0, most=0) == []


def test_the_environment_says_from_which_percent_on_owners_are_written_to() -> None:
    variable = "EMAIL_BUDGET_ALERT_MAX_SPEND_ALERT_PERCENTAGE"
    found = [settings({variable: share} if share else {}).percent for share in ("0.5", "", "much")]
    assert found == [50, 80, 80]
    holder = Holder(kind="key", id="k", name="alice", spend=6 * DOLLAR, most=10 * DOLLAR, people=("a@x.org",))
    assert events(list(judge(holder, NOW, DAY, found[0]))) == ["max_budget_alert"]
    assert events(list(judge(holder, NOW, DAY, found[1]))) == []
