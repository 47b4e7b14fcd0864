"""`model_list`: deployments, what is sent upstream with them, and what is known about their models."""

# ruff: noqa: RUF012 - msgspec copies an empty default for every struct

import re
from types import MappingProxyType
from typing import ClassVar, Final, Literal

from tianji.config.problems import Place
from tianji.config.schema.auto_router import (
    MARKER,
    AdaptiveConfig,
    AdaptivePreferences,
    AutoRule,
    ComplexityConfig,
    QualityConfig,
    RoutingPreferences,
)
from tianji.config.schema.base import Flag, Headers, Names, Rows, Section, Switch, Table, Unknown

PRICE: Final = re.compile(
    r"(?:input|output|training|ocr|annotation)_cost_per_\w+|cache_(?:read|creation)_\w*_cost(?:_\w+)?|cost_per_second"
)
"""Keys that hold a price in US dollars."""

PROVIDER_KEYS: Final = re.compile(
    r"(?:aws|azure|vertex|s3|gcs|watsonx|anthropic(?!_beta)|openai_(?:identity|service)|token_exchange|milvus|valkey|"
    r"bedrock|predibase|langfuse|langsmith|arize|dd|wandb)_\w+|"
    r"tenant_id|client_id|client_secret|bucket_name|safety_settings|project_id|space_id|deployment_id|workspace_id|"
    r"instance_id|vector_store_id|vector_bucket_name|index_name|embedding_model|guardrailConfig|performanceConfig"
)
"""Keys that a provider's own code reads: credentials, places, destinations. They never go into a request body."""


PROMPT_SOURCES: Final = frozenset(
    ["arize_phoenix", "bitbucket", "dotprompt", "generic_prompt_management", "gitlab", "humanloop", "langfuse"]
)
"""What may stand before a model to say who keeps a prompt."""


class ModelParams(Section, frozen=True, kw_only=True):
    """`litellm_params`: how one deployment is called. Times are seconds, prices US dollars.

    `passed` holds, in file order, what is merged as a default under every request: OpenAI parameters and keys that
    nobody here knows. `provider` holds credentials and places that a provider reads; `prices` the price overrides;
    `written` everything in file order, converted, for code that wants the mapping.
    """

    unknown: ClassVar[Unknown] = "keep"
    required: ClassVar[frozenset[str]] = frozenset({"model"})
    derived: ClassVar[frozenset[str]] = frozenset({"passed", "provider", "prices", "written", "prompt_source"})
    remedies = MappingProxyType(
        {
            "model": "name the upstream model: `model: openai/gpt-4o`",
            "api_version": "quote it",
            "rpm": "write a whole number of requests a minute",
            "tpm": "write a whole number of tokens a minute",
        }
    )
    # identity and transport
    model: str
    api_base: str | None = None
    base_url: str | None = None  # synonym of api_base
    api_key: str | None = None
    api_version: str | None = None
    custom_llm_provider: str | None = None
    organization: str | Names | None = None
    litellm_credential_name: str | None = None
    extra_headers: Headers = {}
    headers: Headers = {}
    default_headers: Headers = {}
    extra_body: Table = {}
    extra_query: Headers = {}
    ssl_verify: Flag | str | None = None
    http2: Flag | None = None  # Tianji's own: whether this upstream is offered HTTP/2; null: as litellm_settings says
    region_name: str | None = None
    use_in_pass_through: Flag = False
    configurable_clientside_auth_params: tuple[object, ...] = ()
    use_litellm_proxy: Flag = False
    use_chat_completions_api: Flag | None = None
    use_xai_oauth: Flag | None = None
    github_copilot_auth_type: str | None = None
    fireworks_forward_user_id: Flag | None = None
    data_residency: str | None = None
    # limits, routing, reliability
    rpm: int | None = None
    tpm: int | None = None
    itpm: int | None = None
    otpm: int | None = None
    weight: float | None = None
    order: int | None = None
    max_parallel_requests: int | None = None
    adaptive_concurrency: Flag | None = None  # Tianji's own, as the next; null: as router_settings says
    hedge_after: float | str | None = None
    silent_model_percent: float | None = None  # of the requests, that silent_model gets a copy of
    timeout: float | None = None
    stream_timeout: float | None = None
    request_timeout: float | None = None
    timeout_by_service_tier: dict[str, float] = {}
    stream_timeout_by_service_tier: dict[str, float] = {}
    max_retries: int | None = None
    num_retries: int | None = None
    cooldown_time: float | None = None
    allowed_fails: int | None = None
    allowed_fails_policy: dict[str, int | None] = {}
    tags: Names = ()
    tag_regex: Names = ()
    max_budget: float | None = None
    budget_duration: str | None = None
    default_api_key_tpm_limit: int | None = None
    default_api_key_rpm_limit: int | None = None
    silent_model: str | Names | None = None
    provider_affinity_header: str | None = None
    fallbacks: tuple[object, ...] = ()
    context_window_fallback_dict: Table = {}
    keepalive_seconds: float | None = None
    allow_client_keepalive_override: Flag = False
    max_file_size_mb: float | None = None
    max_agentic_loops: int | None = None
    # behaviour
    drop_params: Switch | None = None
    additional_drop_params: Names = ()
    allowed_openai_params: Names = ()
    modify_params: Flag | None = None
    mock_response: object = None
    guardrails: Names = ()
    cache_control_injection_points: Rows = ()
    enable_prompt_caching: Flag | None = None
    merge_reasoning_content_in_choices: Flag = False
    litellm_system_prompt: str | None = None
    prompt_id: str | None = None
    prompt_variables: Table = {}
    prompt_label: str | None = None
    prompt_version: int | str | None = None
    prompt_environment: str | None = None
    custom_prompt_dict: Table = {}
    roles: Table = {}
    initial_prompt_value: str | None = None
    final_prompt_value: str | None = None
    bos_token: str | None = None
    eos_token: str | None = None
    hf_model_name: str | None = None
    supports_system_message: Flag | None = None
    ensure_alternating_roles: Flag | None = None
    user_continue_message: Table = {}
    assistant_continue_message: object = None
    enable_json_schema_validation: Flag | None = None
    disable_add_transform_inline_image_block: Flag | None = None
    success_callback: Names = ()
    failure_callback: Names = ()
    callbacks: Names = ()
    turn_off_message_logging: Flag | None = None
    # routers behind a model
    auto_router_config: object = None
    auto_router_config_path: str | None = None
    auto_router_default_model: str | None = None
    auto_router_embedding_model: str | None = None
    auto_router_max_input_chars: int = 2000
    auto_router_rules: tuple[AutoRule, ...] = ()  # Tianji's own
    auto_router_routing_compression: object = None
    auto_router_model_compression: object = None
    complexity_router_config: ComplexityConfig | None = None
    complexity_router_default_model: str | None = None
    adaptive_router_config: AdaptiveConfig | None = None
    adaptive_router_default_model: str | None = None
    quality_router_config: QualityConfig | None = None
    quality_router_default_model: str | None = None
    # price structures
    tiered_pricing: Rows = ()
    search_context_cost_per_query: Table = {}
    # derived
    passed: dict[str, object] = {}
    provider: dict[str, object] = {}
    prices: dict[str, float] = {}
    written: dict[str, object] = {}
    prompt_source: str | None = None  # what keeps the prompt of `prompt_id`, where the model names it: `gitlab/gpt-4o`

    @property
    def is_auto_router(self) -> bool:
        """Whether this is no upstream but a router that chooses a model group by the content of a request."""
        return self.model.startswith(MARKER)


