"""Names of body members: OpenAI's own, the gateway's, and those of a deployment's params that never go upstream."""

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Sent by LiteLLM-compatible clients as OpenAI's; only these are checked against what a provider takes.
OPENAI_PARAMS = _words(
    """frequency_penalty logit_bias logprobs top_logprobs max_tokens max_completion_tokens modalities prediction n
    presence_penalty seed stop stream stream_options temperature top_p tools tool_choice function_call functions
    parallel_tool_calls audio web_search_options service_tier safety_identifier prompt_cache_key
    prompt_cache_retention store response_format"""
)
# Known to every OpenAI-style upstream or dealt with elsewhere: never refused for being unsupported.
NEVER_VALIDATED = frozenset({"user", "stream", "stream_options", "max_retries"})

PRICE_FIELDS = re.compile(
    r"(input|output|cache_(read|creation)_input)_(cost_per_\w+|(token|audio_token|image_token)_cost\w*)"
    r"|cost_per_second|tiered_pricing|search_context_cost_per_query"
)

CALLBACK_FIELDS = _words(
    """langfuse_public_key langfuse_secret langfuse_secret_key langfuse_host langfuse_environment
    langfuse_prompt_version langfuse_span_scope gcs_bucket_name gcs_path_service_account langsmith_api_key
    langsmith_project langsmith_base_url langsmith_tenant_id langsmith_sampling_rate humanloop_api_key arize_api_key
    arize_space_id arize_space_key arize_success_sampling_rate arize_error_sampling_rate arize_otlp_protocol dd_api_key
    dd_site dd_agent_host dd_agent_port posthog_api_key posthog_api_url newrelic_api_key newrelic_region
    signoz_ingestion_key signoz_ingestion_endpoint wandb_api_key weave_project_id"""
)

AZURE_ENTRA_FIELDS = _words(
    """azure_ad_token tenant_id client_id client_secret azure_scope azure_username azure_password"""
)
FEDERATION_FIELDS = _words(
    """anthropic_federation_rule_id openai_identity_provider_id openai_service_account_id openai_identity_token_file
    token_exchange_endpoint token_exchange_profile token_exchange_scope token_exchange_audience"""
)
# Where a request goes and as whom: a client may set these only where the operator has said so.
ADDRESS_FIELDS = (
    _words(
        """api_base base_url user_config aws_sts_endpoint aws_web_identity_token aws_role_name aws_profile_name
        aws_session_name aws_external_id aws_session_tags aws_bedrock_runtime_endpoint aws_bedrock_project_id
        vertex_credentials vertex_ai_credentials workspace_id bedrock_tags s3_endpoint_url sagemaker_base_url
        deployment_url nvcf_function_id use_ssl rust fireworks_forward_user_id"""
    )
    | AZURE_ENTRA_FIELDS
)

# Arguments of LiteLLM's completion() that its proxy takes out of bodies, though they mean nothing in one: clients that
# share their code with the library send them, and OpenAI refuses what it does not know.
_LIBRARY_FIELDS = _words(
    """acompletion aembedding aimg_generation allm_passthrough_route async_call atext_completion text_completion azure
    client complete_response completion_call_id force_timeout model_alias_map model_config model_file_id_mapping self
    shared_session stream_response use_client verbose ttl cache_key preset_cache_key provider_specific_header
    responses_api_version stream_chunk_size output_vector_size litellm_request_debug litellm_system_prompt
    rpm tpm rpd tpd itpm otpm weight order max_parallel_requests max_budget budget_duration cooldown_time id
    default_api_key_rpm_limit default_api_key_tpm_limit region_name ssl_verify data_residency
    context_window_fallback_dict custom_prompt_dict roles initial_prompt_value final_prompt_value bos_token eos_token
    hf_model_name supports_system_message ensure_alternating_roles user_continue_message assistant_continue_message
    merge_reasoning_content_in_choices enable_json_schema_validation disable_add_transform_inline_image_block
    use_litellm_proxy use_in_pass_through use_chat_completions_api"""
)

# What a client says to the gateway and not to the model: never sent upstream.
CONTROL_FIELDS = (
    _words(
        """timeout request_timeout stream_timeout client_side_timeout num_retries retry_policy retry_strategy
        max_retries fallbacks context_window_fallbacks content_policy_fallbacks disable_fallbacks max_fallbacks
        routing_strategy model_group_retry_policy caching_groups
        include_fallback_errors cache caching tags metadata litellm_metadata tianji_metadata guardrails
        guardrail_config policies include_guardrail_response drop_params additional_drop_params allowed_openai_params
        modify_params priority specific_deployment enable_tag_filtering mock_response mock_tool_calls
        mock_testing_fallbacks mock_testing_context_fallbacks mock_testing_content_policy_fallbacks
        mock_testing_rate_limit_error mock_timeout mock_delay api_key api_version organization extra_headers headers
        extra_query no-log turn_off_message_logging prompt_id prompt_variables prompt_label prompt_version
        prompt_environment litellm_session_id litellm_trace_id litellm_call_id keepalive_seconds
        allow_client_keepalive_override custom_llm_provider model_list model_info base_model fastest_response
        allowed_model_region litellm_embedding_config litellm_credential_name litellm_params litellm_logging_obj
        litellm_disabled_callbacks weights fallback_depth attempted_targets proxy_server_request
        standard_logging_object secret_fields disable_global_guardrails enable_prompt_caching applied_guardrails
        routing_decision guardrail_scan_id guardrail_scan_metadata callbacks service_callback success_callback
        failure_callback logger_fn"""
    )
    | _LIBRARY_FIELDS
    | ADDRESS_FIELDS
    | CALLBACK_FIELDS
    | FEDERATION_FIELDS
)

_DEPLOYMENT_ONLY = CONTROL_FIELDS | _words(
    """model extra_body default_headers configurable_clientside_auth_params use_xai_oauth github_copilot_auth_type
    timeout_by_service_tier stream_timeout_by_service_tier tag_regex allowed_fails allowed_fails_policy silent_model
    silent_model_percent hedge_after adaptive_concurrency provider_affinity_header max_file_size_mb
    max_agentic_loops cache_control_injection_points enable_azure_ad_token_refresh azure_ad_token_provider
    s3_bucket_name s3_region_name s3_access_key_id s3_secret_access_key s3_encryption_key_id s3_bucket_owner
    s3_output_bucket_name project_id space_id deployment_id predibase_tenant_id instance_id vector_store_id
    vector_bucket_name index_name embedding_model bucket_name blocked http2 zen_api_key gigachat_scope
    resource_group"""
)
_DEPLOYMENT_ONLY_PREFIXES = tuple(
    _words(
        """litellm_ tianji_ aws_ azure_ vertex_ watsonx_ oci_ anthropic_ openai_identity_ token_exchange_ milvus_
        valkey_ auto_router_ complexity_router_ adaptive_router_ quality_router_ mock_ langfuse_ langsmith_ arize_
        supports_"""
    )
)


def is_price(name: str) -> bool:
    """Tell a custom price (`input_cost_per_token`, `cost_per_second`, ...) from other params."""
    return PRICE_FIELDS.fullmatch(name) is not None


def goes_upstream(name: str) -> bool:
    """Tell whether a key of a deployment's params is a default of the request, as every unknown key is."""
    return name not in _DEPLOYMENT_ONLY and not name.startswith(_DEPLOYMENT_ONLY_PREFIXES) and not is_price(name)
