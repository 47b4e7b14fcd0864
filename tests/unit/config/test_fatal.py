"""Bad configurations that stop the start."""

import pytest

from .conftest import MODEL, Snippet, refused

FATAL_FILES = [
    (b"", 0, "the configuration is empty"),
    (b"# only a comment\n", 0, "the configuration is empty"),
    (b"- a\n- b\n", 1, "the top level must be a mapping"),
    (b"just text\n", 1, "the top level must be a mapping"),
    (b"model_list:\n\t- a: b\n", 2, "not valid YAML"),
    (b"a: [1\nb: 2\n", 2, "not valid YAML"),
    (b"a: \xff\xfe\n", 0, "not valid YAML"),
    (b"a: *nobody\n", 1, "not valid YAML"),
    (b"a: !!python/object:os.system x\n", 1, "is not allowed"),
    (b"a: &x [*x]\n", 1, "inside itself"),
    (b"? [a, b]\n: 1\n", 1, "a key must be text"),
    (b"a: 0b_\n", 1, "looks like a number"),
    (b"a: 1\n---\nb: 2\n", 2, "not valid YAML"),
    (b"model_list: text\n", 1, "must be a list, not text"),
    (b"model_list:\n- {model_name: m}\n", 2, "is missing"),
    (b"model_list:\n- {model_name: m, litellm_params: null}\n", 2, "must be a mapping, not null"),
    (b"model_list:\n- litellm_params: {model: openai/x}\n", 2, "is missing"),
    (b"model_list:\n- {model_name: m, litellm_params: {api_key: k}}\n", 2, "is missing"),
    (b"model_list:\n- {model_name: 5, litellm_params: {model: openai/x}}\n", 2, "must be text, not an integer"),
    (b"model_list:\n- null\n", 2, "must be a mapping, not null"),
    (b"a: 1\ninclude: parts/a.yaml\n", 2, "must be a list of file names"),
    (b"a: 1\ninclude: [missing.yaml]\n", 2, "does not exist"),
]


@pytest.mark.parametrize(("text", "line", "message"), FATAL_FILES)
def test_the_structure_is_wrong(snippet: Snippet, text: bytes, line: int, message: str) -> None:
    problems = [problem for problem in refused(snippet, text) if problem.fatal]
    assert any(message in problem.message and problem.line == line for problem in problems), problems


