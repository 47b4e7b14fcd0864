"""What rules say of entries and sums, on simulated time."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.alerts.conftest import NOW, entry, failure, settings

from tianji.alerts.alert import Alert
from tianji.alerts.facts import Deployment, Fallbacks, deployments_of
from tianji.alerts.rules import calendar, limits, models, people, reports, requests
from tianji.alerts.rules.hanging import Hanging
from tianji.alerts.rules.outages import Outages
from tianji.alerts.rules.paging import Paging
from tianji.alerts.rules.quoting import complaint, no_remark, nothing, quote
from tianji.alerts.rules.requests import Wording
from tianji.config.loader import load
from tianji.config.schema.alerting import AlertingArgs
from tianji.ledger.entry import Entry, Payload, Telling

SECOND = 10**6
LIMITS = (5, 10, 10)
SILENT = Wording(nothing, nothing, no_remark)


# -- single attempts --------------------------------------------------------------------------------------------------


def test_slow_is_what_takes_longer_than_the_threshold() -> None:
    slow = entry(ended_at=entry().started_at + 11 * SECOND)
    (alert,) = requests.hear(slow, 10, SILENT)
    assert (alert.kind, alert.badness) == ("llm_too_slow", "Low")
    assert "took 11.0 s" in alert.text
    assert list(requests.hear(slow, 12, SILENT)) == []


@pytest.mark.parametrize(
    ("code", "told"), [("500", True), ("503", True), ("408", True), ("429", True), ("401", True), ("400", False)]
)
def test_exceptions_are_those_of_upstreams_and_the_gateway(code: str, told: bool) -> None:
    assert [alert.kind for alert in requests.hear(failure(code=code), 10, SILENT)] == ["llm_exceptions"] * told


def test_what_a_client_did_wrong_alerts_nobody() -> None:
    for one in (
        failure(code="429", deployment_id=""),
        failure(code="404", deployment_id=""),
        entry(status="failure", error_code="499", error_class="ClientGone"),
        entry(status="failure", error_code="499", error_class="GivenUp"),
        entry(status="failure", error_class="GivenUp"),  # for a quicker one; it has no code of anybody's
    ):
        assert list(requests.hear(one, 10, SILENT)) == []
    assert list(requests.hear(failure(code="503", deployment_id=""), 10, SILENT)) != []


def test_tokens_without_a_price_are_told_once_for_a_model() -> None:
    first, second = (next(iter(requests.hear(entry(number, items=()), 10, SILENT))) for number in (1, 2))
    assert first.kind == "failed_tracking_spend"
    assert first.key == second.key == "failed_tracking_spend:openai/gpt-4o"
    assert first.ttl == requests.DAY
    assert list(requests.hear(entry(items=(), cache_hit=True), 10, SILENT)) == []


WITHIN = AlertingArgs(
    failure_threshold=3, failure_threshold_window_seconds=60,
    hanging_threshold_seconds=30, hanging_threshold_fails=3, hanging_threshold_window_seconds=600,
)  # fmt: skip


def test_somebody_is_called_out_for_so_many_failures_within_so_short_a_time() -> None:
    paging = Paging()

    def fail(now: float, code: str = "500") -> list[Alert]:
        return list(paging.hear(failure(code=code), now, WITHIN))

    assert fail(0) == fail(1) == fail(62) == [] == fail(63, "400"), "the first two have been too long ago"
    assert fail(64) == []
    (alert,) = fail(65)
    assert alert.page is not None
    assert [one["status"] for one in alert.page["recent_errors"]] == ["500"] * 3  # type: ignore[attr-defined]
    assert fail(66) == [], "they count once"


def test_somebody_is_called_out_for_so_many_requests_that_hang() -> None:
    paging = Paging()

    def hang(now: float, count: int = 1) -> list[Alert]:
        return list(paging.hung("the model", count, now, WITHIN))

    assert hang(0, 2) == hang(601) == hang(602) == [], "the first two were found too long ago"
    (alert,) = hang(603, 2)
    assert (alert.kind, alert.key) == ("llm_requests_hanging", "pagerduty:hanging")
    assert alert.text == "3 requests have been under way for more than 30 s, found within 600 s"
    told = {"exception": "HangingRequest", "deployment": "the model", "seconds": 30}
    assert alert.page == {"recent_errors": [told] * 3}
    assert hang(604) == [], "those that were told of count once: one was left, and this is the second"
    assert len(hang(605)) == 1
    assert list(paging.hear(failure(code="500"), 605, WITHIN)) == [], "failures are counted apart"


# -- limits of providers ----------------------------------------------------------------------------------------------


def test_a_key_that_has_used_much_of_a_limit_is_told_of_by_what_stands_for_it(tmp_path: Path) -> None:
    written = "  - {model_name: m, litellm_params: {model: anthropic/x, api_key: KEY}, model_info: {id: ID}}"
    keys = {"a": "one", "b": "one", "c": "two"}
    lines = [written.replace("KEY", key).replace("ID", name) for name, key in keys.items()]
    file = tmp_path / "config.yaml"
    file.write_text("\n".join(["model_list:", *lines]))
    known = deployments_of(load(file, {}).config)
    told = {
        name: list(limits.hear(entry(deployment_id=name, remaining=(-1, -1, 800)), 0.8, known.get(name)))
        for name in (*known, "gone")
    }
    assert [alert.text.partition(": ")[2] for (alert,) in told.values()] == [
        "80% of a limit of the provider's are used; 80% are to be told of"
    ] * 4
    kept = {name: alert.key for name, (alert,) in told.items()}
    assert kept["a"] == kept["b"] == f"ratelimit_alerts:{hashlib.sha256(b'one').hexdigest()[:12]}"
    assert len(set(kept.values())) == 3
    assert {alert.ttl for (alert,) in told.values()} == {3600}


@pytest.mark.parametrize("remaining", [None, (1, 2), (0, 0, 799)])
def test_a_key_that_has_enough_left_is_not(remaining: Any) -> None:
    assert list(limits.hear(entry(remaining=remaining), 0.8, None)) == []


# -- what was asked ---------------------------------------------------------------------------------------------------


def asking(*messages: Any, **said: Any) -> Entry:
    body = msgspec.json.encode({"messages": messages})
    return entry(payload=Payload(request=body, **said), ended_at=entry().started_at + 11 * SECOND)


def test_a_slow_request_is_told_with_the_beginning_of_what_was_asked() -> None:
    one = asking({"role": "system", "content": "be\nkind"}, {"role": "user", "content": "x" * 200})
    (alert,) = requests.hear(one, 10, Wording(quote, complaint, no_remark))
    assert alert.facts["messages"] == "be kind " + "x" * 92 + "…"
    (alert,) = requests.hear(one, 10, SILENT)
    assert "messages" not in alert.facts


@pytest.mark.parametrize(
    "said", [{"quiet": True}, {"telling": Telling(bare=True)}, {"telling": Telling(owner="team")}], ids=str
)
def test_what_is_kept_for_others_or_for_nobody_is_not_quoted(said: dict[str, Any]) -> None:
    message = {"role": "user", "content": "secret"}
    assert quote(asking(message, telling=Telling(muted=("x",)))) == "secret"
    assert quote(asking(message, **said)) == quote(entry()) == quote(entry(payload=Payload(b"{"))) == ""


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({}, "secret"),
        ({"turn_off_message_logging": True}, ""),
        ({"standard_logging_payload_excluded_fields": ("messages",)}, ""),
        ({"standard_logging_payload_excluded_fields": ("response",)}, "secret"),
    ],
)
def test_nobody_is_told_what_no_callback_may_be_told(more: dict[str, Any], told: str) -> None:
    assert settings(litellm=more).wording.quote(asking({"role": "user", "content": "secret"})) == told


def test_what_the_client_says_for_whoever_is_alerted_is_told() -> None:
    def remarked(said: Any, more: dict[str, Any] | None = None, **payload: Any) -> Any:
        request = msgspec.json.encode({"messages": [], "metadata": {"alerting_metadata": said}})
        one = failure(payload=Payload(request=request, **payload))
        (alert,) = requests.hear(one, 10, settings(litellm=more or {}).wording)
        return alert.facts.get("alerting_metadata")

    assert remarked({"hello": "world", "api_key": "sk-canary"}) == '{"hello":"world"}'
    assert len(remarked({"hello": "x" * 1000})) == 500
    assert remarked("text") is None
    assert remarked({"a": 1}, {"turn_off_message_logging": True}) is None
    assert remarked({"a": 1}, telling=Telling(bare=True)) is None


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "no such thing as 'secret words'"),
        (
            {"turn_off_message_logging": True},
            "no such thing as 'secret words'",
        ),  # the worker has left out what is not told
        ({"redact_messages_in_exceptions": True}, ""),
        ({"standard_logging_payload_excluded_fields": ("error_str",)}, ""),
    ],
)
def test_why_a_request_failed_is_told_where_it_may_be(more: dict[str, Any], said: str) -> None:
    one = failure(error_message="no such thing as 'secret words'")
    (alert,) = requests.hear(one, 10, settings(litellm=more).wording)
    assert alert.text.endswith(f"UpstreamError 500: {said}".rstrip(": "))


def test_people_are_not_told_what_was_said_to_others_when_it_failed() -> None:
    messages = msgspec.json.encode([{"role": "user", "content": "secret words"}])
    own = failure(error_message="no 'secret words'", payload=Payload(messages, telling=Telling("key")))
    (alert,) = requests.hear(own, 10, settings().wording)
    assert alert.text.endswith("500: no 'redacted-by-litellm'")


# -- hanging ----------------------------------------------------------------------------------------------------------


class Hung:
    """A deployment of which the test says how many requests are under way."""

    def __init__(self) -> None:
        self.now, self.under_way = NOW, 0
        self.rule = Hanging(lambda _name: self.under_way)

    def look(self, after: float) -> list[str]:
        self.now += after
        return [alert.text for alert in self.rule.look(self.now, 100, {"d": "the model"})]

    def end(self, began: float) -> None:
        self.under_way -= 1
        self.rule.hear([entry(started_at=int(began * SECOND), ended_at=int((self.now + 1) * SECOND))])


def test_what_hangs_is_told_once_and_only_after_the_threshold() -> None:
    hung = Hung()
    hung.under_way = 2
    assert hung.look(0) == hung.look(50) == []
    assert hung.look(50) == ["the model: 2 requests have been under way for more than 100 s"]
    assert hung.look(50) == hung.look(50) == []
    hung.under_way = 3
    assert hung.look(50) == hung.look(50) == []
    assert hung.look(50) == ["the model: one request has been under way for more than 100 s"]


def test_a_deployment_that_is_busy_does_not_hang() -> None:
    hung = Hung()
    hung.under_way = 5
    for _ in range(10):
        assert hung.look(50) == []
        for _ in range(5):
            hung.end(hung.now - 1)
        hung.under_way = 5  # others have begun


def test_one_that_hangs_among_those_that_come_and_go_is_found() -> None:
    hung = Hung()
    hung.under_way = 5
    hung.look(0)
    for _ in range(4):
        hung.end(hung.now - 1)
    hung.under_way = 5
    assert hung.look(50) == []
    assert hung.look(50) == ["the model: one request has been under way for more than 100 s"]


def test_what_begins_later_and_ends_takes_nothing_off_what_hangs() -> None:
    hung = Hung()
    hung.under_way = 1
    assert hung.look(0) == []
    hung.under_way = 2
    hung.now += 10
    hung.end(hung.now - 5)
    assert hung.look(40) == []
    assert hung.look(50) == ["the model: one request has been under way for more than 100 s"]


def test_what_ended_without_an_entry_does_not_hang() -> None:
    hung = Hung()
    hung.under_way = 3
    hung.look(0)
    hung.under_way = 0  # a worker was killed, and what it had was given back
    hung.look(50)
    hung.under_way = 3
    assert hung.look(50) == []


# -- outages ----------------------------------------------------------------------------------------------------------


class Out:
    def __init__(self, many: int = 1) -> None:
        self.rule, self.now = Outages("outage_alerts", many), NOW

    def fail(self, count: int = 1, code: str = "500", deployment: str = "d", every: float = 1) -> list[str | None]:
        found = []
        for _ in range(count):
            self.now += every
            one = failure(code=code, deployment_id=deployment)
            found += [alert.level for alert in self.rule.hear(one, "x", self.now, LIMITS, 60)]
        return found

    def answer(self, after: float) -> list[str]:
        self.now += after
        return [alert.text for alert in self.rule.hear(entry(), "x", self.now, LIMITS, 60)]


def test_an_outage_is_told_when_minor_when_major_and_when_over() -> None:
    out = Out()
    assert out.fail(4) == []
    assert out.fail() == ["Medium"]
    assert out.fail(4) == []
    assert out.fail() == ["High"]
    assert out.fail(30) == []
    assert out.answer(10) == []
    assert out.answer(51) == ["x: answers again; the outage lasted 96 s"]
    assert out.answer(1) == []
    assert out.fail(5) == ["Medium"]


def test_failures_count_for_a_while_only() -> None:
    assert Out().fail(20, every=16) == []


@pytest.mark.parametrize("code", ["400", "401", "429"])
def test_other_failures_are_no_outage(code: str) -> None:
    assert Out().fail(20, code) == []
    assert Out().fail(5, "408") == ["Medium"]


def test_one_deployment_is_no_outage_of_a_region() -> None:
    out = Out(many=2)
    assert out.fail(9) == []
    assert out.fail(deployment="e") == ["High"]


# -- reports ----------------------------------------------------------------------------------------------------------


def test_a_day_is_reported_by_failures_speed_and_spend() -> None:
    day = reports.Day()
    for number in range(3):
        day.hear(entry(number, cost=10**9, completion_tokens=100, ended_at=entry(number).started_at + SECOND))
    day.hear(failure(4, deployment_id="e", model="other"))
    (alert,) = reports.daily(day, "yesterday")
    assert "since yesterday: 4 attempts, 1 failures, $3.0000" in alert.text
    assert "deployment e): 1 of 1" in alert.text
    assert "deployment d): 0.0100 s a token" in alert.text
    assert "deployment d): $3.0000" in alert.text
    assert list(reports.daily(reports.Day(), "yesterday")) == []


def test_fallbacks_are_reported_by_their_groups() -> None:
    known = {"d": Deployment("a", "", None, "a"), "e": Deployment("b", "", None, "b")}
    seen, day = Fallbacks(), reports.Day()
    for one in (
        failure(1), entry(1, 1), failure(2), entry(2, 1, deployment_id="e"),
        failure(3), failure(3, 1, deployment_id="e"),
    ):  # fmt: skip
        fallback = seen.hear(one, known)
        if fallback is not None:
            day.fell_back(*fallback)
    (alert,) = reports.fallbacks(day.fallbacks)
    assert "• a → b: 1 answered, 1 failed" in alert.text
    assert list(reports.fallbacks({})) == []


def test_spend_is_reported_where_there_was_any() -> None:
    spend = reports.Spend(3 * 10**9, 4, 1, 1000, [("T", 2 * 10**9)], [], [("k", 10**9)], [])
    (alert,) = reports.spent(spend, "interval", "2026-03-01", "2026-03-08")
    assert "Spend from 2026-03-01 to 2026-03-08: $3.0000\n4 requests, 1 failures, 250 ms on average" in alert.text
    assert "Teams:\n• T: $2.0000\nKeys:\n• k: $1.0000" in alert.text
    assert alert.key == "interval_spend_report_sent_2026-03-01_2026-03-08"
    assert list(reports.spent(reports.Spend(0, 0, 0, 0, [], [], [], []), "month", "a", "b")) == []


# -- the calendar -----------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**31), st.sampled_from(["UTC", "America/Los_Angeles", "Asia/Tokyo"]))
def test_periods_begin_before_what_is_in_them_and_at_midnight_there(now: int, name: str) -> None:
    where = ZoneInfo(name)
    for began in (calendar.days(now, 7, where), calendar.month(now, where), calendar.day_part(now, 86_400, where)):
        local = datetime.fromtimestamp(began, where)
        assert began <= now
        assert (local.hour, local.minute) == (0, 0)
    assert datetime.fromtimestamp(calendar.days(now, 7, where), where).weekday() == 0
    assert 0 <= now - calendar.day_part(now, 43_200, where) <= 46_800  # a part may be an hour longer


def test_hours_are_those_of_the_zone() -> None:
    pacific = ZoneInfo("America/Los_Angeles")
    assert (
        datetime.fromtimestamp(calendar.hour_of_day(NOW, 9, pacific), pacific).isoformat()
        == "2026-02-28T09:00:00-08:00"
    )
    assert datetime.fromtimestamp(calendar.hour_of_day(NOW, 9, UTC), UTC).isoformat() == "2026-03-01T09:00:00+00:00"
    assert calendar.day_of(NOW - 86_400 / 2 - 1, pacific) == "2026-02-28"


# -- users and models -------------------------------------------------------------------------------------------------


def test_users_above_their_thresholds_stand_in_one_message() -> None:
    args = AlertingArgs(daily_spend_per_user_threshold=5, monthly_spend_per_user_threshold=20)
    days = {"2026-03-01": 6 * 10**9, "2026-02-27": 90 * 10**9}
    users = {"a": days, "b": {"2026-03-01": 5 * 10**9}, "c": {"2026-03-01": 10**9, "2026-03-02": 20 * 10**9}}
    (alert,) = people.thresholds(users, "2026-03-01", args)
    assert alert.text.count("•") == 2
    assert "a: $6.00 today" in alert.text
    assert "c: $21.00 this month" in alert.text
    assert list(people.thresholds(users, "2026-03-01", AlertingArgs())) == []


@pytest.mark.parametrize(("today", "told"), [(31, True), (29, False)])
def test_an_anomaly_is_a_multiple_of_the_usual(today: int, told: bool) -> None:
    before = [f"2026-02-{day}" for day in range(20, 27)]
    days = {**dict.fromkeys(before, 10 * 10**9), "2026-03-01": today * 10**9}
    assert bool(list(people.anomalies({"u": days}, "2026-03-01", before, AlertingArgs()))) is told
    cheap = {day: spend // 100 for day, spend in days.items()}
    assert list(people.anomalies({"u": cheap}, "2026-03-01", before, AlertingArgs())) == []
    assert list(people.anomalies({"new": {"2026-03-01": 10**12}}, "2026-03-01", before, AlertingArgs())) == []


def test_models_are_told_of_before_and_after_their_end() -> None:
    today = datetime.fromtimestamp(NOW, UTC).date()
    rows = [("past", "2026-02-01"), ("soon", "2026-03-20"), ("late", "2027-01-01"), ("never", "sunset")]
    past, soon = models.deprecations(rows, today)
    assert (past.level, "past: 2026-02-01" in past.text) == ("High", True)
    assert (soon.level, "soon: 2026-03-20" in soon.text) == ("Medium", True)
    assert "late" not in soon.text + past.text
