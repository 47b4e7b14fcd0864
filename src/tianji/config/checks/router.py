"""`router_settings` and the fallback tables of `litellm_settings`."""

from collections.abc import Iterable, Mapping
from typing import Final

from tianji.config.checks.subject import Subject
from tianji.config.decode import nearest
from tianji.config.schema.router import FAIL_KINDS, PRE_CALL_CHECKS, RETRY_KINDS, Strategy
from tianji.config.tree import Items, Map

_STRATEGIES: Final = (*Strategy.__args__, "priority")  # type: ignore[attr-defined]
_FATAL: Final = ("health_check_interval", "health_check_concurrency")


def check(subject: Subject) -> None:
    """Check routing groups, fallback tables, policies and keys that stop the start."""
    router = subject.config.router_settings
    for key in _FATAL:
        if key in router.extra:
            subject.error(("router_settings", key), "does not belong here", "move it into general_settings")
    for table in ("fallbacks", "content_policy_fallbacks", "context_window_fallbacks"):
        _rules(subject, ("router_settings", table))
        _rules(subject, ("litellm_settings", table))
    _known(subject, ("router_settings", "retry_policy"), router.retry_policy, RETRY_KINDS)
    _known(subject, ("router_settings", "allowed_fails_policy"), router.allowed_fails_policy, FAIL_KINDS)
    for group, policy in router.model_group_retry_policy.items():
        _known(subject, ("router_settings", "model_group_retry_policy", group), policy, RETRY_KINDS)
    _known(subject, ("router_settings", "optional_pre_call_checks"), router.optional_pre_call_checks, PRE_CALL_CHECKS)
    _groups(subject)


def _rules(subject: Subject, path: tuple[str, str]) -> None:
    rules = subject.written(*path)
    for index, rule in enumerate(rules if isinstance(rules, Items) else ()):
        if isinstance(rule, Map) and len(rule) != 1:
            remedy = "write one group for each list item: `- group: [other-group]`"
            subject.error((*path, index), "must have exactly one group", remedy)


def _known(subject: Subject, path: tuple[str, ...], names: Iterable[str], known: Iterable[str]) -> None:
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
        if strategy == "priority":
            continue
        for model in group.models:
            other = member_of.setdefault(model, group.group_name)
            if other != group.group_name:
                subject.error((*path, "models"), f"{model!r} is in the group {other!r} too", "keep it in one of them")
