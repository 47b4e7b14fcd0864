"""When budgets begin anew, by the clock and the zone of the configuration."""

from datetime import datetime, time
from typing import Any

from tianji.auth.durations import length, next_reset, zone
from tianji.config.schema import Config
from tianji.management.desk import Call


def reset_at(config: Config, now: datetime, duration: str | None) -> datetime | None:
    """Return when a budget of this duration begins anew; None without one. Raises Unacceptable."""
    if duration is None:
        return None
    settings = config.litellm_settings
    at = time.fromisoformat(settings.budget_reset_time or "00:00")
    return next_reset(duration, now, where=zone(settings.timezone), at=at)


def apply_period(call: Call, values: dict[str, Any]) -> None:
    """Set when the budget of `values` begins anew, where its duration was sent, and the same for its windows."""
    if "budget_duration" in values:
        values["budget_reset_at"] = reset_at(call.config, call.now, values["budget_duration"])
    for window in values.get("budget_limits") or ():
        moment = reset_at(call.config, call.now, window.get("budget_duration"))
        window.setdefault("reset_at", None if moment is None else moment.isoformat())
    for entry in (values.get("model_max_budget") or {}).values():
        if isinstance(entry, dict):
            period = entry.get("time_period") or entry.get("budget_duration")
            if period is not None:
                length(period, "model_max_budget")
