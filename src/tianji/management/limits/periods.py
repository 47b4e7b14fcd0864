"""When budgets begin anew, by the clock and the zone of the configuration."""

import math
from collections.abc import MutableMapping
from datetime import datetime, time
from typing import Any, Final

from tianji.auth.durations import length, next_reset, zone
from tianji.config.schema import Config
from tianji.errors import Unacceptable
from tianji.management.desk import Call

_OF_MODELS: Final = "model_max_budget"
_OF_WINDOWS: Final = "budget_limits"


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
    for window in values.get(_OF_WINDOWS) or ():
        _number(window, "max_budget", _OF_WINDOWS)
        moment = reset_at(call.config, call.now, window.get("budget_duration"))
        window.setdefault("reset_at", None if moment is None else moment.isoformat())
    for model, entry in (values.get(_OF_MODELS) or {}).items():
        if not isinstance(entry, dict):
            raise Unacceptable(
                f'{_OF_MODELS} of {model!r} must be an object, such as {{"budget_limit": 10, "time_period": "1d"}}',
                param=_OF_MODELS,
            )
        _check_entry(entry)


def _check_entry(entry: dict[str, Any]) -> None:
    """Check the budget of one model, so that none is kept that would hold nobody. Raises Unacceptable."""
    for name in ("budget_limit", "max_budget"):
        _number(entry, name, _OF_MODELS)
    period = entry.get("time_period") or entry.get("budget_duration")
    if period is not None:
        length(period, _OF_MODELS)
    elif not {"budget_limit", "max_budget"}.isdisjoint(name for name, said in entry.items() if said is not None):
        raise Unacceptable(f'a budget in {_OF_MODELS} needs a time_period, such as "1d"', param=_OF_MODELS)


def _number(values: MutableMapping[str, Any], name: str, param: str) -> None:
    """Make a number of an amount that was sent as text, as clients of this field do. Raises Unacceptable."""
    said = values.get(name)
    if said is None:
        return
    try:
        amount = math.nan if isinstance(said, bool) else float(said)
    except (TypeError, ValueError):
        amount = math.nan
    if not math.isfinite(amount):
        raise Unacceptable(f"{name} in {param} must be a number of US dollars, not {said!r}", param=param)
    values[name] = amount
