"""`litellm_settings`, with `tianji_settings` as its other name."""

# ruff: noqa: RUF012 - msgspec copies an empty default for every struct

from types import MappingProxyType
from typing import ClassVar, Literal

from tianji.config.schema.base import Flag, Names, Rows, Section, Switch, Table, Text
from tianji.config.schema.cache import CacheParams
from tianji.config.schema.router import FallbackRule, PeriodBudget, Target


class InternalUserParams(Section, frozen=True, kw_only=True):
    """What a new internal user gets."""

    user_role: Literal["proxy_admin", "proxy_admin_viewer", "internal_user", "internal_user_viewer"] | None = None
    max_budget: float | None = None
    budget_duration: str | None = None
    models: Names = ()
    teams: tuple[str | Table, ...] = ()


class KeyBounds(Section, frozen=True, kw_only=True):
    """The most that a key may be created with."""

    max_budget: float | None = None
    budget_duration: str | None = None
    duration: str | None = None
    max_parallel_requests: int | None = None
    tpm_limit: int | None = None
    rpm_limit: int | None = None


class PriorityReservation(Section, frozen=True, kw_only=True):
    """When and how much capacity is reserved; shares are fractions, the lifetime is seconds."""

    default_priority: float = 0.25
    saturation_threshold: float = 0.5
    saturation_check_cache_ttl: float = 60


class TeamSettings(Section, frozen=True, kw_only=True):
    """Callbacks of one team; `extra` holds the callbacks' own variables."""

    unknown = "keep"
    required: ClassVar[frozenset[str]] = frozenset({"team_id"})
    team_id: Text
    success_callback: Names = ()
    failure_callback: Names = ()


class ModelGroupSettings(Section, frozen=True, kw_only=True):
    """Settings for named model groups."""

    forward_client_headers_to_llm_api: Names = ()