FATAL = [
    ("router_settings: {routing_strategy: foo}", "router_settings.routing_strategy", "simple-shuffle"),
    ("router_settings: {health_check_interval: 5}", "router_settings.health_check_interval", "belong"),
    ("router_settings: {fallbacks: [{m: 5}]}", "router_settings.fallbacks[0].m", "must be a list"),
    ("router_settings: {fallbacks: [{m: [5]}]}", "router_settings.fallbacks[0].m[0]", "must be text or a mapping"),
    ("router_settings: {fallbacks: [{m: [{n: o}]}]}", "router_settings.fallbacks[0].m[0]", "names no model"),
    ("router_settings: {default_fallbacks: [{n: o}]}", "router_settings.default_fallbacks[0]", "names no model"),
    (
        "router_settings: {context_window_fallbacks: [{m: [m], n: [m]}]}",
        "router_settings.context_window_fallbacks[0]",
        "exactly one group",
    ),
    (
        "router_settings: {routing_strategy: lar1, routing_strategy_args: {confidence_threshold_low: 0.6}}",
        "router_settings.routing_strategy_args",
        "do not rise",
    ),
    ("router_settings: {num_retries: -1}", "router_settings.num_retries", "must not be negative"),
    ("router_settings: {cooldown_time: -0.5}", "router_settings.cooldown_time", "must not be negative"),
    ("router_settings: {queue_timeout: -1}", "router_settings.queue_timeout", "must not be negative"),
    ("router_settings: {queue_size: 0}", "router_settings.queue_size", "must be above 0"),
    ("router_settings: {default_priority: 256}", "router_settings.default_priority", "0 to 255"),
    (
        "router_settings: {provider_budget_config: {openai: {budget_limit: 1, time_period: soon}}}",
        "router_settings.provider_budget_config.openai.time_period",
        "length of time",
    ),
    ("router_settings: {hedge_after: p100}", "router_settings.hedge_after", "p1 to p99"),
    ("router_settings: {hedge_after: 0}", "router_settings.hedge_after", "seconds above 0"),
    ("router_settings: {total_timeout: 0}", "router_settings.total_timeout", "must be above 0"),
    ("router_settings: {max_fallbacks_mode: leaps}", "router_settings.max_fallbacks_mode", "hops"),
    (
        "router_settings: {routing_strategy_args: {lowest_latency_buffer: -1}}",
        "router_settings.routing_strategy_args.lowest_latency_buffer",
        "from 0 to",
    ),
    (
        "router_settings: {routing_groups: [{group_name: g, routing_strategy_args: {max_latency_list_size: 100}}]}",
        "router_settings.routing_groups[0].routing_strategy_args.max_latency_list_size",
        "from 1 to 32",
    ),
    (
        "router_settings: {model_group_alias: {a: m, p: q, q: {model: r}, r: p}}",
        "router_settings.model_group_alias.p",
        "p -> q -> r -> p",
    ),
    ("router_settings: {model_group_alias: {p: p}}", "router_settings.model_group_alias.p", "p -> p"),
    ("litellm_settings: {model_alias_map: {p: q, q: p}}", "litellm_settings.model_alias_map.p", "p -> q -> p"),
    ("router_settings: {fallbacks: [m]}", "router_settings.fallbacks[0]", "must be a mapping"),
    ("router_settings: {fallbacks: [{m: [a], n: [b]}]}", "router_settings.fallbacks[0]", "exactly one group"),
    ("router_settings: {content_policy_fallbacks: [m]}", "router_settings.content_policy_fallbacks[0]", "mapping"),
    ("router_settings: {default_fallbacks: 5}", "router_settings.default_fallbacks", "must be a list"),
    (
        "router_settings: {retry_policy: {TimeoutErrorRetries: abc}}",
        "router_settings.retry_policy.TimeoutErrorRetries",
        "",
    ),
    (
        "router_settings: {routing_groups: [{group_name: default}]}",
        "router_settings.routing_groups[0].group_name",
        "tak",
    ),
    (
        "router_settings: {routing_groups: [{group_name: a, models: [m]}, {group_name: b, models: [m]}]}",
        "router_settings.routing_groups[1].models",
        "group 'a' too",
    ),
    ("litellm_settings: {cache: true, cache_params: {type: wibble}}", "litellm_settings.cache_params.type", "local"),
    ("litellm_settings: {cache: true, cache_params: {type: redis}}", "litellm_settings.cache_params", "no server"),
    (
        "litellm_settings: {cache: true, cache_params: {type: redis, host: h, embedding_model: e}}",
        "litellm_settings.cache_params.embedding_model",
        "not an argument",
    ),
    (
        "litellm_settings: {cache: true, cache_params: {type: redis, host: h, redis_url: e}}",
        "litellm_settings.cache_params.redis_url",
        "not an argument",
    ),
    ("litellm_settings: {callbacks: [nope]}", "litellm_settings.callbacks[0]", "not a known callback"),
    ("litellm_settings: {callbacks: nope}", "litellm_settings.callbacks", "must be a list"),
    ("litellm_settings: {callbacks: [nope_mod.inst]}", "litellm_settings.callbacks[0]", "does not exist"),
    ("litellm_settings: {max_budget: abc}", "litellm_settings.max_budget", "must be a number"),
    ('litellm_settings: {budget_reset_time: "25:99"}', "litellm_settings.budget_reset_time", "time of day"),
    ("litellm_settings: {budget_reset_time: 9:00}", "litellm_settings.budget_reset_time", "must be text"),
    ('litellm_settings: {key_alias_pattern: "("}', "litellm_settings.key_alias_pattern", "regular expression"),
    ("litellm_settings: {blocked_user_list: 5}", "litellm_settings.blocked_user_list", "is no list"),
    ("litellm_settings: {banned_keywords_list: nowhere.txt}", "litellm_settings.banned_keywords_list", "no file"),
    ("litellm_settings: {blocked_user_list: nowhere.txt}", "litellm_settings.blocked_user_list", "no file nowhere.txt"),
    ("litellm_settings: {upperbound_key_generate_params: 5}", "litellm_settings.upperbound_key_generate_params", ""),
    ("litellm_settings: {default_team_settings: [{a: b}]}", "litellm_settings.default_team_settings[0]", "team_id"),
    (
        "litellm_settings: {prometheus_deployment_and_latency_caller_identity: x}",
        "litellm_settings.prometheus_deployment_and_latency_caller_identity",
        "one of",
    ),
    (
        "litellm_settings: {custom_provider_map: [{provider: p, custom_handler: nope_mod.inst}]}",
        "litellm_settings.custom_provider_map[0].custom_handler",
        "does not exist",
    ),
    ("litellm_settings: [a]", "litellm_settings", "must be a mapping, not a list"),
    ("general_settings: [a]", "general_settings", "must be a mapping, not a list"),
    ("general_settings: {master_key: 5}", "general_settings.master_key", "must be text, not an integer"),
    ("general_settings: {coordination_redis: {}}", "general_settings.coordination_redis", "names no server"),
    (
        "general_settings: {use_redis_transaction_buffer: true}",
        "general_settings.use_redis_transaction_buffer",
        "Redis",
    ),
    ("general_settings: {key_management_system: nope}", "general_settings.key_management_system", "one of"),
    ("general_settings: {key_management_system: local}", "general_settings.key_management_system", "one of"),
    (
        "general_settings: {vector_store_deny_by_default: maybe}",
        "general_settings.vector_store_deny_by_default",
        "true",
    ),
    ("general_settings: {global_max_parallel_requests: 0}", "general_settings.global_max_parallel_requests", "above 0"),
    ("general_settings: {admission_queue_timeout_seconds: 0}", "general_settings.admission_queue_timeout_seconds", "0"),
    ("general_settings: {max_queued_requests_per_worker: -1}", "general_settings.max_queued_requests_per_worker", "0"),
    ("general_settings: {user_api_key_cache_max_size: 0}", "general_settings.user_api_key_cache_max_size", "above 0"),
    ("general_settings: {role_permissions: [{role: king}]}", "general_settings.role_permissions[0].role", "one of"),
    (
        "general_settings: {role_permissions: [{role: team, x: 1}]}",
        "general_settings.role_permissions[0].x",
        "known key",
    ),
    ("general_settings: {allowed_ips: [10.0.0.1, here]}", "general_settings.allowed_ips[1]", "neither"),
    ("general_settings: {trusted_proxy_ranges: [10.0.0.0/99]}", "general_settings.trusted_proxy_ranges[0]", "neither"),
    ("general_settings: {litellm_jwtauth: {wibble: 1}}", "general_settings.litellm_jwtauth.wibble", "known key"),
    (
        "general_settings: {litellm_jwtauth: {custom_validate: judge.claims}}",
        "general_settings.litellm_jwtauth.custom_validate",
        "does not exist",
    ),
    ("general_settings: {litellm_jwtauth: {user_allowed_roles: [a]}}", "general_settings.litellm_jwtauth", "only one"),
    (
        "general_settings: {litellm_jwtauth: {issuers: [{issuer: a}]}}",
        "general_settings.litellm_jwtauth.issuers[0]",
        "jwks_url",
    ),
    ("general_settings: {custom_auth: nope_mod.inst}", "general_settings.custom_auth", "does not exist"),
    ("general_settings: {custom_auth: nope}", "general_settings.custom_auth", "dotted path"),
    ("general_settings: {database_url: 'mysql://h/d'}", "general_settings.database_url", "PostgreSQL"),
    (
        "general_settings: {spend_logs_metadata_fields: {}}",
        "general_settings.spend_logs_metadata_fields",
        "exactly one",
    ),
    ("general_settings: {database_statement_timeout: soon}", "general_settings.database_statement_timeout", "number"),
    ("general_settings: {mcp_disabled_capabilities: [x]}", "general_settings.mcp_disabled_capabilities[0]", "one of"),
    (
        "general_settings: {pass_through_endpoints: [{target: x}]}",
        "general_settings.pass_through_endpoints[0]",
        "`path`",
    ),
    (
        "general_settings: {alert_to_webhook_url: {budget_alerts: [os.environ/UNSET]}}",
        "general_settings.alert_to_webhook_url.budget_alerts[0]",
        "UNSET is not set",
    ),
    ("general_settings: {spend_report_frequency: often}", "general_settings.spend_report_frequency", ""),
    ("policies: {p: {inherit: q}}", "policies.p.inherit", "no policy is called"),
    ("policies: {p: {inherit: q}, q: {inherit: p}}", "policies.p.inherit", "circle"),
    ("policies: {p: {wibble: q}}", "policies.p.wibble", "not a known key"),
    (
        "policies: {p: {pipeline: {mode: pre_call, steps: [{guardrail: g}]}}}",
        "policies.p.pipeline.steps[0].guardrail",
        "",
    ),
    (
        (
            "guardrails: [{guardrail_name: g, litellm_params: {guardrail: presidio, mode: pre_call}}]\n"
            "policies: {p: {guardrails: {add: [other]}}}"
        ),
        "policies.p.guardrails.add",
        "no guardrail is called",
    ),
    (
        "prompts: [{prompt_id: p, litellm_params: {prompt_integration: x}}]",
        "prompts[0].litellm_params.prompt_integration",
        "",
    ),
    ("credential_list: [{credential_name: c, credential_values: {}}]", "credential_list[0]", "credential_info"),
    (
        "vector_store_registry: [{litellm_params: {custom_llm_provider: x}}]",
        "vector_store_registry[0].litellm_params",
        "",
    ),
    ("finetune_settings: {a: b}", "finetune_settings", "must be a list"),
    ("files_settings: {a: b}", "files_settings", "must be a list"),
    ("mcp_servers: {s: {url: u, dcr_bridge: true}}", "mcp_servers.s.dcr_bridge", "passed on"),
    ("mcp_servers: {s: {url: u, dcr_bridge: 7}}", "mcp_servers.s.dcr_bridge", "true or false"),
    ("mcp_servers: {s: {server_id: i}, t: {server_id: i}}", "mcp_servers.t.server_id", "same id"),
    ("environment_variables: {A: [1]}", "environment_variables.A", "one value"),
]


