"""Shares of a group's capacity by priority: weights, the threshold, and what is refused in which words."""

from pathlib import Path
from typing import Any

import pytest

from tianji._core.limits.admission import Admission
from tianji._core.limits.limiter import LimitTable
from tianji.auth.identity import Identity
from tianji.config.loader import load
from tianji.config.schema import Config
from tianji.errors import RateLimited
from tianji.limiting.limiter import Limiter, Limits
from tianji.limiting.priorities import Priorities, priorities_of
from tianji.limiting.rules import Rules

NOW = 1000.0


def configured(tmp_path: Path, text: str) -> Config:
    file = tmp_path / "config.yaml"
    file.write_text("model_list: []\nlitellm_settings:\n" + text)
    return load(file, {}, directory=tmp_path).config


def caller(priority: object, *, of_team: bool = False) -> Identity:
    metadata = {} if priority is None else {"priority": priority}
    where: dict[str, Any] = {"team_metadata" if of_team else "metadata": metadata}
    return Identity(role=None, user_id=None, key=f"k-{priority}", **where)


class Shares:
    """A group with so many requests and tokens a minute, and what callers may have of them."""

    def __init__(self, config: Config, limits: tuple[int, int]) -> None:
        table, rules = LimitTable(64), Rules()
        self.limiter = Limiter(table, rules, set().__contains__, lambda: NOW)
        made = priorities_of(table, rules, config, {"m": limits})
        assert made is not None
        self.priorities: Priorities = made

    def ask(self, who: Identity, count: int = 1, tokens: int = 0) -> int:
        """Let `count` requests in, and return how many were."""
        done = 0
        for _ in range(count):
            _, admission = self.held(who, tokens)
            done += admission.admit(NOW)
            admission.settle(NOW, tokens, 0, 0)
        return done

    def held(self, who: Identity, tokens: int) -> tuple[Limits, Admission]:
        limits = self.limiter.limits(who, "m", "m", (), self.priorities.pools("m", who, NOW))
        return limits, Admission(limits.asked, tokens)


CALLBACK = "  callbacks: [dynamic_rate_limiter_v3]\n"


def test_without_the_callback_nobody_has_a_share(tmp_path: Path) -> None:
    config = configured(tmp_path, "  priority_reservation: {a: 0.5}\n")
    assert priorities_of(LimitTable(16), Rules(), config, {"m": (10, 10)}) is None


def test_a_group_without_figures_has_no_shares(tmp_path: Path) -> None:
    shares = Shares(configured(tmp_path, CALLBACK), (0, 0))
    assert shares.priorities.pools("another", None, NOW) == ()


@pytest.mark.parametrize(
    ("reserved", "priority", "share"),
    [
        ("{high: 0.75, low: 0.25}", "high", 75),
        ("{high: 0.75, low: 0.25}", "low", 50),  # half of the group is free for everybody
        ("{high: 1.5, low: 0.5}", "high", 75),
        ("{high: {type: percent, value: 0.6}}", "high", 60),
        ("{high: {type: rpm, value: 70}}", "high", 70),
        ("{high: {type: tpm, value: 40000}}", "high", 80),
        ("{high: 0.7}", None, 50),
        ("{high: 0.7}", "unheard-of", 50),
        ("{high: 0.7}", 5, 50),
    ],
)
def test_a_share_holds_once_half_of_the_group_is_used(
    tmp_path: Path, reserved: str, priority: object, share: int
) -> None:
    config = configured(tmp_path, f"{CALLBACK}  priority_reservation: {reserved}\n")
    shares = Shares(config, (100, 50_000))
    assert shares.ask(caller(priority), 200) == share


def test_the_team_speaks_before_the_key_and_those_without_a_word_share_one_pool(tmp_path: Path) -> None:
    settings = "  priority_reservation: {high: 0.9}\n  priority_reservation_settings: {default_priority: 0.6}\n"
    shares = Shares(configured(tmp_path, CALLBACK + settings), (100, 0))
    assert shares.ask(caller("high", of_team=True), 50) == 50
    assert shares.ask(caller(None), 20) + shares.ask(caller("nothing"), 60) == 50, "the whole group has a hundred"


def test_tokens_count_as_well_and_a_refusal_says_of_whom(tmp_path: Path) -> None:
    config = configured(tmp_path, f"{CALLBACK}  priority_reservation: {{low: 0.1}}\n")
    shares = Shares(config, (0, 1000))
    who = caller("low")
    assert shares.ask(who, 10, tokens=100) == 5
    limits, admission = shares.held(who, 100)
    assert not admission.admit(NOW)
    refused = shares.limiter.refusal(limits, admission)
    assert isinstance(refused, RateLimited)
    assert refused.message == (
        "Priority-based rate limit exceeded. Priority: low, Rate limit type: tokens, Model TPM: 1000, Remaining: 0, "
        "Model saturation: 50.0%"
    )
    assert dict(refused.headers)[b"x-litellm-saturation"] == b"0.50"