class Settings(Section, frozen=True, kw_only=True):
    """Defaults for every call and the house's accounting rules. Times are seconds, money US dollars.

    None means that the key is not written and that the built-in default, named in the comment, holds.
    """

    remedies = MappingProxyType(
        {"callbacks": "write a list: `callbacks: [name]`", "max_budget": "write an amount in US dollars"}
    )
    cache: bool = False
    cache_params: CacheParams | None = None
    callbacks: tuple[object, ...] | str = ()
    success_callback: Names = ()
    failure_callback: Names = ()
    audit_log_callbacks: Names = ()
    service_callback: Names = ()
    input_callback: Names = ()
    guardrails: tuple[Table, ...] = ()
    drop_params: Switch | None = None  # environment DROP_PARAMS, else false
    json_logs: Flag = False
    request_timeout: float | None = None  # environment REQUEST_TIMEOUT, else 6000
    max_budget: float = 0
    max_internal_user_budget: float | None = None
    default_max_internal_user_budget: float | None = None
    default_internal_user_params: InternalUserParams = InternalUserParams()
    max_ui_session_budget: float | None = 1.0
    default_team_settings: tuple[TeamSettings, ...] = ()
    upperbound_key_generate_params: KeyBounds | None = None
    key_alias_pattern: str | None = None
    budget_reset_time: str | None = None
    priority_reservation_settings: PriorityReservation = PriorityReservation()
    model_group_settings: ModelGroupSettings = ModelGroupSettings()
    pre_call_rules: tuple[object, ...] | str = ()
    post_call_rules: tuple[object, ...] | str = ()
    custom_provider_map: Rows = ()
    global_prompt_directory: str | None = None
    global_bitbucket_config: Table = {}
    global_gitlab_config: Table = {}
    responses: Table = {}
    s3_callback_params: Table = {}
    s3_audit_callback_params: Table = {}
    # read from the section
    enable_redis_auth_cache: Flag = False
    mcp_aliases: dict[str, str] = {}
    mcp_semantic_tool_filter: Table = {}
    mcp_tool_search: Table = {}
    prompt_injection_params: Table = {}
    azure_content_safety_params: Table = {}
    websearch_interception_params: Table = {}
    compression_interception_params: Table = {}
    code_interpreter_interception_params: Table = {}
    presidio_logging_only: Flag | None = None
    scim_upsert_user: Flag = True
    scim_admin_group: str | None = None
    store_audit_logs: Flag | None = None
    # reliability
    num_retries: int | None = None  # 2
    fallbacks: tuple[FallbackRule, ...] = ()
    context_window_fallbacks: tuple[FallbackRule, ...] = ()
    content_policy_fallbacks: tuple[FallbackRule, ...] = ()
    default_fallbacks: tuple[Target, ...] = ()
    allowed_fails: int | None = None  # environment DEFAULT_ALLOWED_FAILS, else 3
    max_fallbacks: int | None = None  # environment ROUTER_MAX_FALLBACKS, else 5
    num_retries_per_request: int | None = None
    add_function_to_prompt: Flag = False
    modify_params: Flag | None = None
    disable_stop_sequence_limit: Flag = False
    enable_preview_features: Flag = False
    enable_json_schema_validation: Flag = False
    # naming
    model_alias_map: dict[str, str] = {}
    check_provider_endpoint: Flag = False
    # verbosity
    set_verbose: Flag = False
    suppress_debug_info: Flag = False
    log_raw_request_response: Flag = False
    log_client_error_tracebacks: Flag = False
    request_correlation_in_logs: Flag = False
    expose_router_debug_in_errors: Flag = True
    redact_messages_in_exceptions: Flag = False
    # privacy
    turn_off_message_logging: Flag = False
    redact_user_api_key_info: Flag = False
    global_disable_no_log_param: Flag = False
    allow_dynamic_callback_disabling: Flag = True
    standard_logging_payload_excluded_fields: Names = ()
    disable_streaming_logging: Flag = False
    # networking
    ssl_verify: Flag | str = True
    ssl_certificate: str | None = None
    ssl_security_level: Text | None = None
    ssl_ecdh_curve: str | None = None
    force_ipv4: Flag = False
    http2: Flag = False
    disable_aiohttp_transport: Flag = False
    aiohttp_trust_env: Flag = False
    disable_aiohttp_trust_env: Flag = False
    return_response_headers: Flag = False
    add_user_information_to_llm_headers: Flag = False
    forward_llm_provider_auth_headers: Flag = False
    forward_traceparent_to_llm_provider: Flag = False
    user_url_validation: Flag = True
    user_url_allowed_hosts: Names = ()
    provider_url_destination_allowed_hosts: Names = ()
    filter_invalid_headers: Flag | None = None
    network_mock: Flag = False
    # streaming
    include_cost_in_streaming_usage: Flag = False
    sse_keepalive_ping_interval_seconds: float | None = None
    anthropic_sse_ping_interval_seconds: float | None = 15
    # cache defaults
    default_in_memory_ttl: float | None = None
    default_redis_ttl: float | None = None
    default_redis_batch_cache_expiry: float | None = None
    enable_caching_on_provider_specific_optional_params: Flag = False
    force_redis_hash_tag_grouping: Flag = False
    # budgets and keys
    budget_duration: str | None = None
    timezone: str = "UTC"
    budget_exceeded_status_code: int = 422
    budget_exceeded_throttle_percentage: float | None = None
    budget_rollover: object = None
    default_soft_budget: float = 50
    default_key_generate_params: Table = {}
    key_generation_settings: Table = {}
    default_team_params: Table = {}
    internal_user_budget_duration: str | None = None
    max_user_budget: float | None = None
    max_end_user_budget: float | None = None
    max_end_user_budget_id: str | None = None
    validate_end_user_id_in_db: Flag = False
    tag_budget_config: dict[str, PeriodBudget] = {}
    personal_key_model_access_from_teams: Flag = False
    enable_key_alias_format_validation: Flag = False
    default_key_max_budget_alert_emails: object = None
    block_requests_for_models_without_pricing: Flag = False
    overwrite_user_with_key_hash: Flag = False
    # cost
    cost_discount_config: dict[str, float] = {}
    cost_margin_config: dict[str, float | Table] = {}
    apply_search_free_tier: object = None
    disable_end_user_cost_tracking: Flag = False
    extra_spend_tag_headers: Names = ()
    disable_add_user_agent_to_request_tags: Flag = False
    priority_reservation: dict[str, float | Table] = {}
    # Prometheus
    prometheus_metrics_config: Rows = ()
    custom_prometheus_metadata_labels: Names = ()
    custom_prometheus_tags: Names = ()
    prometheus_initialize_budget_metrics: Flag = False
    prometheus_latency_buckets: tuple[float, ...] = ()
    prometheus_exclude_metrics: Names = ()
    prometheus_exclude_labels: Names = ()
    prometheus_emit_stream_label: Flag = False
    prometheus_emit_input_sequence_length_label: Flag = False
    prometheus_emit_rate_limit_labels: Flag = False
    prometheus_deployment_and_latency_caller_identity: Literal["api_key_alias", "user_email", "both"] | None = None
    prometheus_user_budget_label_include_email_alias: Flag = False
    prometheus_end_user_metrics_max_series_per_metric: int = 10_000
    prometheus_end_user_metrics_ttl_seconds: float = 3600
    prometheus_end_user_metrics_cleanup_interval_seconds: float = 60
    prometheus_metrics_max_series_per_metric: int | None = None
    prometheus_metrics_ttl_seconds: float | None = None
    prometheus_metrics_cleanup_interval_seconds: float | None = None
    enable_end_user_cost_tracking_prometheus_only: Flag | None = None
    disable_end_user_cost_tracking_prometheus_only: Flag | None = None
    require_auth_for_metrics_endpoint: Flag = True
    # logging integrations
    langfuse_default_tags: Names = ()
    langfuse_enable_update_trace_keys: Flag = False
    langsmith_batch_size: int | None = None
    datadog_params: Table = {}
    datadog_llm_observability_params: Table = {}
    datadog_use_v1: Flag = False
    newrelic_params: Table = {}
    pointfive_params: Table = {}
    zerobus_params: Table = {}
    aws_sqs_callback_params: Table = {}
    generic_logger_headers: object = None
    generic_api_use_v1: Flag = False
    gcs_pub_sub_use_v1: Flag = False
    argilla_batch_size: int | None = None
    argilla_transformation_object: object = None
    dynamodb_table_name: str | None = None
    cold_storage_custom_logger: str | None = None
    logged_real_time_event_types: object = None
    batch_line_item_callbacks: Names = ()
    otel_tenant_destination_mode: Literal["override", "additive"] | None = None
    # guardrails
    guardrail_strict: Flag = True  # one that cannot be built stops the start
    guardrail_block_status: int = 400  # of an answer that a guardrail refuses
    guardrail_ignore_unknown: Flag = False  # a request may name guardrails that there are not
    skip_system_message_in_guardrail: Flag = False
    skip_tool_message_in_guardrail: Flag = False
    output_parse_pii: Flag = False
    presidio_ad_hoc_recognizers: object = None
    llamaguard_model_name: str | None = None
    llamaguard_unsafe_content_categories: str | None = None
    openai_moderations_model_name: str | None = None
    google_moderation_confidence_threshold: float | None = None
    llm_guard_mode: Literal["all", "key-specific", "request-specific"] = "all"
    blocked_user_list: object = None
    banned_keywords_list: object = None
    # providers
    api_base: str | None = None
    api_key: str | None = None
    openai_key: str | None = None
    azure_key: str | None = None
    anthropic_key: str | None = None
    groq_key: str | None = None
    cohere_key: str | None = None
    replicate_key: str | None = None
    huggingface_key: str | None = None
    openrouter_key: str | None = None
    togetherai_api_key: str | None = None
    vertex_project: str | None = None
    vertex_location: str | None = None
    vertex_ai_safety_settings: object = None
    enable_azure_ad_token_refresh: Flag = False
    enable_anthropic_prompt_caching: Flag = False
    anthropic_prompt_caching_ttl: Literal["5m", "1h"] | None = None
    openai_system_messages_first: Flag = False
    strip_anthropic_total_tokens: Flag = False
    use_chat_completions_url_for_anthropic_messages: Flag = False
    route_all_chat_openai_to_responses: Flag = False
    reasoning_auto_summary: Flag = False
    gemini_live_defer_setup: Flag = False
    gemini_include_thoughts_default: Flag = True
    enable_gemini_default_thinking_level_low: Flag = False
    disable_anthropic_gemini_context_caching_transform: Flag = False
    bedrock_neutralize_orphaned_tool_blocks: Flag = True
    bedrock_request_metadata_fields: Names = ()
    disable_add_prefix_to_prompt: Flag = False
    disable_copilot_system_to_assistant: Flag = False
    disable_add_transform_inline_image_block: Flag = False
    disable_vertex_batch_output_transformation: Flag = False
    use_litellm_proxy: Flag = False
    proxy_auth: object = None
    custom_prompt_dict: Table = {}
    # files, batches, tokens
    require_managed_files: Flag = False
    enable_loadbalancing_on_batch_endpoints: Flag | None = None
    disable_token_counter: Flag = False
    disable_hf_tokenizer_download: Flag = False
    max_tokens: int = 4096
    # hub and MCP
    public_model_groups: Names = ()
    public_model_groups_links: Table = {}
    public_mcp_servers: Names = ()
    public_mcp_hub_strict_whitelist: Flag = True
    public_agent_groups: Names = ()
    public_skills_index: object = None
    agent_search_embedding_model: str | None = None
    skill_search_embedding_model: str | None = None
    default_mcp_sampling_model: str | None = None
    vector_store_search_failure_mode: str = "annotate"
    # authentication
    enable_post_custom_auth_checks: Flag = False
    enable_model_config_credential_overrides: Flag = False
    log_auth_failure_key_identity: Flag = False
    # accepted, and without any effect in LiteLLM too
    telemetry: object = None
    caching: object = None
    caching_with_models: object = None
    email: object = None
    token: object = None
    retry: object = None
    use_client: object = None
