"""`general_settings`."""

# ruff: noqa: RUF012 - msgspec copies an empty default for every struct

import re
from types import MappingProxyType
from typing import ClassVar, Final, Literal

from tianji.config.schema.alerting import AlertingArgs, AlertTypeConfig, CaptureCheck
from tianji.config.schema.base import Flag, Names, Rows, Section, Table, Text, Unknown
from tianji.config.schema.jwt import InternalRole, JwtAuth
from tianji.config.schema.secrets import KeyManagement

PROXIED: Final = frozenset({"user_id", "user_email", "team_id", "team_alias", "org_id", "models"})
"""What headers of a proxy may say of a caller: who he is, and nothing that gives him more."""


class RolePermission(Section, frozen=True, kw_only=True):
    """What a role may call."""

    unknown: ClassVar[Unknown] = "refuse"
    required: ClassVar[frozenset[str]] = frozenset({"role"})
    role: InternalRole
    models: Names | None = None
    routes: Names | None = None


class PassThroughEndpoint(Section, frozen=True, kw_only=True):
    """A path of the gateway that is forwarded to `target`. `timeout` is seconds, `cost_per_request` US dollars.

    `include_subpath` says whether what lies below the path goes below the target; LiteLLM leaves that out where nothing
    is said. `auth` says whether a gateway key is needed. Only the boolean false makes a path public; text never does.
    `stored`: it is one of the database, so that its target has to be public.
    """

    required: ClassVar[frozenset[str]] = frozenset({"path"})
    derived: ClassVar[frozenset[str]] = frozenset({"stored"})
    path: str
    target: str | None = None
    headers: dict[str, Text] = {}
    forward_headers: Flag = False
    merge_query_params: Flag = False
    default_query_params: dict[str, Text] = {}
    include_subpath: Flag = True
    methods: Names = ("GET", "POST", "PUT", "DELETE", "PATCH")
    auth: bool = True
    cost_per_request: float = 0
    timeout: float | None = None
    guardrails: object = None
    custom_auth_parser: str | None = None
    id: str | None = None
    # derived
    stored: bool = False

    @property
    def address(self) -> str:
        """Where it leads as an address of HTTP, by which sockets are asked for, too; "" for nowhere."""
        return re.sub("^ws", "http", self.target or "")


class MetadataField(Section, frozen=True, kw_only=True):
    """A member that the metadata of teams is expected to have, for forms to show."""

    key: str
    label: str | None = None


