"""Bad configurations: which cost one deployment, which are only worth a warning."""

import sys

import pytest

from .conftest import MODEL, Snippet, refused

DROPPED = [
    ("rpm: abc", "", "litellm_params.rpm"),
    ("rpm: 1.5", "", "litellm_params.rpm"),
    ("rpm: true", "", "litellm_params.rpm"),
    ("api_version: 2024", "", "litellm_params.api_version"),
    ("api_key: [a]", "", "litellm_params.api_key"),
    ('tag_regex: ["("]', "", "litellm_params.tag_regex"),
    ("input_cost_per_token: free", "", "litellm_params.input_cost_per_token"),
    ("timeout: .nan", "", "litellm_params.timeout"),
    ("model: null", "", "litellm_params.model"),
    ("weight: -1", "", "litellm_params.weight"),
    ("hedge_after: soon", "", "litellm_params.hedge_after"),
    ("budget_duration: soon", "", "litellm_params.budget_duration"),
    ("hedge_after: -0.1", "", "litellm_params.hedge_after"),
    ("cooldown_time: -0.1", "", "litellm_params.cooldown_time"),
    ("rpm: 1", "model_info: text", "model_info"),
    ("rpm: 1", "model_info: {tier: gold}", "model_info.tier"),
    ("rpm: 1", "model_info: {max_tokens: many}", "model_info.max_tokens"),
    ("rpm: 1", "model_info: {supported_environments: [production]}", "model_info.supported_environments"),
    ("rpm: 1", "model_info: {access_windows: [{wibble: 1}]}", "model_info.access_windows[0].wibble"),
]


@pytest.mark.parametrize(("param", "entry", "key"), DROPPED)
def test_a_bad_deployment_is_dropped_and_the_others_stay(snippet: Snippet, param: str, entry: str, key: str) -> None:
    loaded = snippet(f"{MODEL}  - model_name: bad\n    litellm_params: {{model: openai/x, {param}}}\n    {entry}\n")
    assert [one.model_name for one in loaded.config.model_list] == ["m"]
    (problem,) = [problem for problem in loaded.problems if problem.severity == "error"]
    assert (problem.dropped, problem.fatal) == (True, False)
    assert problem.key == f"model_list[1].{key}"
    assert problem.line == (4 if key.startswith("litellm_params") else 5)


@pytest.mark.parametrize(
    ("name", "model", "kept"),
    [("a*b*c", "openai/*", False), ("a*b*c", "openai/*-*", True), ("a*b*c", "openai/x", True), ("*/*", "*", True)],
)
def test_each_star_of_a_name_has_one_in_the_model(snippet: Snippet, name: str, model: str, kept: bool) -> None:
    entry = f'  - model_name: "{name}"\n    litellm_params: {{model: "{model}"}}\n'
    loaded = snippet(MODEL + entry)
    assert (name in [one.model_name for one in loaded.config.model_list]) is kept
    found = [problem for problem in loaded.problems if problem.key == "model_list[1].litellm_params.model"]
    assert [problem.dropped for problem in found] == ([] if kept else [True])


LOADS = [
    ("router_settings: {wibble: 1}", "router_settings.wibble"),
    ("router_settings: {optional_pre_call_checks: [nope]}", "router_settings.optional_pre_call_checks[0]"),
    (
        "router_settings: {model_group_affinity_config: {m: [session_affinity, nope]}}",
        "router_settings.model_group_affinity_config.m[1]",
    ),
    ("router_settings: {max_retries: 3}", "router_settings.max_retries"),
    ("router_settings: {fallbacks: [{m: m}]}", "router_settings.fallbacks[0].m"),
    ("router_settings: {default_fallbacks: m}", "router_settings.default_fallbacks"),
    ("router_settings: {fallbacks: [{m: [m, gone]}]}", "router_settings.fallbacks[0].m[1]"),
    ("router_settings: {fallbacks: [{gone: [m]}]}", "router_settings.fallbacks[0].gone"),
    ("litellm_settings: {default_fallbacks: [{model: gone}]}", "litellm_settings.default_fallbacks[0]"),
    ("router_settings: {model_group_alias: {a: gone}}", "router_settings.model_group_alias.a"),
    (
        "router_settings: {model_group_retry_policy: {m: {num_retires: 1}}}",
        "router_settings.model_group_retry_policy.m.num_retires",
    ),
    ("router_settings: {routing_strategy_args: {wibble: 1}}", "router_settings.routing_strategy_args.wibble"),
    (
        "router_settings: {routing_strategy: least-busy, enable_weighted_failover: true}",
        "router_settings.enable_weighted_failover",
    ),
    ("litellm_settings: {unknown_key: 1}", "litellm_settings.unknown_key"),
    ("litellm_settings: {success_callback: langfuse}", "litellm_settings.success_callback"),
    ('litellm_settings: {cache: "true"}', "litellm_settings.cache"),
    (
        "litellm_settings: {cache: true, cache_params: {type: local, wibble: 60}}",
        "litellm_settings.cache_params.wibble",
    ),
    ("litellm_settings: {cache: true}", "litellm_settings.cache"),
    ("general_settings: {unknown_key: 1}", "general_settings.unknown_key"),
    ("general_settings: {enable_jwt_auth: true}", "general_settings.enable_jwt_auth"),
    (
        "general_settings: {litellm_jwtauth: {issuers: [{issuer: a, jwks_url: b}]}}",
        "general_settings.litellm_jwtauth.issuers[0]",
    ),
    ("general_settings: {pass_through_endpoints: [{path: /x}]}", "general_settings.pass_through_endpoints[0]"),
    ("pass_through_endpoints: [{path: /x, target: y}]", "pass_through_endpoints"),
    ("litellm_settings: {drop_params: perhaps}", "litellm_settings.drop_params"),
    ("litellm_settings: {audit_log_callbacks: [s3_v2]}", "litellm_settings.audit_log_callbacks"),
    (
        "litellm_settings: {store_audit_logs: true, audit_log_callbacks: [langfuse]}",
        "litellm_settings.audit_log_callbacks[0]",
    ),
    ("wibble: {a: 1}", "wibble"),
    ("agents: [{agent_name: a}]", "agents[0]"),
    ("enable_jwt_auth: true", "enable_jwt_auth"),
    ("environment_variables: {PATH: /evil}", "environment_variables.PATH"),
    ("litellm_settings: {drop_params: true}\nlitellm_settings: {drop_params: false}", "litellm_settings"),
    ("general_settings: {master_key: os.environ/UNSET}", "general_settings.master_key"),
    ('general_settings: {enforce_user_param: "true"}', "general_settings.enforce_user_param"),
]


