"""Keys without an effect of their own: who needs none, what is only shown, and what leaves something open."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

NEEDLESS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "general_settings.litellm_license": "no feature needs one",
        "general_settings.proxy_batch_write_at": "what was spent is written as it comes",
        "general_settings.use_redis_transaction_buffer": "one process of a machine writes what was spent",
        "general_settings.disable_adding_master_key_hash_to_db": "it is never there",
        "general_settings.proxy_budget_rescheduler_max_time": "proxy_budget_rescheduler_min_time says it alone",
        "general_settings.use_shared_health_check": "a machine asks once, whatever its workers; others for themselves",
        "general_settings.enable_drain_endpoint": "a gateway that is told to stop serves what is under way first",
        "general_settings.drain_endpoint_token": "there is no /health/drain: a gateway drains when it is told to stop",
        "general_settings.user_api_key_cache_ttl": "a change of a key counts within a second",
        "general_settings.user_api_key_cache_max_size": "what is not asked for gives way",
        "general_settings.hide_default_credentials_hint": "nobody is told any",
        "general_settings.disable_prisma_schema_update": "there is no Prisma; migrations are the gateway's own",
        "router_settings.set_verbose": "--debug has more logged",
        "router_settings.debug_level": "--debug has more logged",
        "general_settings.otel": "callbacks: [otel] tells traces",
        "litellm_settings.suppress_debug_info": "an error says no more than it has to",
        "litellm_settings.disable_aiohttp_transport": "upstreams are called by code of the gateway's own",
        "litellm_settings.use_chat_completions_url_for_anthropic_messages": "it is where nobody speaks Messages",
        "litellm_settings.max_end_user_budget": "without effect here and there: use max_end_user_budget_id",
        "litellm_settings.disable_hf_tokenizer_download": "none is downloaded",
    }
)
"""Why: what they ask for is so in any case, or there is nothing to ask it of."""
SHOWN: Final = frozenset(
    {
        *(
            f"model_list.model_info.{name}"
            for name in (
                "display_name", "description", "deprecation_date", "successor_model", "supported_regions",
                "output_vector_size", "supported_openai_params", "tier", "created_at", "created_by", "updated_at",
                "updated_by",
            )
        ),
    }
)  # fmt: skip
OPEN: Final = frozenset(("litellm_settings.validate_end_user_id_in_db",))
"""What forbids or limits in LiteLLM, and does not here."""
