"""What the configuration says of limits and budgets, and when budgets begin anew."""

from collections.abc import Callable
from datetime import UTC, datetime, time, tzinfo
from typing import Final, Literal

from msgspec import Struct

from tianji.auth.durations import length, next_reset, zone
from tianji.config.schema import Config

COUNTED: Final = {"total": "tokens", "input": "input_tokens", "output": "output_tokens"}


class Rules(Struct, frozen=True, kw_only=True):
    """Settings of all limits."""

    counted: Literal["total", "input", "output"] = "total"  # which tokens a limit of tokens counts
    whole: bool = False  # an estimate that is more than what is left of a budget is refused
    users_pay_for_teams: bool = False  # the budget of a key's owner holds for keys of a team too
    over_budget: int = 422  # status of a refusal by a budget
    zone: tzinfo = UTC
    day_begins: time = time()

    def period_end(self, duration: str, since_1970: float) -> float:
        """Return the end of the period of a budget that is under way, by the calendar. Raises Unacceptable."""
        now = datetime.fromtimestamp(since_1970, UTC)
        return next_reset(duration, now, where=self.zone, at=self.day_begins).timestamp()

    def renewal(self, duration: str | None) -> Callable[[float], float] | None:
        """Return what gives the end of the next period; None for a budget that never begins anew."""
        return None if duration is None else lambda since_1970: self.period_end(duration, since_1970)


def rules_of(config: Config) -> Rules:
    """Read the settings. Raises ZoneInfoNotFoundError for a time zone that there is not."""
    general, settings = config.general_settings, config.litellm_settings
    return Rules(
        counted=general.token_rate_limit_type,
        whole=general.fail_closed_budget_enforcement,
        users_pay_for_teams=general.apply_user_budget_to_team_keys,
        over_budget=settings.budget_exceeded_status_code,
        zone=zone(settings.timezone),
        day_begins=time.fromisoformat(settings.budget_reset_time or "00:00"),
    )


def rolling(duration: str, param: str) -> Callable[[float], float]:
    """Return what gives the end of a period that begins when it is first used. Raises Unacceptable naming `param`."""
    seconds = length(duration, param).total_seconds()
    return lambda since_1970: since_1970 + seconds
