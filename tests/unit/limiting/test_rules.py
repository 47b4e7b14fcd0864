"""What the configuration says of limits, and ends of periods."""

from datetime import datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from tianji.config.problems import Place
from tianji.config.schema import Config, ModelEntry, ModelParams
from tianji.config.schema.model import ModelInfo
from tianji.errors import Unacceptable
from tianji.limiting.rules import Rules, Usual, rules_of


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_settings_are_read() -> None:
    config = msgspec.convert(
        {
            "general_settings": {
                "token_rate_limit_type": "output",
                "fail_closed_budget_enforcement": True,
                "apply_user_budget_to_team_keys": True,
            },
            "litellm_settings": {
                "budget_exceeded_status_code": 429,
                "timezone": "Europe/Berlin",
                "budget_reset_time": "06:30",
            },
        },
        Config,
    )
    assert rules_of(config) == Rules(
        counted="output",
        whole=True,
        users_pay_for_teams=True,
        over_budget=429,
        zone=ZoneInfo("Europe/Berlin"),
        day_begins=time(6, 30),
    )
    assert rules_of(Config()) == Rules()


@pytest.mark.parametrize(
    ("duration", "end"),
    [
        ("1h", "2026-03-28T13:00:00+01:00"),
        ("1d", "2026-03-29T06:30:00+02:00"),  # the night in which the clocks change
        ("7d", "2026-03-30T06:30:00+02:00"),
        ("30d", "2026-04-01T06:30:00+02:00"),
        ("1mo", "2026-04-01T06:30:00+02:00"),
    ],
)
def test_periods_end_by_the_calendar(duration: str, end: str) -> None:
    rules = Rules(zone=ZoneInfo("Europe/Berlin"), day_begins=time(6, 30))
    before = at("2026-03-28T12:34:56+01:00")
    assert rules.period_end(duration, before) == at(end)
    renew = rules.renewal(duration)
    assert renew is not None
    begins, ends = renew(before, at(end))
    assert begins == at(end) < ends, "the end belongs to the next period"
    assert Rules().renewal(None) is None


def test_who_is_late_moves_no_period() -> None:
    renew = Rules().renewal("36h")
    assert renew is not None
    assert renew(1000.0, 1000.0) == (1000.0, 1000.0 + 36 * 3600)
    assert renew(1000.0, 1000.0 + 80 * 3600) == (1000.0 + 72 * 3600, 1000.0 + 108 * 3600)


def test_where_nothing_is_to_begin_anew() -> None:
    assert Rules(resets=False).renewal("1d") is None
    assert Rules(resets=False).spans("1d") is None
    with pytest.raises(Unacceptable, match="model_max_budget"):
        Rules().span("None", 0.0, "model_max_budget")


def test_what_is_usual_of_a_model_is_the_least_of_its_deployments() -> None:
    def entry(name: str, **params: int) -> ModelEntry:
        return ModelEntry(
            model_name=name, params=ModelParams(model="openai/x", **params), info=ModelInfo(id="x"), id="x",
            place=Place(Path("c.yaml"), 1),
        )  # fmt: skip

    entries = [
        entry("m", default_api_key_rpm_limit=5),
        entry("m", default_api_key_rpm_limit=3, default_api_key_tpm_limit=100),
        entry("n"),
    ]
    assert rules_of(Config(model_list=tuple(entries))).usual == {"m": Usual(requests=3, tokens=100)}
