"""Keys that stand in the wrong section: a warning that says where they belong."""

import pytest

from .conftest import MODEL, Snippet

MISPLACED = [
    ("fallbacks: []", "fallbacks", "move it into router_settings"),
    ("server_settings: {port: 1}", "server_settings", "--port"),
    ("litellm_jwtauth: {a: 1}", "litellm_jwtauth", "move it into general_settings"),
    ("litellm_settings: {routing_strategy: x}", "litellm_settings.routing_strategy", "move it into router_settings"),
    ("litellm_settings: {max_parallel_requests: 3}", "litellm_settings.max_parallel_requests", "litellm_params"),
    ("litellm_settings: {cache_type: redis}", "litellm_settings.cache_type", "cache_params"),
    ("general_settings: {max_budget: 1}", "general_settings.max_budget", "move it into litellm_settings"),
    ("general_settings: {budget_duration: 1d}", "general_settings.budget_duration", "move it into litellm_settings"),
    ("general_settings: {provider_budget_config: {}}", "general_settings.provider_budget_config", "router_settings"),
    ("general_settings: {json_logs: true}", "general_settings.json_logs", "move it into litellm_settings"),
    ("router_settings: {lowest_latency_buffer: 1}", "router_settings.lowest_latency_buffer", "routing_strategy_args"),
    ("router_settings: {enable_fallback: true}", "router_settings.enable_fallback", "remove it"),
    (
        "router_settings: {TimeoutErrorAllowedFails: 1}",
        "router_settings.TimeoutErrorAllowedFails",
        "allowed_fails_policy",
    ),
    ("router_settings: {TimeoutErrorRetries: 1}", "router_settings.TimeoutErrorRetries", "retry_policy"),
]


@pytest.mark.parametrize(("fragment", "key", "remedy"), MISPLACED)
def test_a_misplaced_key_is_told_where_it_belongs(snippet: Snippet, fragment: str, key: str, remedy: str) -> None:
    (problem,) = snippet(MODEL + fragment).problems
    assert (problem.severity, problem.key) == ("warning", key)
    assert remedy in problem.remedy
