"""The families of LiteLLM's `prometheus` callback that this gateway knows the facts of, with their labels.

Source: LiteLLM's documentation of its metrics, https://docs.litellm.ai/docs/proxy/prometheus
"""

from typing import Final, Literal

from msgspec import Struct

from tianji.storage import services

Kind = Literal["counter", "gauge", "histogram"]
Status = Literal["", "success", "failure"]

LATENCY: Final = services.LATENCY
PER_TOKEN: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)


class Family(Struct, frozen=True):
    """One family.

    of: what it sums up, a figure of `tianji.metrics.cells`; empty for what is not summed up out of entries
    status: of the entries that count; scale: what a sum is multiplied with
    call_type: of the entries that count, as the ledger has it; empty for all
    """

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str
    of: str = ""
    status: Status = ""
    scale: float = 1.0
    call_type: str = ""


TOOL_CALLS: Final = "call_mcp_tool"
_NANO: Final = 1e-9
_MICRO: Final = 1e-6
_KEY: Final = ("hashed_api_key", "api_key_alias")
_TEAM: Final = ("team", "team_alias")
_ORG: Final = ("org_id", "org_alias")
DEPLOYMENT: Final = ("litellm_model_name", "model_id", "api_base", "api_provider")
_CLIENT: Final = ("client_ip", "user_agent")
_WHO: Final = (*_KEY, *_TEAM, *_ORG)
_TOKENS: Final = (*_WHO, "end_user", "model", "user", "user_email", "requested_model", "model_id", "api_provider")
_PARTS: Final = (
    *_KEY,
    *_TEAM,
    "end_user",
    "model",
    "user",
    "user_email",
    "requested_model",
    "model_id",
    "api_provider",
)
_CACHE: Final = (*_KEY, *_TEAM, "model", "end_user", "user", "model_id", "api_provider")
_TIMES: Final = (
    *_WHO, "model_group", "model", "requested_model", "end_user", "user", "model_id", "api_provider", "service_tier"
)  # fmt: skip
_SPENT: Final = (
    *_WHO, *_CLIENT, "end_user", "model", "user", "user_email", "requested_model", "model_id", "api_provider",
)  # fmt: skip
_SERVED: Final = (*_KEY, *_TEAM, *DEPLOYMENT, *_CLIENT, "model_group", "requested_model")
_FAULT: Final = ("exception_status", "exception_class")
_FALLBACK: Final = (*_KEY, *_TEAM, "requested_model", "fallback_model", *_FAULT, "model_id")
_TOOL: Final = (*_KEY, *_TEAM, "mcp_tool_name", "mcp_server_name", "user", "end_user")
_ASKED: Final = (*_WHO, *_CLIENT, "end_user", "requested_model", "user")