@pytest.mark.parametrize(("fragment", "key"), LOADS)
def test_a_doubtful_fragment_is_only_a_warning(snippet: Snippet, fragment: str, key: str) -> None:
    loaded = snippet(MODEL + fragment)
    (problem,) = loaded.problems
    assert (problem.severity, problem.key) == ("warning", key)
    assert problem.remedy
    assert problem.line == 3 + fragment.count("\n")


SILENT = [
    "litellm_settings: {store_audit_logs: true, audit_log_callbacks: [s3_v2, webhook, sumologic, azureblob]}",
    "litellm_settings: {success_callback: [nope]}",
    "litellm_settings: {telemetry: false}",
    "litellm_settings: {fallbacks: [{m: [m]}], default_fallbacks: [m]}",
    "router_settings: {fallbacks: [{gpt-4o: [openai/gpt-4o]}, {x/m: [{model: m, temperature: 0}]}, {'*': []}]}",
    "router_settings: {model_group_alias: {a: b, b: m, c: {model: a, hidden: true}}, fallbacks: [{a: [c]}]}",
    "router_settings: {model_group_retry_policy: {m: {num_retries: 5, timeout: 1.5, retry_after: 0.5}}}",
    "router_settings: {routing_strategy_args: {ttl: 60, lowest_latency_buffer: 0.1, ttft_percentile: 0.95}}",
    *(
        f"router_settings: {{routing_strategy: '{name}'}}"
        for name in ("", "usage-based", "lowest-tpm-rpm", "lowest-latency", "lowest-cost", "priority", "region-based")
    ),
    "litellm_settings: null",
    "router_settings: null",
    "general_settings: null",
    "guardrails: null",
    "x-anything: &a {b: 1}",
    'router_settings: {retry_policy: {TimeoutErrorRetries: "3"}}',
    "general_settings: {alerting: [slack], alert_types: [slow], alert_to_webhook_url: {slow: 'https://x'}}",
    "general_settings: {enforced_params: [user], allowed_ips: [10.0.0.1]}",
    "worker_registry: [{worker_id: a, name: b, url: c}]",
    "policies: {p: {guardrails: {add: [unknown]}}}\npolicy_attachments: [{policy: nobody}]",
    "general_settings: {master_key: sk-1234}",
]


@pytest.mark.parametrize("fragment", SILENT)
def test_what_is_accepted_is_accepted_silently(snippet: Snippet, fragment: str) -> None:
    assert snippet(MODEL + fragment).problems == ()


def test_fallbacks_may_name_what_a_pattern_serves(snippet: Snippet) -> None:
    entry = '  - {model_name: "openai/*", litellm_params: {model: "openai/*", api_key: k}}\n'
    fragment = "router_settings: {fallbacks: [{m: [openai/zz, gpt-9]}, {openai/o1: [m]}, {gpt-9: [m]}]}"
    assert snippet(MODEL + entry + fragment).problems == ()


def test_equal_ids_of_different_types_both_load(snippet: Snippet) -> None:
    loaded = snippet(
        "model_list:\n"
        '- {model_name: m, litellm_params: {model: openai/x}, model_info: {id: "1"}}\n'
        "- {model_name: m, litellm_params: {model: openai/x}, model_info: {id: 1}}\n"
    )
    assert [entry.id for entry in loaded.config.model_list] == ["1", "1"]


def test_unknown_keys_name_the_nearest_known_one(snippet: Snippet) -> None:
    loaded = snippet(MODEL + "router_settings: {routing_stategy: x}\n")
    assert loaded.problems[0].remedy == "did you mean `routing_strategy`?"


def test_http_2_without_its_package_says_what_to_install(snippet: Snippet, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = "  - {model_name: n, litellm_params: {model: openai/x, http2: true}}\n"
    text = MODEL + entry + "litellm_settings: {http2: true}\n"
    assert snippet(text).config.model_list[1].params.http2
    monkeypatch.setitem(sys.modules, "h2", None)
    assert snippet(MODEL).config.model_list
    found = {(problem.key, problem.line): problem for problem in refused(snippet, text)}
    assert found.keys() == {("litellm_settings.http2", 4), ("n: litellm_params.http2", 3)}
    assert all("pip install 'tianji[http2]'" in problem.remedy for problem in found.values())


def test_a_server_that_names_no_flow_keeps_nobody_from_starting(snippet: Snippet) -> None:
    """LiteLLM serves such a file; what is wrong with one server is no reason not to serve models."""
    loaded = snippet(MODEL + "mcp_servers: {s: {url: u, auth_type: oauth2}}")
    (problem,) = [problem for problem in loaded.problems if "names no flow" in problem.message]
    assert (problem.severity, problem.key) == ("warning", "mcp_servers.s")