class GeneralSettings(Section, frozen=True, kw_only=True):
    """The gateway itself: authentication, database, limits, health, alerts, secrets. Times are seconds."""

    remedies = MappingProxyType({"master_key": "quote it, or write os.environ/LITELLM_MASTER_KEY"})
    # core and authentication
    master_key: str | None = None
    dangerously_permit_weak_or_unset_master_key: bool = False
    database_url: str | None = None
    store_model_in_db: bool = False
    supported_db_objects: Names | None = None
    litellm_license: str | None = None
    litellm_key_header_name: str | None = None
    custom_auth: str | None = None
    custom_auth_run_common_checks: bool = False
    custom_auth_settings: Table = {}
    custom_key_generate: str | None = None
    custom_key_update: str | None = None
    custom_key_policy: str | None = None
    custom_sso: str | None = None
    custom_ui_sso_sign_in_handler: str | None = None
    custom_team_metadata_validate: str | None = None
    team_metadata_schema: tuple[MetadataField, ...] = ()
    team_metadata_validation_timeout: float | None = None
    team_metadata_validation_error_message: str | None = None
    enable_jwt_auth: bool = False
    litellm_jwtauth: JwtAuth = JwtAuth()
    role_permissions: tuple[RolePermission, ...] = ()
    enforce_rbac: bool = False
    enable_oauth2_auth: bool = False
    enable_oauth2_proxy_auth: bool = False
    oauth2_config_mappings: Table = {}
    allow_user_auth: bool = False
    allowed_routes: Names | None = None
    public_routes: Names = ()
    admin_only_routes: Names = ()
    allowed_ips: Names | None = None
    use_x_forwarded_for: bool = False
    trusted_proxy_ranges: Names = ()
    enforce_user_param: bool = False
    enforced_params: Names = ()
    service_account_settings: Table = {}
    reject_clientside_metadata_tags: bool = False
    allow_client_side_credentials: bool = False
    user_header_name: str | None = None
    user_header_mappings: Rows = ()
    missing_session_id: str | None = None
    encryption_algorithm: str = "xsalsa20-poly1305"
    disable_custom_api_keys: bool = False
    disable_key_generate_for_org_admin: bool = False
    default_team_disabled: bool = False
    apply_user_budget_to_team_keys: bool = False
    use_team_public_model_name: bool = True
    disable_model_add_for_internal_users: bool = False
    disable_agents_for_internal_users: bool = False
    allow_agents_for_team_admins: bool = False
    disable_vector_stores_for_internal_users: bool = False
    allow_vector_stores_for_team_admins: bool = False
    team_admin_editable_team_fields: object = None
    # database and persistence
    database_connection_pool_limit: int = 10
    database_connection_timeout: float = 60
    database_connect_timeout: float | None = None
    database_socket_timeout: float | None = None
    database_statement_timeout: float | None = None
    database_lock_timeout: float | None = None
    database_idle_in_transaction_session_timeout: float | None = None
    database_max_idle_connection_lifetime: float = 60
    database_extra_connection_params: Table = {}
    database_disable_prepared_statements: bool = False
    database_type: object = None
    database_args: object = None
    disable_prisma_schema_update: bool = False
    allow_requests_on_db_unavailable: bool = False
    disable_spend_logs: bool = False
    disable_spend_updates: bool = False
    disable_error_logs: bool = False
    disable_reset_budget: bool = False
    disable_master_key_return: bool = False
    store_prompts_in_spend_logs: bool = False
    disable_requester_ip_address_logging: bool = False
    spend_logs_metadata_fields: dict[str, Names] | None = None
    maximum_spend_logs_retention_period: Text | None = None
    maximum_spend_logs_retention_interval: Text = "1d"
    maximum_spend_logs_cleanup_cron: str | None = None
    maximum_spend_logs_cleanup_batch_size: int = 1000
    maximum_spend_logs_cleanup_max_batches: int = 500
    maximum_spend_logs_cleanup_run_budget: Text = "5m"
    maximum_spend_logs_cleanup_batch_timeout: Text = "30s"
    maximum_audit_logs_retention_period: Text | None = None  # looked at and dropped as the settings above say
    maximum_health_check_retention_period: Text | None = None
    maximum_daily_tag_spend_retention_period: Text | None = None
    maximum_autorouter_session_retention_period: Text | None = None
    use_spend_logs_partitioning: bool = False
    proxy_batch_write_at: float = 10
    proxy_budget_rescheduler_min_time: float = 597
    proxy_budget_rescheduler_max_time: float = 605
    proxy_batch_polling_interval: float = 3600
    proxy_config_reload_interval_seconds: object = 30
    scheduled_job_stagger: object = None
    use_redis_transaction_buffer: bool = False
    spend_report_frequency: Text = "7d"
    spend_capture_rate_check: CaptureCheck | None = None
    track_unmanaged_batch_cost: bool = False
    # limits, cache, admission
    coordination_redis: Table | None = None
    max_parallel_requests: int | None = None
    global_max_parallel_requests: int | None = None
    max_request_size_mb: float | None = None
    max_response_size_mb: float | None = None
    max_in_flight_requests_per_worker: int | None = None
    max_queued_requests_per_worker: int | None = None
    admission_queue_timeout_seconds: float = 1.0
    user_api_key_cache_ttl: float = 60
    user_api_key_cache_max_size: int = 200
    token_rate_limit_type: Literal["total", "input", "output"] = "total"  # noqa: S105 - not a password
    fail_closed_rate_limit_enforcement: bool = False
    fail_closed_budget_enforcement: bool = False
    disable_budget_reservation: bool = False
    disable_retry_on_max_parallel_request_limit_error: bool = False
    disable_fallbacks_on_per_model_rate_limits: bool = False
    enforce_fallback_model_access: bool = True
    enforce_fallback_budget: bool = True
    expose_fallback_errors_to_caller: bool = False
    disable_batch_input_file_rate_limiting: bool = False
    skip_batch_input_file_rate_limiting_for_providers: Names = ()
    skip_batch_input_file_rate_limiting_for_models: object = None
    max_batch_file_size_mb: float | None = None
    max_file_size_mb: float | None = None
    max_batch_file_records: int | None = None
    max_batch_file_uploads_per_day: int | None = None
    max_file_downloads_per_minute: int | None = None
    allowed_file_extensions: Names | None = None
    blocked_file_extensions: Names = ()
    enforce_rpm_tpm_on_model_add: bool = False
    enforce_project_model_quota: bool = False
    # requests and responses
    completion_model: str | None = None
    image_generation_model: str | None = None
    moderation_model: str | None = None
    forward_client_headers_to_llm_api: bool = False
    forward_openai_org_id: bool = False
    forward_llm_provider_auth_headers: bool = False
    always_include_stream_usage: bool | None = None  # true: for every client; false: do not even ask upstream
    infer_model_from_keys: bool = False
    cancel_on_disconnect: bool = False
    include_call_id_in_error_body: bool = False
    dangerously_allow_mock_testing_request_params: bool = False
    pass_through_endpoints: tuple[PassThroughEndpoint, ...] = ()
    pass_through_request_timeout: float = 600
    passthrough_managed_object_ids: object = None
    disable_bedrock_agent_runtime_passthrough: bool = False
    enable_openai_websocket_passthrough: bool = True
    transcribe_media_buckets: object = None
    responses_websocket_session_limit_seconds: float = 3600
    realtime_session_limit_seconds: float = 3600
    realtime_idle_timeout_seconds: float = 900
    realtime_allowed_origins: Names = ()
    disable_responses_id_security: bool = False
    allow_unmanaged_response_ids: bool = False
    context_management_summary_model: str | None = None
    context_management_summary_max_tokens: int | None = None
    safeguards_classifier_model: str | None = None
    enable_claude_code_gateway: bool = False
    claude_code_gateway_managed_settings: object = None
    user_url_validation: bool | None = None
    user_url_allowed_hosts: Names = ()
    provider_url_destination_allowed_hosts: Names = ()
    search_tools: Rows = ()
    # health, alerts, observability
    background_health_checks: bool = False
    health_check_interval: float = 300
    health_check_concurrency: int | None = None
    health_check_details: bool = True
    use_shared_health_check: bool = False
    health_check_skip_disabled_background_models: bool = False
    background_health_check_model_groups: Names = ()
    enable_health_check_routing: bool = False
    health_check_staleness_threshold: float | None = None
    health_check_ignore_transient_errors: bool = False
    model_list_healthy_only: bool = False
    allow_public_health_readiness_details: bool = False
    enable_drain_endpoint: bool = False
    drain_endpoint_token: str | None = None
    disable_model_info_refresh: bool = False
    alerting: Names = ()
    alerting_threshold: float = 600
    alert_types: Names | None = None
    alert_to_webhook_url: dict[str, str | Names] = {}
    discord_webhook_url: str | None = None
    ratelimit_alert_threshold: float | None = None  # the share of a limit of Anthropic's that may be used
    alerting_args: AlertingArgs = AlertingArgs()
    alert_type_config: dict[str, AlertTypeConfig] = {}
    otel: object = None
    tracing: object = None
    # secrets
    key_management_system: (
        Literal[
            "google_kms", "azure_key_vault", "aws_secret_manager", "google_secret_manager", "hashicorp_vault",
            "cyberark", "aws_kms", "custom", "file",
        ] | None
    ) = None  # fmt: skip
    key_management_settings: KeyManagement = KeyManagement()
    use_google_kms: bool = False
    use_azure_key_vault: bool = False
    use_aws_kms: bool = False
    # user interface and login
    ui_access_mode: Literal["all", "admin_only"] | Table = "all"
    auto_redirect_ui_login_to_sso: bool = False
    hide_default_credentials_hint: bool = False
    control_plane_url: str | None = None
    plugins: Rows = ()
    enable_public_model_hub: bool = False
    user_mcp_management_mode: str | None = None
    disable_auto_add_proxy_admin_to_teams: bool = False
    max_failed_login_attempts_per_source: int = 10
    max_failed_login_attempts_per_source_overrides: dict[str, int] = {}  # by network; 0 is no limit
    failed_login_window_seconds: float = 60
    failed_login_block_seconds: float = 300
    password_policy_min_length: int = 12
    password_policy_require_uppercase: bool = True
    password_policy_require_lowercase: bool = True
    password_policy_require_numbers: bool = True
    password_policy_require_special_characters: bool = True
    password_policy_check_breached_passwords: bool = True
    disable_password_login_when_sso_enabled: bool = False
    disable_env_credential_login: bool = False
    allow_cli_sso_verification_uri_complete: bool = False
    # MCP and access defaults
    mcp_internal_ip_ranges: Names | None = None
    mcp_trusted_proxy_ranges: Names = ()
    mcp_xff_num_trusted_hops: int | None = None
    mcp_advertised_versions: Names | None = None
    mcp_disabled_capabilities: tuple[Literal["prompts", "resources"], ...] = ()
    mcp_allowed_clients: object = None
    mcp_client_id_header: str | None = None
    mcp_require_explicit_server_scope: bool = False
    mcp_client_side_auth_header_name: str | None = None
    mcp_required_fields: object = None
    mcp_allow_all_keys_respects_mcp_scope: bool = False
    mcp_prefer_client_id_metadata_document: bool = False
    mcp_session_token_signing: Table = {}
    require_end_user_mcp_access_defined: bool = False
    require_key_mcp_access_defined: bool = False
    enable_mcp_registry: bool = False
    vector_store_deny_by_default: bool = False
    search_tool_deny_by_default: bool = False
    agent_access_default_deny: bool = False
    # documented for LiteLLM, and not read there either
    use_client_credentials_pass_through_routes: object = None
    disable_adding_master_key_hash_to_db: object = None
    scope_spend_list_endpoints_to_caller: object = None
    embedding_model: object = None
    max_failed_login_attempts: object = None