COUNTED: Final = (
    Family(
        "litellm_proxy_failed_requests_metric_total", "counter",
        (*_ASKED, "user_email", *_FAULT, "route", "model_id", "api_provider"),
        "Requests that were not answered as they should.", "requests", "failure",
    ),
    Family(
        "litellm_proxy_total_requests_metric_total", "counter",
        (*_ASKED, "status_code", "user_email", "route", "model_id", "api_provider"), "Requests.", "requests",
    ),
    Family(
        "litellm_request_total_latency_metric", "histogram",
        (*_WHO, "model_group", "end_user", "requested_model", "user", "model", "model_id", "api_provider",
         "service_tier"),
        "Seconds from the arrival of a request to the end of its answer.", "total", "success", _MICRO,
    ),
    Family(
        "litellm_llm_api_latency_metric", "histogram", _TIMES, "Seconds that the upstream took.",
        "upstream", "success", _MICRO,
    ),
    Family(
        "litellm_llm_api_time_to_first_token_metric", "histogram", _TIMES,
        "Seconds to the first byte of a stream.", "first_token", "success", _MICRO,
    ),
    Family(
        "litellm_spend_metric_total", "counter", (*_SPENT, "service_tier"), "US dollars.", "cost", "", _NANO,
    ),
    Family("litellm_total_tokens_metric_total", "counter", _TOKENS, "Tokens, of prompts and answers.", "tokens"),
    Family("litellm_input_tokens_metric_total", "counter", _TOKENS, "Tokens of prompts.", "prompt"),
    Family("litellm_output_tokens_metric_total", "counter", _TOKENS, "Tokens of answers.", "completion"),
    Family(
        "litellm_input_cached_tokens_metric_total", "counter", _PARTS, "Tokens that the provider had cached.", "cached"
    ),
    Family(
        "litellm_input_cache_creation_tokens_metric_total", "counter", _PARTS, "Tokens that the provider cached.",
        "written",
    ),
    Family("litellm_input_audio_tokens_metric_total", "counter", _PARTS, "Tokens of sound in prompts.", "audio_in"),
    Family(
        "litellm_output_reasoning_tokens_metric_total", "counter", _PARTS, "Tokens of reasoning in answers.",
        "reasoning",
    ),
    Family("litellm_output_audio_tokens_metric_total", "counter", _PARTS, "Tokens of sound in answers.", "audio_out"),
    Family(
        "litellm_video_duration_seconds_metric_total", "counter", _TOKENS, "Seconds of video that was made.",
        "video", "", 1e-3,
    ),
    Family("litellm_images_generated_metric_total", "counter", _TOKENS, "Pictures that were made.", "images"),
    Family(
        "litellm_overhead_latency_metric", "histogram", (*_KEY, *DEPLOYMENT, "model_group"),
        "Seconds that a request spent in the gateway.", "overhead", "success", _MICRO,
    ),
    Family(
        "litellm_overhead_with_guardrails_latency_metric", "histogram", (*_KEY, *DEPLOYMENT, "model_group"),
        "The same: guardrails are part of the gateway.", "overhead", "success", _MICRO,
    ),
    Family(
        "litellm_request_queue_time_seconds", "histogram",
        (*_WHO, "end_user", "requested_model", "user", "model", "model_id", "api_provider"),
        "Seconds from the arrival of a request until the attempt that answered it began.", "waited", "success", _MICRO,
    ),
    Family(
        "litellm_deployment_success_responses_total", "counter", _SERVED, "Answers of a deployment.", "served",
        "success",
    ),
    Family(
        "litellm_deployment_failure_responses_total", "counter", (*_SERVED, *_FAULT), "Failures of a deployment.",
        "served", "failure",
    ),
    Family("litellm_deployment_total_requests_total", "counter", _SERVED, "Attempts at a deployment.", "served"),
    Family(
        "litellm_deployment_latency_per_output_token", "histogram", (*_WHO, *DEPLOYMENT, "model_group"),
        "Seconds of an answer for each of its tokens.", "per_token", "success", _MICRO,
    ),
    Family(
        "litellm_llm_api_failed_requests_metric_total", "counter",
        (*_KEY, *_TEAM, "end_user", "model", "user", "model_id"), "Attempts that failed.", "served", "failure",
    ),
    Family(
        "litellm_requests_metric_total", "counter", _SPENT, "Requests that were answered.", "requests", "success",
    ),
    Family(
        "litellm_zero_cost_requests_total", "counter",
        ("requested_model", "model", "model_id", "api_provider", "reason"),
        "Answers that used tokens for which no price is known.", "unpriced", "success",
    ),
    Family("litellm_cache_hits_metric_total", "counter", _CACHE, "Answers out of the cache.", "hits", "success"),
    Family(
        "litellm_cache_misses_metric_total", "counter", _CACHE,
        "Answers that a deployment gave while a cache is configured.", "misses", "success",
    ),
    Family(
        "litellm_cached_tokens_metric_total", "counter", _CACHE, "Tokens of answers out of the cache.", "hit_tokens",
        "success",
    ),
    Family(
        "litellm_provider_cache_read_input_tokens_metric_total", "counter", _CACHE,
        "Tokens that the provider had cached.", "cached",
    ),
    Family(
        "litellm_provider_cache_creation_input_tokens_metric_total", "counter", _CACHE,
        "Tokens that the provider cached.", "written",
    ),
    Family(
        "litellm_mcp_tool_calls_total", "counter", _TOOL, "Calls of tools of MCP servers.", "requests",
        call_type=TOOL_CALLS,
    ),
    Family(
        "litellm_mcp_tool_call_spend_metric_total", "counter", _TOOL, "US dollars for calls of tools of MCP servers.",
        "cost", "", _NANO, TOOL_CALLS,
    ),
)  # fmt: skip

