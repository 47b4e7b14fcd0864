"""What the configuration says of limits and budgets, and when budgets begin anew."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, time, tzinfo
from typing import Final, Literal

from msgspec import Struct

from tianji.auth.durations import following, next_reset, span, zone
from tianji.config.schema import Config, ModelEntry

Renew = Callable[[float, float], tuple[float, float]]
"""Gives beginning and end of the period under way, of the end of an earlier one and the time: seconds since 1970."""

Span = Callable[[float], tuple[float, float]]
"""Gives beginning and end of a period by the calendar, of a moment within it; all are seconds since 1970."""

COUNTED: Final = {"total": "tokens", "input": "input_tokens", "output": "output_tokens"}


class Usual(Struct, frozen=True):
    """What a key may have of a model in a minute: the least that one of its deployments says."""

    requests: int | None = None
    tokens: int | None = None


class Rules(Struct, frozen=True, kw_only=True):
    """Settings of all limits."""

    counted: Literal["total", "input", "output"] = "total"  # which tokens a limit of tokens counts
    whole: bool = False  # an estimate that is more than what is left of a budget is refused
    users_pay_for_teams: bool = False  # the budget of a key's owner holds for keys of a team too
    over_budget: int = 422  # status of a refusal by a budget
    zone: tzinfo = UTC
    day_begins: time = time()
    resets: bool = True  # whether budgets begin anew at all
    usual: Mapping[str, "Usual"] = {}  # by model group, of keys of which nobody says what they may have of it

    def period_end(self, duration: str, since_1970: float) -> float:
        """Return the end of the period of a budget that begins to be counted now. Raises Unacceptable."""
        return next_reset(duration, _moment(since_1970), where=self.zone, at=self.day_begins).timestamp()

    def following(self, duration: str, ended: float, since_1970: float) -> tuple[float, float]:
        """Return beginning and end of the period under way, where an earlier one ended at `ended`. Raises Unacceptable.

        All times are seconds since 1970, here and below.
        """
        edges = following(duration, _moment(ended), _moment(since_1970), where=self.zone, at=self.day_begins)
        return edges[0].timestamp(), edges[1].timestamp()

    def span(self, duration: str, since_1970: float, param: str = "budget_duration") -> tuple[float, float]:
        """Return beginning and end of the period under way, where no earlier one is known. Raises Unacceptable."""
        edges = span(duration, _moment(since_1970), where=self.zone, at=self.day_begins, param=param)
        return edges[0].timestamp(), edges[1].timestamp()

    def renewal(self, duration: str | None) -> Renew | None:
        """Return what gives the period after one that ended; None for a budget that never begins anew."""
        if duration is None or not self.resets:
            return None
        return lambda ended, now: self.following(duration, ended, now)

    def spans(self, duration: str | None) -> Span | None:
        """Return what gives the period at a moment; None for a budget that never begins anew."""
        return None if duration is None or not self.resets else lambda now: self.span(duration, now)


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
        resets=not general.disable_reset_budget,
        usual=_usual(config.model_list),
    )


def _usual(entries: Iterable[ModelEntry]) -> dict[str, Usual]:
    found: dict[str, Usual] = {}
    for entry in entries:
        requests, tokens = entry.params.default_api_key_rpm_limit, entry.params.default_api_key_tpm_limit
        if requests is not None or tokens is not None:
            so_far = found.get(entry.model_name, Usual())
            found[entry.model_name] = Usual(_least(so_far.requests, requests), _least(so_far.tokens, tokens))
    return found


def _least(one: int | None, other: int | None) -> int | None:
    return min((figure for figure in (one, other) if figure is not None), default=None)


def _moment(since_1970: float) -> datetime:
    return datetime.fromtimestamp(since_1970, UTC)