class AccessWindow(Section, frozen=True, kw_only=True):
    """Hours of the day in which a model may be called."""

    unknown: ClassVar[Unknown] = "refuse"
    start: str | None = None
    end: str | None = None
    timezone: str | None = None
    team_ids: Names = ()


class ModelInfo(Section, frozen=True, kw_only=True):
    """`model_info`: what is known about a deployment's model. Unknown keys are kept for the model-info answers."""

    unknown: ClassVar[Unknown] = "keep"
    derived: ClassVar[frozenset[str]] = frozenset({"prices", "written"})
    id: str | int | None = None
    mode: str | None = None
    base_model: str | None = None
    max_tokens: int | None = None
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    access_groups: Names = ()
    team_id: str | None = None
    team_public_model_name: str | None = None
    supported_environments: tuple[Literal["development", "staging", "production"], ...] | None = None
    requires_env: Names = ()  # Tianji's own: without every one of these variables the deployment is silently left out
    tier: Literal["free", "paid"] | None = None
    order: int | None = None
    cooldown_time: float | None = None
    allowed_fails: int | None = None
    allowed_fails_policy: dict[str, int | None] = {}
    health_check_model: str | None = None
    health_check_timeout: float | None = None
    health_check_params: Table = {}
    health_check_voice: str | None = None
    health_check_max_tokens: int | None = None
    health_check_max_tokens_reasoning: int | None = None
    health_check_max_tokens_non_reasoning: int | None = None
    health_check_supports_max_tokens: Flag | None = None
    health_check_reasoning_effort: str | None = None
    disable_background_health_check: Flag = False
    blocked: Flag = False
    discoverable: Flag = True
    access_windows: tuple[AccessWindow, ...] = ()
    enable_tag_filtering: Flag | None = None
    allow_fail_open: Flag | None = None
    ptu_count: float | None = None
    cost_per_ptu_per_hour: float | None = None
    ptu_effective_from: str | None = None
    ptu_effective_to: str | None = None
    ptu_shares: object = None
    internal_router_model: object = None
    member_auto_router: object = None
    litellm_routing_preferences: RoutingPreferences | None = None
    adaptive_router_preferences: AdaptivePreferences | None = None
    custom_tokenizer: Table = {}
    supported_openai_params: Names = ()
    display_name: str | None = None
    description: str | None = None
    deprecation_date: str | None = None
    successor_model: str | None = None
    supported_regions: Names = ()
    output_vector_size: int | None = None
    db_model: Flag = False
    created_at: object = None
    created_by: object = None
    updated_at: object = None
    updated_by: object = None
    # derived
    prices: dict[str, float] = {}
    written: dict[str, object] = {}


class ModelEntry(Section, frozen=True, kw_only=True):
    """One deployment: `model_name` is the public name, shared by the deployments of a group."""

    model_name: str
    params: ModelParams
    info: ModelInfo
    id: str
    place: Place
