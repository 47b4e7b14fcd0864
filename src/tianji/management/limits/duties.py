"""What a key is held to, apart from its limits: guardrails, shorter budgets, limits of single models.

Whoever is held to something cannot make a key that is not.
"""

from collections.abc import Mapping
from typing import Any, Final

from tianji.auth.durations import length
from tianji.auth.limits import DYNAMIC

_LISTS: Final = ("guardrails", "policies", "enforced_params", "denied_passthrough_routes")
_FIGURES: Final = ("model_rpm_limit", "model_tpm_limit", "mcp_rpm_limit", "tag_rpm_limit")
_BUDGETS: Final = ("budget_duration", "budget_limits", "model_max_budget")
_RATES: Final = ("rpm_limit", "tpm_limit")
_TYPES: Final = tuple(f"{rate}_type" for rate in _RATES)
DUTIES: Final = frozenset({*_LISTS, *_FIGURES, *_BUDGETS, *_TYPES})


def flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with what is kept inside its metadata beside its columns."""
    metadata = row.get("metadata") or {}
    return {**row, **{name: row.get(name) or metadata.get(name) for name in DUTIES}}


def inherited(child: Mapping[str, Any], maker: Mapping[str, Any]) -> dict[str, Any]:
    """Return the duties of a new key: its own and those of the key that makes it."""
    above = flat(maker)
    found: dict[str, Any] = {}
    for name in _LISTS:
        found[name] = list(dict.fromkeys([*(above[name] or ()), *(child.get(name) or ())]))
    for name in (*_FIGURES, "model_max_budget"):
        found[name] = {**(above[name] or {}), **(child.get(name) or {})}
    known = [_window(one) for one in above["budget_limits"] or ()]
    found["budget_limits"] = known + [one for one in child.get("budget_limits") or () if _window(one) not in known]
    return {name: value for name, value in found.items() if value}


def missing(child: Mapping[str, Any], maker: Mapping[str, Any]) -> str | None:
    """Name a duty of `maker` that `child` does not have, None when it has all."""
    above = flat(maker)
    for name in _LISTS:
        if not set(above[name] or ()) <= set(child.get(name) or ()):
            return name
    for name in _FIGURES:
        own = child.get(name) or {}
        if any(own.get(model) is None or own[model] > most for model, most in (above[name] or {}).items()):
            return name
    for rate, name in zip(_RATES, _TYPES, strict=True):
        if child.get(name) == DYNAMIC != above[name] and (maker.get(rate) is not None or above[f"model_{rate}"]):
            return name
    own = child.get("model_max_budget") or {}
    if any(own.get(model) != budget for model, budget in (above["model_max_budget"] or {}).items()):
        return "model_max_budget"
    windows = [_window(one) for one in child.get("budget_limits") or ()]
    if any(_window(one) not in windows for one in above["budget_limits"] or ()):
        return "budget_limits"
    return "budget_duration" if _sooner(child.get("budget_duration"), maker) else None


def _window(one: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a window is, without when it ends."""
    return {name: one.get(name) for name in ("budget_duration", "max_budget")}


def _sooner(duration: str | None, maker: Mapping[str, Any]) -> bool:
    """Whether a budget of `duration` begins anew sooner than the maker's does."""
    if maker.get("max_budget") is None or duration is None:
        return False
    most = maker.get("budget_duration")
    return most is None or length(duration, "budget_duration") < length(most, "budget_duration")
