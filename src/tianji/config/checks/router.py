"""`router_settings`: routing groups, policies, numbers, and what the strategy is told."""

from collections.abc import Iterable, Mapping
from typing import Final

from tianji.config.checks.subject import Subject
from tianji.config.decode import nearest, number
from tianji.config.durations import NO_DURATION, is_duration
from tianji.config.schema.router import (
    FAIL_KINDS,
    GROUP_RETRY_KEYS,
    LOWEST_PRIORITY,
    NO_DELAY,
    PRE_CALL_CHECKS,
    RETRY_KINDS,
    Strategy,
    is_delay,
)

_STRATEGIES: Final = tuple(name for name in Strategy.__args__ if name)  # type: ignore[attr-defined]
_FATAL: Final = ("health_check_interval", "health_check_concurrency")
_NOT_NEGATIVE: Final = (
    "num_retries", "retry_after", "allowed_fails", "cooldown_time", "cooldown_cap_seconds", "max_fallbacks",
    "default_max_parallel_requests", "queue_timeout",
)  # fmt: skip
_ABOVE_ZERO: Final = (
    "timeout", "stream_timeout", "total_timeout", "connect_timeout", "ttft_timeout", "idle_timeout", "queue_size",
)  # fmt: skip
_ARGUMENTS: Final[Mapping[str, tuple[float, float]]] = {  # of routing_strategy_args: smallest and largest value
    "ttl": (1, 1e9),
    "lowest_latency_buffer": (0, 1e9),
    "max_latency_list_size": (1, 32),
    "ttft_percentile": (0, 1),
    "confidence_threshold_low": (0, 1),
    "confidence_threshold_medium": (0, 1),
    "confidence_threshold_high": (0, 1),
}


def check(subject: Subject) -> None:
    """Check keys that stop the start, numbers, policies and routing groups."""
    router = subject.config.router_settings
    for key in _FATAL:
        if key in router.extra:
            subject.error(("router_settings", key), "does not belong here", "move it into general_settings")
    _numbers(subject)
    _known(subject, ("router_settings", "retry_policy"), router.retry_policy, RETRY_KINDS)
    _known(subject, ("router_settings", "allowed_fails_policy"), router.allowed_fails_policy, FAIL_KINDS)
    for group, policy in router.model_group_retry_policy.items():
        _known(subject, ("router_settings", "model_group_retry_policy", group), policy, GROUP_RETRY_KEYS)
    _known(subject, ("router_settings", "optional_pre_call_checks"), router.optional_pre_call_checks, PRE_CALL_CHECKS)
    for group, checks in router.model_group_affinity_config.items():
        _known(subject, ("router_settings", "model_group_affinity_config", group), checks, PRE_CALL_CHECKS)
    _arguments(subject, ("router_settings", "routing_strategy_args"), router.routing_strategy_args)
    _thresholds(subject)
    if router.enable_weighted_failover and router.routing_strategy not in {"", "simple-shuffle"}:
        path = ("router_settings", "enable_weighted_failover")
        subject.warning(path, "works with simple-shuffle only, so it has no effect", "remove it")
    _groups(subject)


def _numbers(subject: Subject) -> None:
    router = subject.config.router_settings
    for key in (*_NOT_NEGATIVE, *_ABOVE_ZERO):
        value = getattr(router, key)
        if value is not None and (value < 0 or (value == 0 and key in _ABOVE_ZERO)):
            fault = "must be above 0" if key in _ABOVE_ZERO else "must not be negative"
            subject.error(("router_settings", key), fault, "correct it, or remove it for the default")
    if router.default_priority is not None and not 0 <= router.default_priority <= LOWEST_PRIORITY:
        path = ("router_settings", "default_priority")
        subject.error(path, f"must be from 0 to {LOWEST_PRIORITY}", "0 is the most urgent")
    budgets = {
        ("router_settings", "provider_budget_config"): router.provider_budget_config,
        ("litellm_settings", "tag_budget_config"): subject.config.litellm_settings.tag_budget_config,
    }
    for path, written in budgets.items():
        for whose, budget in written.items():
            for name in ("time_period", "budget_duration"):
                if not is_duration(getattr(budget, name)):
                    subject.error((*path, whose, name), *NO_DURATION)
    if not is_delay(router.hedge_after):
        subject.error(("router_settings", "hedge_after"), *NO_DELAY)


def _arguments(subject: Subject, path: tuple[str | int, ...], written: Mapping[str, object]) -> None:
    _known(subject, path, written, _ARGUMENTS)
    for name, value in written.items():
        if name not in _ARGUMENTS or value is None:
            continue
        least, most = _ARGUMENTS[name]
        figure = number(value)
        if figure is None or not least <= figure <= most:
            subject.error((*path, name), f"must be a number from {least:g} to {most:g}", "correct it")


def _thresholds(subject: Subject) -> None:
    router = subject.config.router_settings
    if router.routing_strategy != "lar1":
        return
    usual = {"low": 0.3, "medium": 0.5, "high": 0.7}
    written = router.routing_strategy_args
    low, medium, high = (number(written.get(f"confidence_threshold_{name}", value)) for name, value in usual.items())
    if low is not None and medium is not None and high is not None and not 0 < low < medium < high < 1:
        path = ("router_settings", "routing_strategy_args")
        subject.error(path, "the confidence thresholds do not rise from 0 to 1", "write low < medium < high")


def _known(subject: Subject, path: tuple[str | int, ...], names: Iterable[str], known: Iterable[str]) -> None:
    for index, name in enumerate(names):
        if name not in known:
            step: str | int = name if isinstance(names, Mapping) else index
            subject.warning((*path, step), f"{name!r} is not known, so it has no effect", nearest(name, known))


def _groups(subject: Subject) -> None:
    seen: set[str] = set()
    member_of: dict[str, str] = {}
    for index, group in enumerate(subject.config.router_settings.routing_groups):
        path = ("router_settings", "routing_groups", index)
        if group.group_name == "default":
            subject.error((*path, "group_name"), "`default` is taken by the router itself", "choose another name")
        if group.group_name in seen:
            subject.error((*path, "group_name"), f"{group.group_name!r} is written twice", "choose another name")
        seen.add(group.group_name)
        strategy = group.routing_strategy
        if strategy is not None and strategy not in _STRATEGIES:
            remedy = f"use one of {', '.join(_STRATEGIES)}"
            subject.error((*path, "routing_strategy"), f"{strategy!r} is not a strategy", remedy)
        _arguments(subject, (*path, "routing_strategy_args"), group.routing_strategy_args)
        if strategy == "priority":
            continue
        for model in group.models:
            other = member_of.setdefault(model, group.group_name)
            if other != group.group_name:
                subject.error((*path, "models"), f"{model!r} is in the group {other!r} too", "keep it in one of them")