@pytest.mark.parametrize(("fragment", "key", "message"), FATAL)
def test_a_fatal_fragment_is_reported_with_its_key_and_line(
    snippet: Snippet, fragment: str, key: str, message: str
) -> None:
    (problem,) = [problem for problem in refused(snippet, MODEL + fragment) if problem.fatal]
    assert problem.key == key
    assert message in problem.message
    assert problem.line == 3 + fragment.count("\n")
    assert problem.file is not None
    assert str(problem).startswith(f"{problem.file}:{problem.line}: error: {key}: ")


def test_every_fault_is_reported_at_once(snippet: Snippet) -> None:
    text = (
        "model_list:\n- {model_name: 5, litellm_params: {model: openai/x}}\n- {model_name: m}\n"
        "router_settings: {routing_strategy: nope, num_retries: many}\n"
        "general_settings: {master_key: 5, database_url: 'mysql://x'}\n"
    )
    assert [(problem.line, problem.key) for problem in refused(snippet, text)] == [
        (2, "model_list[0].model_name"),
        (3, "model_list[1].litellm_params"),
        (4, "router_settings.routing_strategy"),
        (4, "router_settings.num_retries"),
        (5, "general_settings.master_key"),
        (5, "general_settings.database_url"),
    ]


def test_no_message_holds_a_secret(snippet: Snippet) -> None:
    secret = "s3cr3t-value"
    text = (
        f"model_list:\n- {{model_name: m, litellm_params: {{model: openai/x, api_key: [{secret}]}}}}\n"
        f"general_settings: {{master_key: [{secret}], database_url: 'x://{secret}', wibble: {secret}}}\n"
        f"litellm_settings: {{callbacks: {{a: {secret}}}}}\nenvironment_variables: {{A: [{secret}]}}\n"
    )
    problems = refused(snippet, text)
    assert len(problems) >= 5
    assert not [problem for problem in problems if secret in str(problem)]
