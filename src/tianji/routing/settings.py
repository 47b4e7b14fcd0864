"""From `router_settings` to the objects that decide about retries, rests and fallbacks."""

from collections.abc import Iterable, Mapping
from typing import Final, TypeVar

from tianji._core.routing.dice import Dice
from tianji._core.routing.health import HealthTable
from tianji.config.inherit import Reliability, reliability
from tianji.config.schema import Config, ModelEntry
from tianji.routing.affinity import affinity_of
from tianji.routing.cooldown import Cooldowns, Limits, Rule
from tianji.routing.failure import Kind
from tianji.routing.fallback import Fallbacks
from tianji.routing.lar1 import typed_deployments
from tianji.routing.queue import patience_of
from tianji.routing.retry import GroupRetry, Policy, Retries
from tianji.routing.router import Resolve, Router, Switches
from tianji.routing.selections import Selections

N = TypeVar("N")
_RETRIES: Final = "Retries"
_ALLOWED: Final = "AllowedFails"
_EVERY_OTHER: Final = "Default"


def compile_router(
    config: Config,
    environ: Mapping[str, str],
    selections: Selections,
    resolve: Resolve,
    dice: Dice,
    table: HealthTable,
) -> Router:
    """Compile what Attempts go by; `resolve` finds the groups that `selections` were made for, in `table`."""
    figures = reliability(config, environ)
    fallbacks = compile_fallbacks(config, figures)
    return Router(
        resolve=resolve,
        cooldowns=compile_cooldowns(config, figures, selections, fallbacks),
        dice=dice,
        table=table,
        retries=compile_retries(config, figures),
        fallbacks=fallbacks,
        switches=Switches(
            fails_over=config.router_settings.enable_weighted_failover,
            region=config.router_settings.allowed_model_region,
            looks_at_agents=any(entry.params.tag_regex for entry in config.model_list),
            lets_tests=config.general_settings.dangerously_allow_mock_testing_request_params is True,
            lets_tags=not config.general_settings.reject_clientside_metadata_tags,
            patience=patience_of(config.router_settings),
            affinity=affinity_of(config.router_settings, environ),
            typed=typed_deployments(config),
            tells_trail=config.litellm_settings.expose_router_debug_in_errors,
        ),
    )


def compile_fallbacks(config: Config, figures: Reliability) -> Fallbacks:
    """Return the fallback tables with their switches."""
    router = config.router_settings
    return Fallbacks(
        general=figures.fallbacks,
        context_window=figures.context_window_fallbacks,
        content_policy=figures.content_policy_fallbacks,
        most=figures.max_fallbacks,
        mode=router.max_fallbacks_mode,
        chain_defaults=router.chain_default_fallbacks,
        context_to_general=router.context_fallback_to_general,
        on_client_errors=router.fallback_on_client_errors,
        on_bad_request=router.fallback_on_unsupported_params,
    )


def compile_retries(config: Config, figures: Reliability) -> Retries:
    """Return the numbers of retries and the policies."""
    router = config.router_settings
    return Retries(
        num_retries=figures.num_retries,
        retry_after=figures.retry_after,
        policy=_policy(router.retry_policy),
        groups={name: _group_retry(written) for name, written in router.model_group_retry_policy.items()},
        deployments={
            entry.id: entry.params.num_retries for entry in config.model_list if entry.params.num_retries is not None
        },
        most=config.litellm_settings.num_retries_per_request,
    )


def compile_cooldowns(config: Config, figures: Reliability, selections: Selections, fallbacks: Fallbacks) -> Cooldowns:
    """Return the rules of rest, those of the router and those of each deployment."""
    router = config.router_settings
    policy = _allowed(router.allowed_fails_policy)
    counted = figures.counts_failures or policy
    siblings = selections.siblings()
    rules = {
        entry.id: Rule(
            siblings=siblings.get(entry.id, ()),
            falls_back=fallbacks.leads_on(_names(config, entry.model_name)),
            pattern="*" in entry.model_name,
            seconds=entry.params.cooldown_time if entry.info.cooldown_time is None else entry.info.cooldown_time,
            limits=_own_limits(entry, figures.allowed_fails),
        )
        for entry in config.model_list
    }
    return Cooldowns(
        seconds=figures.cooldown_time,
        cap=router.cooldown_cap_seconds,
        limits=Limits(figures.allowed_fails, policy) if counted else Limits(),
        rules=rules,
        enabled=not router.disable_cooldowns,
    )


def _names(config: Config, group: str) -> Iterable[str]:
    """Return the names that lead to a group: its own, then its aliases."""
    yield group
    for alias, target in config.router_settings.model_group_alias.items():
        if (target if isinstance(target, str) else target.get("model")) == group:
            yield alias


def _own_limits(entry: ModelEntry, otherwise: int) -> Limits:
    params, info = entry.params, entry.info
    allowed = params.allowed_fails if info.allowed_fails is None else info.allowed_fails
    policy = _allowed(info.allowed_fails_policy or params.allowed_fails_policy)
    return Limits(otherwise if allowed is None and policy else allowed, policy)


def _allowed(written: Mapping[str, int | None]) -> dict[Kind, int]:
    return {kind: number for kind, number in _by_kind(written, _ALLOWED).items() if number is not None}


def _policy(written: Mapping[str, float | None]) -> Policy:
    default = written.get(_EVERY_OTHER + _RETRIES)
    by_kind = {kind: int(number) for kind, number in _by_kind(written, _RETRIES).items() if number is not None}
    return Policy(by_kind, None if default is None else int(default))


def _group_retry(written: Mapping[str, float | None]) -> GroupRetry:
    retries = written.get("num_retries")
    return GroupRetry(_policy(written), None if retries is None else int(retries), written.get("retry_after"))


def _by_kind(written: Mapping[str, N], suffix: str) -> dict[Kind, N]:
    known = {kind.value + suffix: kind for kind in Kind}
    return {known[name]: number for name, number in written.items() if name in known}