FALLEN_BACK: Final = (
    Family("litellm_deployment_successful_fallbacks_total", "counter", _FALLBACK, "Fallbacks that answered."),
    Family("litellm_deployment_failed_fallbacks_total", "counter", _FALLBACK, "Fallbacks that failed."),
)


LEFT: Final = (
    Family(
        "litellm_remaining_requests_metric", "gauge", (*_KEY, *DEPLOYMENT, "model_group"),
        "Requests that the provider's last answer says are left.",
    ),
    Family(
        "litellm_remaining_tokens_metric", "gauge", (*_KEY, *DEPLOYMENT, "model_group"),
        "Tokens that the provider's last answer says are left.",
    ),
)  # fmt: skip


def _budget(whose: str, labels: tuple[str, ...]) -> tuple[Family, ...]:
    words = whose.replace("_", " ")
    return (
        Family(f"litellm_remaining_{whose}_budget_metric", "gauge", labels, f"US dollars left to the {words}."),
        Family(f"litellm_{whose}_max_budget_metric", "gauge", labels, f"US dollars that the {words} may spend."),
        Family(
            f"litellm_{whose}_budget_remaining_hours_metric", "gauge", labels,
            f"Hours until the budget of the {words} begins anew.",
        ),
    )  # fmt: skip


def _limit(whose: str, labels: tuple[str, ...]) -> tuple[Family, ...]:
    named = (*labels, "rate_limit_type")
    return (
        Family(f"litellm_{whose}_rate_limit_allowed_metric", "gauge", named, "Allowed in a minute."),
        Family(f"litellm_{whose}_rate_limit_used_metric", "gauge", named, "Used in the last minute."),
    )


STANDING: Final = (
    *_budget("team", _TEAM),
    Family("litellm_team_members_metric", "gauge", _TEAM, "Members of the team."),
    *_budget("org", _ORG),
    *_budget("api_key", _KEY),
    *_budget("user", ("user",)),
    *_budget("customer", ("end_user",)),
    *_limit("api_key", _KEY),
    *_limit("team", _TEAM),
    *_limit("project_model", ("project_id", "project_alias", "requested_model")),
    Family(
        "litellm_remaining_api_key_requests_for_model", "gauge", (*_KEY, "model", "model_id"),
        "Requests of the minute that are left to the key for the model.",
    ),
    Family(
        "litellm_remaining_api_key_tokens_for_model", "gauge", (*_KEY, "model", "model_id"),
        "Tokens of the minute that are left to the key for the model.",
    ),
    Family("litellm_total_users", "gauge", (), "Users."),
    Family("litellm_active_users", "gauge", (), "Users who were not deactivated."),
    Family("litellm_teams_count", "gauge", (), "Teams."),
    Family("litellm_callback_logging_failures_metric_total", "counter", ("callback_name",), "Events not delivered."),
)  # fmt: skip

OF_DEPLOYMENTS: Final = (
    Family(
        "litellm_deployment_state", "gauge", DEPLOYMENT,
        "0: well, 1: its last request failed, or some of late, 2: left out.",
    ),
    Family(
        "litellm_deployment_tpm_limit", "gauge", (*DEPLOYMENT, "model_group"), "Tokens a minute, as configured."
    ),
    Family(
        "litellm_deployment_rpm_limit", "gauge", (*DEPLOYMENT, "model_group"), "Requests a minute, as configured."
    ),
    Family(
        "litellm_deployment_cooled_down_total", "counter", (*DEPLOYMENT, "exception_status"),
        "Times that a deployment was left out.",
    ),
)  # fmt: skip

FAMILIES: Final = (*COUNTED, *FALLEN_BACK, *LEFT, *STANDING, *OF_DEPLOYMENTS)
