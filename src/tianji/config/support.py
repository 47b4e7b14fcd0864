"""What this release does with each key: one table, the truth behind `tianji check`.

A row is a dotted key without list indices; `*` stands for one step. The most exact row counts, and a key without a row
is not supported. `guards` marks a key whose purpose is to forbid or to limit: without it something stays open.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from msgspec import Struct

from tianji.config import tool_servers
from tianji.config.absent import NEEDLESS, OPEN, SHOWN
from tianji.config.schema.jwt import JwtAuth
from tianji.config.schema.model import PRICE, PROVIDER_KEYS, ModelInfo, ModelParams

Level = Literal["exact", "partial", "unsupported"]
_PARAMS: Final = "model_list.litellm_params."
_INFO: Final = "model_list.model_info."


class Support(Struct, frozen=True):
    """How far a key is honoured; `note` says what differs."""

    level: Level
    note: str = ""
    guards: bool = False


EXACT: Final = Support("exact")
_FETCHED: Final = Support("exact", "for documents at a `file_url`, which else lie at public addresses")
UNSUPPORTED: Final = Support("unsupported", "has no effect in this release")
GUARD: Final = Support("unsupported", "has no effect in this release, and something stays open without it", guards=True)

_EXACT_PARAMS: Final = (
    "model api_base base_url api_key api_version custom_llm_provider organization timeout stream_timeout "
    "request_timeout extra_headers extra_body extra_query drop_params additional_drop_params allowed_openai_params "
    "weight litellm_credential_name ssl_verify order num_retries cooldown_time allowed_fails allowed_fails_policy "
    "tags tag_regex region_name adaptive_concurrency hedge_after silent_model silent_model_percent "
    "timeout_by_service_tier stream_timeout_by_service_tier use_in_pass_through use_chat_completions_api "
    "cache_control_injection_points headers supports_system_message ensure_alternating_roles user_continue_message "
    "assistant_continue_message default_api_key_rpm_limit default_api_key_tpm_limit"
)
_EXACT_INFO: Final = (
    "id mode requires_env supported_environments order cooldown_time allowed_fails allowed_fails_policy blocked "
    "enable_tag_filtering allow_fail_open max_tokens max_input_tokens max_output_tokens team_id team_public_model_name "
    "access_groups litellm_routing_preferences adaptive_router_preferences health_check_model health_check_timeout "
    "health_check_params health_check_voice health_check_max_tokens disable_background_health_check"
)
_ABILITIES: Final = (
    "function_calling tool_choice response_schema vision image_input audio_input audio_output pdf_input video_input "
    "web_search"
)
_HONOURED: Final = (
    "default_internal_user_params default_key_generate_params default_team_params prompt_injection_params "
    "priority_reservation priority_reservation_settings budget_duration budget_rollover budget_exceeded_status_code "
    "budget_exceeded_throttle_percentage max_end_user_budget_id timezone global_disable_no_log_param"
)
_EXACT_SETTINGS: Final = (
    "num_retries allowed_fails fallbacks context_window_fallbacks content_policy_fallbacks default_fallbacks "
    "num_retries_per_request expose_router_debug_in_errors drop_params request_timeout json_logs ssl_verify "
    "model_alias_map cost_discount_config cost_margin_config enable_azure_ad_token_refresh cache "
    "default_in_memory_ttl default_redis_ttl enable_caching_on_provider_specific_optional_params "
    "allow_dynamic_callback_disabling pre_call_rules upperbound_key_generate_params extra_spend_tag_headers "
    "public_model_groups public_model_groups_links blocked_user_list tag_budget_config "
    "block_requests_for_models_without_pricing key_alias_pattern enable_key_alias_format_validation "
    "disable_end_user_cost_tracking disable_add_user_agent_to_request_tags"
)
_KEPT: Final = (
    "maximum_audit_logs_retention_period maximum_spend_logs_retention_period maximum_spend_logs_retention_interval "
    "maximum_spend_logs_cleanup_batch_size maximum_spend_logs_cleanup_max_batches"
)
_GUARDING: Final = (
    "guardrail_strict guardrail_block_status guardrail_ignore_unknown skip_system_message_in_guardrail "
    "skip_tool_message_in_guardrail"
)
_OF_PROVIDERS: Final = (  # what providers' own code reads, those that are served
    "aws_access_key_id aws_secret_access_key aws_session_token aws_region_name aws_profile_name aws_role_name "
    "aws_session_name aws_session_tags aws_external_id aws_sts_endpoint aws_web_identity_token "
    "aws_bedrock_runtime_endpoint vertex_project vertex_ai_project vertex_location vertex_ai_location "
    "vertex_credentials vertex_ai_credentials azure_ad_token tenant_id client_id client_secret azure_scope "
    "azure_username azure_password enable_azure_ad_token_refresh safety_settings guardrailConfig performanceConfig "
    "project_id space_id deployment_id watsonx_project watsonx_space_id watsonx_token predibase_tenant_id"
)
_ROUTING_SECTIONS: Final = ("router_settings", "general_settings")
_EXACT_ROUTING: Final = (
    "routing_strategy_args routing_groups num_retries timeout stream_timeout total_timeout retry_after retry_policy "
    "model_group_retry_policy allowed_fails allowed_fails_policy cooldown_time cooldown_cap_seconds disable_cooldowns "
    "allow_cooled_when_exhausted fallbacks context_window_fallbacks content_policy_fallbacks default_fallbacks "
    "max_fallbacks_mode chain_default_fallbacks context_fallback_to_general fallback_on_client_errors "
    "fallback_on_unsupported_params enable_weighted_failover model_group_alias enable_pre_call_checks "
    "enable_tag_filtering tag_filtering_match_any tag_routing_prefix allowed_model_region "
    "default_max_parallel_requests default_priority queue_timeout queue_size adaptive_concurrency hedge_after "
    "stream_recovery mid_stream_continuation connect_timeout ttft_timeout idle_timeout"
)
_HEALTH_CHECKS: Final = (
    "enable_health_check_routing health_check_staleness_threshold health_check_ignore_transient_errors "
    "background_health_check_model_groups"
)
_LIMIT: Final = Support(
    "partial",
    "a share of the traffic, and a limit where the strategy or enforce_model_rate_limits makes it one; machines with a "
    "Redis in common share it",
)
_PLACES: Final = Support("exact", "health, metrics and WebSockets need no place")
_CLOSED: Final = Support(
    "exact", "while machines that share limits cannot hear of each other, and the database is away that is asked first"
)
_HOPS: Final = Support("partial", "bounds all groups that a request enters; max_fallbacks_mode: depth is LiteLLM's way")
_HTTP2: Final = Support("exact", "for https:// upstreams that agree to it; others are called over HTTP/1.1")
_STRATEGIES: Final = Support("partial", "exact but for provider-budget-routing, which chooses by weight alone")
_CHECKS: Final = Support(
    "partial",
    "enforce_model_rate_limits, prompt_caching, deployment_affinity and session_affinity; the others have no effect",
)
_DESTINATIONS: Final = Support("exact", "for models of the database; the file itself may name any host")
_MANAGER: Final = Support("exact", "for names that the configuration refers to")
_MANAGED: Final = Support("exact", "refresh_interval says when changed values are taken")
_MODIFIES: Final = Support("partial", "for upstreams that do not speak OpenAI's form")
_CACHE: Final = Support(
    "partial",
    "by meaning for requests of text alone, and none longer than the model reads; transcripts as JSON, unstreamed; no "
    "cloud IAM for Redis",
)
_CLIENTS: Final = Support("partial", "a client's api_key is taken; where requests go is the operator's to say")
_BUDGET: Final = Support(
    "partial", "machines with a Redis in common share it; what is under way is paid for all the same"
)
_TOLD: Final = Support(
    "partial",
    "vendors that take HTTP or OTLP, object stores, queues and code of one's own are told; what is not served is said "
    "at the start",
)
_CALLBACK_FIELDS: Final = (
    "argilla_transformation_object argilla_batch_size aws_sqs_callback_params datadog_params "
    "datadog_llm_observability_params dynamodb_table_name generic_logger_headers langsmith_batch_size pointfive_params "
    "zerobus_params generic_api_use_v1 newrelic_params"
)
_SERIES: Final = Support("exact", "5,000 where nothing is written, of histograms a tenth; what is beyond is `other`")
_EXACT_NUMBERS: Final = (
    "require_auth_for_metrics_endpoint prometheus_metrics_config prometheus_exclude_metrics "
    "prometheus_exclude_labels prometheus_latency_buckets prometheus_emit_stream_label "
    "prometheus_deployment_and_latency_caller_identity prometheus_user_budget_label_include_email_alias "
    "prometheus_metrics_ttl_seconds prometheus_end_user_metrics_max_series_per_metric "
    "enable_end_user_cost_tracking_prometheus_only disable_end_user_cost_tracking_prometheus_only"
)
_NUMBERS: Final = {  # settings of callbacks: [prometheus]
    **dict.fromkeys(_EXACT_NUMBERS.split(), EXACT),
    "prometheus_metrics_max_series_per_metric": _SERIES,
    "prometheus_metrics_cleanup_interval_seconds": Support("exact", "whatever it says: at each question"),
    "prometheus_initialize_budget_metrics": Support("exact", "read when Prometheus asks"),
    "prometheus_emit_rate_limit_labels": Support("partial", "the type is not said of providers' limits"),
    "prometheus_emit_input_sequence_length_label": Support("partial", "of histograms"),
    "custom_prometheus_metadata_labels": Support("partial", "out of the metadata of keys, not of requests"),
    "custom_prometheus_tags": EXACT,
}
_TOOL_SERVERS: Final = {  # keys of each of `mcp_servers`, and what else is about them
    **{f"mcp_servers.{name}": EXACT for name in tool_servers.EXACT},
    **{f"mcp_servers.{name}": Support("partial", note) for name, note in tool_servers.PARTLY.items()},
    **{f"mcp_servers.{name}": Support("unsupported", note) for name, note in tool_servers.UNSERVED.items()},
    "litellm_settings.mcp_aliases": EXACT,
    **{f"general_settings.mcp_{name}": EXACT for name in tool_servers.SETTINGS},
    "general_settings.require_key_mcp_access_defined": EXACT,
}
_ALERTS: Final = {
    "spend_capture_rate_check": Support("exact", "OPENAI_ADMIN_KEY asks for the bill"),
    "alerting": Support("partial", "not sentry; plain letters"),
    "alerting_threshold": EXACT,
    "alert_types": Support("partial", "all but those of MCP; outages of regions have their own type, and end"),
    "alert_to_webhook_url": Support("exact", "for slack, ms_teams and discord alike"),
    "alerting_args": Support("partial", "all but report_check_interval: things are looked at every few seconds"),
    "alert_type_config": EXACT,
    "spend_report_frequency": Support("exact", "whole days, which are those of the sums: UTC"),
    "discord_webhook_url": EXACT,
    "ratelimit_alert_threshold": Support("exact", "for all of Anthropic's limits of tokens; an hour apart for a key"),
}
_FORWARDED: Final = Support(
    "partial", "for allowed_ips; the last entry counts that trusted_proxy_ranges do not hold, not the first of all"
)
_JWT: Final = "general_settings.litellm_jwtauth."
_UNUSED_OF_TOKENS: Final = (
    "oidc_userinfo_endpoint oidc_userinfo_enabled oidc_userinfo_cache_ttl virtual_key_claim_field "
    "virtual_key_mapping_cache_ttl auto_register_map_existing_key routing_overrides id_jag_requesting_apps "
    "mcp_client_id_jwt_field public_allowed_routes"
)
_SIGNING_IN: Final = (
    "max_failed_login_attempts_per_source_overrides failed_login_window_seconds failed_login_block_seconds "
    "password_policy_min_length password_policy_require_uppercase password_policy_require_lowercase "
    "password_policy_require_numbers password_policy_require_special_characters disable_env_credential_login "
    "disable_password_login_when_sso_enabled allow_cli_sso_verification_uri_complete"
)
_HELD_TO: Final = (
    "general_settings.user_header_name general_settings.user_header_mappings general_settings.disable_custom_api_keys "
    "general_settings.apply_user_budget_to_team_keys general_settings.token_rate_limit_type "
    "general_settings.disable_budget_reservation general_settings.enforce_fallback_budget "
    "general_settings.disable_fallbacks_on_per_model_rate_limits general_settings.disable_reset_budget "
    "general_settings.disable_spend_logs general_settings.disable_spend_updates "
    "general_settings.store_prompts_in_spend_logs general_settings.coordination_redis "
    "litellm_settings.budget_reset_time litellm_settings.max_internal_user_budget "
    "litellm_settings.internal_user_budget_duration "
    "router_settings.redis_url router_settings.redis_host router_settings.redis_port router_settings.redis_password "
    "router_settings.redis_db general_settings.custom_key_generate general_settings.custom_key_update "
    "general_settings.custom_key_policy general_settings.custom_team_metadata_validate "
    "general_settings.team_metadata_schema general_settings.team_metadata_validation_timeout "
    "general_settings.team_metadata_validation_error_message general_settings.disable_key_generate_for_org_admin "
    "general_settings.disable_requester_ip_address_logging general_settings.health_check_details"
)
_TEAMS: Final = Support("partial", "the first that exists, or the one that x-litellm-team-id names, whatever the model")

SUPPORT: Final[Mapping[str, Support]] = MappingProxyType(
    {
        # deployments: every typed parameter is unsupported until a row below says otherwise
        **{_PARAMS + name: UNSUPPORTED for name in ModelParams.__struct_fields__},
        **{_PARAMS + name: EXACT for name in _EXACT_PARAMS.split()},
        **dict.fromkeys(_HELD_TO.split(), EXACT),
        _PARAMS + "rpm": _LIMIT,
        _PARAMS + "tpm": _LIMIT,
        _PARAMS + "max_parallel_requests": Support("exact", "for all workers of a machine together"),
        _PARAMS + "max_retries": Support("exact", "accepted, without effect here and there"),
        _PARAMS + "http2": _HTTP2,
        **{
            _PARAMS + name: EXACT
            for name in [
                "auto_router_config",
                "auto_router_config_path",
                "auto_router_default_model",
                "auto_router_embedding_model",
                "auto_router_max_input_chars",
                "auto_router_rules",
                "complexity_router_default_model",
            ]
        },
        _PARAMS + "complexity_router_config": Support("partial", "classifier `heuristic`, with keywords of our own"),
        _PARAMS + "quality_router_config": EXACT,
        _PARAMS + "quality_router_default_model": EXACT,
        _PARAMS + "adaptive_router_config": Support("exact", "kinds and feedback are told by words of our own"),
        _PARAMS + "adaptive_router_default_model": EXACT,
        _PARAMS + "mock_response": Support("partial", "text only"),
        **{f"litellm_settings.{name}": _TOLD for name in ("callbacks", "success_callback", "failure_callback")},
        "litellm_settings.turn_off_message_logging": Support("exact", "for callbacks; a request may add no-log: true"),
        "litellm_settings.forward_traceparent_to_llm_provider": Support(
            "exact", "where a destination is told of traces, upstreams get the span of their own attempt"
        ),
        **{f"litellm_settings.{name}": EXACT for name in _CALLBACK_FIELDS.split()},
        "litellm_settings.redact_messages_in_exceptions": Support("exact", "callbacks hear class and code alone"),
        "litellm_settings.batch_line_item_callbacks": Support("exact", "when somebody hears that a batch is over"),
        "litellm_settings.service_callback": Support(
            "partial", "prometheus_system: the database, a Valkey or Redis, the ledger's writes, resets of budgets"
        ),
        "litellm_settings.default_team_settings": Support("exact", "after what the team itself has in the database"),
        "litellm_settings.redact_user_api_key_info": Support("exact", "the members are there, and empty"),
        "litellm_settings.standard_logging_payload_excluded_fields": Support(
            "partial", "content, errors, parameters, tags and places; what is hidden is there, and empty"
        ),
        "litellm_settings.post_call_rules": Support("partial", "no other deployment is tried after a refusal"),
        "litellm_settings.langfuse_enable_update_trace_keys": EXACT,
        "litellm_settings.request_correlation_in_logs": Support(
            "partial", "session_id is told in any case; a line of the log has the id of its call"
        ),
        "litellm_settings.langfuse_default_tags": Support("exact", "cache_key is not known"),
        "litellm_settings.s3_callback_params": Support("partial", "prefixes hold a team's id; uploads do not adapt"),
        "litellm_settings.s3_audit_callback_params": Support("partial", "uploads do not adapt"),
        **{f"litellm_settings.{name}": row for name, row in _NUMBERS.items()},
        **{f"general_settings.{name}": row for name, row in _ALERTS.items()},
        "callback_settings": Support("partial", "of destinations that are served, and generic_api under a name"),
        _PARAMS + "modify_params": _MODIFIES,
        _PARAMS + "merge_reasoning_content_in_choices": Support("exact", "of streams of chat; whole answers are left"),
        _PARAMS + "guardrails": EXACT,
        _PARAMS + "max_budget": _BUDGET,
        _PARAMS + "budget_duration": EXACT,
        _PARAMS + "*": Support("exact", "sent upstream as a default"),
        "model_list.model_name": EXACT,
        "model_list.rpm": _LIMIT,
        "model_list.tpm": _LIMIT,
        "model_list.blocked": EXACT,
        **{_INFO + name: UNSUPPORTED for name in ModelInfo.__struct_fields__},
        **{_INFO + name: EXACT for name in _EXACT_INFO.split()},
        **{f"{_INFO}supports_{name}": Support("exact", "false keeps requests away") for name in _ABILITIES.split()},
        _INFO + "base_model": EXACT,
        _INFO + "access_windows": GUARD,
        **dict.fromkeys((_INFO + "*", *SHOWN), Support("partial", "kept and shown, without further effect")),
        # sections
        **{key: Support("exact", why) for key, why in NEEDLESS.items()},
        **dict.fromkeys(OPEN, GUARD),
        "environment_variables.*": EXACT,
        "include": EXACT,
        "credential_list": EXACT,
        **{f"litellm_settings.{name}": EXACT for name in _EXACT_SETTINGS.split()},
        "litellm_settings.max_fallbacks": _HOPS,
        "litellm_settings.modify_params": _MODIFIES,
        "litellm_settings.ssl_certificate": Support("exact", "one PEM file with certificate and key"),
        "litellm_settings.http2": _HTTP2,
        "litellm_settings.set_verbose": Support("partial", "accepted; use --debug"),
        "litellm_settings.custom_provider_map": Support(
            "partial", "chat, embeddings and pictures, from files beside this one"
        ),
        "litellm_settings.telemetry": Support("exact", "accepted, without effect here and there"),
        "litellm_settings.cache_params": _CACHE,
        "router_settings.caching_groups": EXACT,
        "litellm_settings.max_budget": Support("exact", "of all callers together, from what the ledger knows on"),
        "litellm_settings.guardrails": Support("partial", "callbacks that are types of guardrails"),
        **{f"litellm_settings.{name}": EXACT for name in _GUARDING.split()},
        "litellm_settings.key_generation_settings": Support("exact", "a proxy admin may make every key"),
        **{f"router_settings.{name}": EXACT for name in _EXACT_ROUTING.split()},
        **{f"{section}.{name}": EXACT for name in _HEALTH_CHECKS.split() for section in _ROUTING_SECTIONS},
        "general_settings.background_health_checks": EXACT,
        "general_settings.health_check_interval": EXACT,
        "general_settings.health_check_concurrency": EXACT,
        "router_settings.routing_strategy": _STRATEGIES,
        "router_settings.max_fallbacks": _HOPS,
        "router_settings.optional_pre_call_checks": _CHECKS,
        "router_settings.model_group_affinity_config": _CHECKS,
        "router_settings.deployment_affinity_ttl_seconds": Support("exact", "nothing is remembered that could end"),
        "router_settings.provider_budget_config": _BUDGET,
        "general_settings.master_key": EXACT,
        "general_settings.dangerously_permit_weak_or_unset_master_key": Support(
            "partial", "on a loopback address only"
        ),
        "general_settings.litellm_key_header_name": EXACT,
        "general_settings.database_url": Support("exact", "PostgreSQL, or sqlite:////path/to/file.db"),
        "general_settings.store_model_in_db": EXACT,
        "general_settings.supported_db_objects": Support(
            "partial",
            "`models`, `pass_through_endpoints`, `guardrails`, `prompts`, `mcp`, `cache_settings`, "
            "`coordination_redis` and `settings`",
        ),
        "general_settings.disable_model_add_for_internal_users": EXACT,
        **{
            f"{section}.provider_url_destination_allowed_hosts": _DESTINATIONS
            for section in ("litellm_settings", "general_settings")
        },
        "general_settings.key_management_system": _MANAGER,
        **{f"general_settings.use_{name}": _MANAGER for name in ("google_kms", "azure_key_vault", "aws_kms")},
        "general_settings.key_management_settings": _MANAGED,
        "general_settings.max_request_size_mb": EXACT,
        "general_settings.max_response_size_mb": EXACT,
        "files_settings": EXACT,
        "files_settings.*": EXACT,
        "assistant_settings": EXACT,
        "assistant_settings.*": EXACT,
        "finetune_settings": EXACT,
        "finetune_settings.*": EXACT,
        **{
            f"general_settings.{name}": EXACT
            for name in (
                "max_batch_file_size_mb",
                "max_batch_file_records",
                "max_batch_file_uploads_per_day",
                "allowed_file_extensions",
                "blocked_file_extensions",
                "disable_batch_input_file_rate_limiting",
                "skip_batch_input_file_rate_limiting_for_providers",
            )
        },
        "general_settings.max_file_size_mb": Support("exact", "of the whole body; 1024 unless said"),
        "general_settings.pass_through_endpoints": Support(
            "partial", "all but adapters in Python; what lies below a path goes, too, unless include_subpath is false"
        ),
        "general_settings.enable_openai_websocket_passthrough": Support("partial", "on unless it is false"),
        "general_settings.pass_through_request_timeout": EXACT,
        "general_settings.disable_bedrock_agent_runtime_passthrough": EXACT,
        "default_vertex_config": Support("exact", "for what is passed through"),
        "general_settings.completion_model": EXACT,
        "general_settings.enforced_params": EXACT,
        "general_settings.service_account_settings": Support(
            "exact", "keys with a service_account_id in their metadata"
        ),
        "litellm_settings.banned_keywords_list": Support("exact", "with the callback banned_keywords; answers, too"),
        "general_settings.enforce_user_param": Support(
            "partial", "of requests to models, with 400; metadata.user_id will do, too"
        ),
        "general_settings.reject_clientside_metadata_tags": Support(
            "exact", "in litellm_metadata, tags and x-litellm-tags, too"
        ),
        "general_settings.global_max_parallel_requests": Support(
            "exact", "for all workers; machines with a Redis in common share it"
        ),
        "general_settings.max_parallel_requests": Support("exact", "accepted, without effect here and there"),
        "general_settings.max_in_flight_requests_per_worker": _PLACES,
        "general_settings.max_queued_requests_per_worker": _PLACES,
        "general_settings.admission_queue_timeout_seconds": _PLACES,
        "general_settings.always_include_stream_usage": EXACT,
        "litellm_settings.include_cost_in_streaming_usage": Support(
            "exact", "of chat, completions, Responses, Messages"
        ),
        "general_settings.forward_client_headers_to_llm_api": EXACT,
        "litellm_settings.model_group_settings": EXACT,
        "general_settings.forward_openai_org_id": EXACT,
        "litellm_settings.add_user_information_to_llm_headers": Support("exact", "who calls; not what he spent"),
        **{
            f"{section}.forward_llm_provider_auth_headers": Support(
                "exact", "keys of Anthropic and Gemini, at the vendor or where a deployment has no key"
            )
            for section in ("general_settings", "litellm_settings")
        },
        "general_settings.allow_client_side_credentials": _CLIENTS,
        _PARAMS + "configurable_clientside_auth_params": _CLIENTS,
        "general_settings.dangerously_allow_mock_testing_request_params": EXACT,
        "general_settings.responses_websocket_session_limit_seconds": EXACT,
        **{
            f"general_settings.realtime_{name}": EXACT
            for name in ("session_limit_seconds", "idle_timeout_seconds", "allowed_origins")
        },
        "general_settings.cancel_on_disconnect": Support("exact", "always on"),
        "general_settings.fail_closed_rate_limit_enforcement": _CLOSED,
        "general_settings.fail_closed_budget_enforcement": _CLOSED,
        "general_settings.custom_auth": Support(
            "exact", "from files beside this one; LiteLLM's own database is not there"
        ),
        "general_settings.custom_auth_run_common_checks": EXACT,
        "general_settings.enable_oauth2_auth": Support(
            "exact", "believed for a minute at most; keys that begin with sk- are judged here, as before"
        ),
        "general_settings.enable_oauth2_proxy_auth": Support(
            "exact", "needs trusted_proxy_ranges; who brings a key that begins with sk- is who has it"
        ),
        "general_settings.oauth2_config_mappings": EXACT,
        "general_settings.custom_auth_settings": EXACT,
        "litellm_settings.enable_post_custom_auth_checks": Support("exact", "always"),
        **{_JWT + name: EXACT for name in JwtAuth.__struct_fields__ if name != "extra"},
        **{_JWT + name: UNSUPPORTED for name in _UNUSED_OF_TOKENS.split()},
        _JWT + "custom_validate": Support(
            "partial", "asked once for a token, until that ends or somebody above it changes"
        ),
        _JWT + "unregistered_jwt_client_behavior": Support(
            "partial", "tokens are not mapped to keys: with virtual_key_claim_field, reject does not start"
        ),
        _JWT + "team_ids_jwt_field": _TEAMS,
        _JWT + "scope_mappings": Support("partial", "their models; routes have no effect, as in LiteLLM"),
        "general_settings.enable_jwt_auth": Support("exact", "keys come from JWT_PUBLIC_KEY_URL; file: works, too"),
        "general_settings.enforce_rbac": EXACT,
        "general_settings.ui_access_mode": Support("exact", "judged when somebody signs in"),
        "litellm_settings.max_ui_session_budget": EXACT,
        **{f"litellm_settings.{name}": EXACT for name in _HONOURED.split()},
        "general_settings.database_connection_pool_limit": EXACT,
        "general_settings.proxy_budget_rescheduler_min_time": Support("exact", "seconds between two looks"),
        "router_settings.cache_kwargs": Support("exact", "for the Redis that machines share"),
        "litellm_settings.scim_upsert_user": EXACT,
        "litellm_settings.store_audit_logs": Support("partial", "off unless it is set; secrets are never in it"),
        "litellm_settings.audit_log_callbacks": EXACT,
        "litellm_settings.scim_admin_group": Support("exact", "by the group's id, or by the name that SCIM gave it"),
        **{f"general_settings.{name}": EXACT for name in _SIGNING_IN.split()},
        **{f"general_settings.{name}": EXACT for name in _KEPT.split()},
        "general_settings.password_policy_check_breached_passwords": Support(
            "unsupported", "no service outside is asked about passwords; the other rules hold", guards=True
        ),
        "general_settings.max_failed_login_attempts_per_source": Support(
            "exact", "counted by each machine; half of it for a name, and for a place where trusted_proxy_ranges is set"
        ),
        "general_settings.custom_sso": Support(
            "exact", "from files beside this one; functions of LiteLLM are not there"
        ),
        "general_settings.custom_ui_sso_sign_in_handler": Support("exact", "for requests out of trusted_proxy_ranges"),
        "general_settings.allowed_routes": Support("exact", "for routes that ask for a key"),
        "general_settings.admin_only_routes": EXACT,
        "general_settings.public_routes": Support("exact", "without a valid key the caller has no role"),
        "general_settings.allowed_ips": Support("exact", "addresses and networks; routes without a key stay open"),
        "general_settings.use_x_forwarded_for": _FORWARDED,
        "general_settings.trusted_proxy_ranges": _FORWARDED,
        "general_settings.role_permissions": Support("exact", "for tokens, with enforce_rbac"),
        "guardrails": Support(
            "partial",
            "answers are judged when they are read, too, and nothing unscanned leaves in a stream or a conversation",
        ),
        "policies": Support("partial", "changes that one step of a pipeline makes are seen by the next"),
        "policy_attachments": EXACT,
        **_TOOL_SERVERS,
        "search_tools": Support("partial", "of the file; brave, dataforseo, exa, firecrawl, google_pse and six more"),
        "general_settings.search_tools": EXACT,
        **{f"{section}.user_url_allowed_hosts": _FETCHED for section in ("general_settings", "litellm_settings")},
        "litellm_settings.vector_store_search_failure_mode": Support("exact", "for chats that name vector stores"),
        "general_settings.search_tool_deny_by_default": EXACT,
        "litellm_settings.websearch_interception_params": Support(
            "partial", "the model is asked even where a request has no other tools"
        ),
        "prompts": Support("partial", "all integrations but `custom`; a template's model has to be one of the gateway"),
        **{f"litellm_settings.global_{name}": EXACT for name in ("bitbucket_config", "gitlab_config")},
        "litellm_settings.global_prompt_directory": Support("exact", "read at the start and at a reload"),
        **{f"{_PARAMS}prompt_{name}": EXACT for name in ("id", "variables", "label", "version", "environment")},
    }
)


def support(key: str) -> Support:
    """Return the row for `key`, a dotted path without indices, in LiteLLM's spelling."""
    row = SUPPORT.get(key)
    if row is not None:
        return row
    name = key.removeprefix(_PARAMS)
    if name != key and PRICE.fullmatch(name):
        return EXACT
    if name != key and name in _OF_PROVIDERS.split():
        return EXACT
    if name != key and (PROVIDER_KEYS.fullmatch(name) or name.startswith("supports_")):
        return UNSUPPORTED
    if key.startswith(_INFO) and PRICE.fullmatch(key.removeprefix(_INFO)):
        return EXACT
    parent = key.rpartition(".")[0]
    return SUPPORT.get(f"{parent}.*", UNSUPPORTED)
