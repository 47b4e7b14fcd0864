"""`router_settings`."""

# ruff: noqa: RUF012 - msgspec copies an empty default for every struct

import re
from types import MappingProxyType
from typing import ClassVar, Final, Literal

from tianji.config.schema.base import Flag, Names, Rows, Section, Table, Text

Strategy = Literal[
    "simple-shuffle", "least-busy", "usage-based-routing", "usage-based-routing-v2", "latency-based-routing",
    "cost-based-routing", "provider-budget-routing", "lar1",
    # Tianji's older names for the same
    "", "usage-based", "lowest-tpm-rpm", "lowest-latency", "lowest-cost", "priority", "region-based",
]  # fmt: skip
Target = str | Table
"""Where a fallback leads: a group's name, or call parameters with a `model` among them."""
FallbackRule = dict[str, tuple[Target, ...]]
"""One group (or `*`) and its targets."""

RETRY_KINDS: Final = tuple(
    name + "Retries"
    for name in [
        "BadRequestError",
        "AuthenticationError",
        "TimeoutError",
        "RateLimitError",
        "ContentPolicyViolationError",
        "InternalServerError",
        "ServiceUnavailableError",
        "NotFoundError",
        "Default",
    ]
)
GROUP_RETRY_KEYS: Final = (*RETRY_KINDS, "num_retries", "timeout", "retry_after")
FAIL_KINDS: Final = tuple(
    name + "AllowedFails"
    for name in [
        "BadRequestError",
        "AuthenticationError",
        "TimeoutError",
        "RateLimitError",
        "ContentPolicyViolationError",
        "InternalServerError",
        "ServiceUnavailableError",
        "BadGatewayError",
        "NotFoundError",
    ]
)
PRE_CALL_CHECKS: Final = (
    "prompt_caching", "router_budget_limiting", "responses_api_deployment_check", "deployment_affinity",
    "session_affinity", "forward_client_headers_by_model_group", "enforce_model_rate_limits",
    "encrypted_content_affinity",
)  # fmt: skip

LOWEST_PRIORITY: Final = 255
PERCENTILE: Final = re.compile(r"p[1-9][0-9]?")
NO_DELAY: Final = ("must be seconds above 0, or a percentile from p1 to p99", "write `hedge_after: p95`")


def is_delay(written: float | str | None) -> bool:
    """Whether `hedge_after` has a meaning: seconds, a percentile, or null."""
    if isinstance(written, str):
        return PERCENTILE.fullmatch(written) is not None
    return written is None or written > 0


class RoutingGroup(Section, frozen=True, kw_only=True):
    """Several model groups under one name with a strategy of their own."""

    required: ClassVar[frozenset[str]] = frozenset({"group_name"})
    group_name: str
    models: Names = ()
    routing_strategy: str | None = None  # a strategy of the router, or "priority"
    routing_strategy_args: Table = {}
    model_priorities: Table = {}


class PeriodBudget(Section, frozen=True, kw_only=True):
    """A budget in US dollars for a period, of a provider or a tag, and limits; both spellings of each are known."""

    budget_limit: float | None = None
    max_budget: float | None = None
    time_period: str | None = None
    budget_duration: str | None = None
    tpm_limit: int | None = None
    rpm_limit: int | None = None

    @property
    def limit(self) -> float | None:
        """The budget; None for none."""
        return self.budget_limit if self.max_budget is None else self.max_budget

    @property
    def period(self) -> str | None:
        """The length of the period, such as 1d; None where nothing says one."""
        return self.time_period or self.budget_duration


class RouterSettings(Section, frozen=True, kw_only=True):
    """How a deployment is chosen, retried and rested. Times are seconds. None means: `litellm_settings` decides."""

    remedies = MappingProxyType(
        {
            "fallbacks": "write `fallbacks: [{group: [other-group]}]`",
            "content_policy_fallbacks": "write `content_policy_fallbacks: [{group: [other-group]}]`",
            "default_fallbacks": "write a list of groups: `default_fallbacks: [group]`",
        }
    )
    routing_strategy: Strategy = "simple-shuffle"
    routing_strategy_args: Table = {}
    routing_groups: tuple[RoutingGroup, ...] = ()
    num_retries: int | None = None
    timeout: float | None = None
    stream_timeout: float | None = None
    total_timeout: float | None = None
    connect_timeout: float | None = None  # Tianji's own, as the next two: until there is a connection,
    ttft_timeout: float | None = None  # until a stream begins,
    idle_timeout: float | None = None  # between two pieces of it
    retry_after: float = 0
    retry_policy: dict[str, int | None] = {}
    model_group_retry_policy: dict[str, dict[str, float | None]] = {}
    allowed_fails: int | None = None
    allowed_fails_policy: dict[str, int | None] = {}
    cooldown_time: float | None = None
    cooldown_cap_seconds: float = 600
    disable_cooldowns: Flag | None = None
    allow_cooled_when_exhausted: Flag = False
    fallbacks: tuple[FallbackRule, ...] | None = None
    context_window_fallbacks: tuple[FallbackRule, ...] | None = None
    content_policy_fallbacks: tuple[FallbackRule, ...] | None = None
    default_fallbacks: tuple[Target, ...] | None = None
    max_fallbacks: int | None = None
    max_fallbacks_mode: Literal["hops", "depth"] = "hops"
    chain_default_fallbacks: Flag = False
    context_fallback_to_general: Flag = False
    fallback_on_client_errors: Flag = True
    fallback_on_unsupported_params: Flag = True
    enable_weighted_failover: Flag = False
    model_group_alias: dict[str, str | Table] = {}
    enable_pre_call_checks: Flag = False
    optional_pre_call_checks: Names = ()
    deployment_affinity_ttl_seconds: int = 3600
    model_group_affinity_config: dict[str, Names] = {}
    enable_tag_filtering: Flag = False
    tag_filtering_match_any: Flag = True
    tag_routing_prefix: str = ""
    allowed_model_region: str | None = None
    provider_budget_config: dict[str, PeriodBudget] = {}
    redis_url: str | None = None
    redis_host: str | None = None
    redis_port: int | None = None
    redis_password: Text | None = None
    redis_db: int | None = None
    cache_kwargs: Table = {}
    cache_responses: Flag | None = None
    caching_groups: tuple[Names, ...] = ()
    client_ttl: float = 3600
    default_litellm_params: Table = {}
    default_max_parallel_requests: int | None = None
    default_priority: int | None = None
    polling_interval: float = 0.03
    # Tianji's own
    queue_timeout: float = 0  # how long a request waits for a slot; 0: it does not
    queue_size: int = 1000  # how many wait at a time, for each group and worker
    adaptive_concurrency: Flag = False  # whether requests at a time are limited to what an upstream shows it can take
    stream_recovery: Flag = False  # whether another deployment goes on where a stream breaks
    mid_stream_continuation: Flag = False  # the same
    hedge_after: float | str | None = None  # seconds, or a percentile of its own as in p95; null: no second attempt
    enable_health_check_routing: Flag = False
    health_check_staleness_threshold: float = 600
    health_check_ignore_transient_errors: Flag = False
    background_health_check_model_groups: Names = ()
    plugins: Names = ()
    guardrail_list: Rows = ()
    alerting_config: Table = {}
    set_verbose: Flag = False
    debug_level: str = "INFO"
