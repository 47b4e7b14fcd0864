"""The router's figures once every source has spoken: `router_settings`, `litellm_settings`, environment, default."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from tianji.config.decode import number
from tianji.config.schema.root import Config
from tianji.config.schema.router import FallbackRule, Strategy, Target

Targets = tuple[Target, ...]
ANY: Final = "*"
_OFF: Final = ("false", "0", "no", "off")


class Reliability(Struct, frozen=True, kw_only=True):
    """What holds for a call that says nothing itself. Times are seconds.

    The fallback tables map a group (or `*`) to its targets: names of groups, or maps of call parameters.
    `counts_failures`: somebody wrote `allowed_fails`, so failures are counted and not compared with successes.
    """

    strategy: Strategy
    num_retries: int
    retry_after: float
    timeout: float
    stream_timeout: float | None
    allowed_fails: int
    counts_failures: bool
    cooldown_time: float
    max_fallbacks: int
    fallbacks: Mapping[str, Targets]
    context_window_fallbacks: Mapping[str, Targets]
    content_policy_fallbacks: Mapping[str, Targets]


def reliability(config: Config, environ: Mapping[str, str]) -> Reliability:
    """Resolve the figures. A fallback table of `router_settings` replaces that of `litellm_settings` whole."""
    router, settings = config.router_settings, config.litellm_settings
    fallbacks = _table(router.fallbacks or settings.fallbacks)
    everyone = router.default_fallbacks or settings.default_fallbacks
    if everyone:
        fallbacks[ANY] = everyone

    def figure(name: str, default: float, *written: float | None) -> float:
        given = next((value for value in written if value is not None), None)
        if given is not None:
            return given
        from_environment = number(environ.get(name))
        return default if from_environment is None else from_environment

    return Reliability(
        strategy=router.routing_strategy,
        num_retries=int(figure("DEFAULT_MAX_RETRIES", 2, router.num_retries, settings.num_retries)),
        retry_after=router.retry_after,
        timeout=figure("REQUEST_TIMEOUT", 6000.0, router.timeout, settings.request_timeout),
        stream_timeout=router.stream_timeout,
        allowed_fails=int(figure("DEFAULT_ALLOWED_FAILS", 3, router.allowed_fails, settings.allowed_fails)),
        counts_failures=any(
            number(written) is not None
            for written in (router.allowed_fails, settings.allowed_fails, environ.get("DEFAULT_ALLOWED_FAILS"))
        ),
        cooldown_time=figure("DEFAULT_COOLDOWN_TIME_SECONDS", 5.0, router.cooldown_time),
        max_fallbacks=int(figure("ROUTER_MAX_FALLBACKS", 5, router.max_fallbacks, settings.max_fallbacks)),
        fallbacks=fallbacks,
        context_window_fallbacks=_table(router.context_window_fallbacks or settings.context_window_fallbacks),
        content_policy_fallbacks=_table(router.content_policy_fallbacks or settings.content_policy_fallbacks),
    )


def drops_params(config: Config, environ: Mapping[str, str]) -> bool | None:
    """Whether what a model cannot take is left out: `drop_params`, else DROP_PARAMS; None where neither says it."""
    written = environ.get("DROP_PARAMS", "").strip().lower()
    said = config.litellm_settings.drop_params
    return said if said is not None or not written else written not in _OFF


def _table(rules: tuple[FallbackRule, ...]) -> dict[str, Targets]:
    table: dict[str, Targets] = {}
    for rule in rules:
        for group, targets in rule.items():
            table.setdefault(group, targets)
    return table
