"""Where a key belongs that was found in the wrong section: by a table of habits, else by which section knows it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from tianji.config.schema.general import GeneralSettings
from tianji.config.schema.router import FAIL_KINDS, RETRY_KINDS, RouterSettings
from tianji.config.schema.settings import Settings

_HABITS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "server_settings": "give host and port to `tianji serve`: --host, --port",
        "pass_through_endpoints": "move it into general_settings",
        "enable_jwt_auth": "move it into general_settings",
        "litellm_jwtauth": "move it into general_settings",
        "litellm_settings.max_parallel_requests": "write it into the litellm_params of a deployment",
        "litellm_settings.cache_type": "write `type` into litellm_settings.cache_params",
        "litellm_settings.cache_params.redis_host": "the key is `host`",
        "litellm_settings.cache_params.redis_port": "the key is `port`",
        "litellm_settings.cache_params.redis_password": "the key is `password`",
        "litellm_settings.cache_params.embedding_model": "the key is `redis_semantic_cache_embedding_model`",
        "general_settings.set_verbose": "move it into litellm_settings",
        "router_settings.lowest_latency_buffer": "move it into routing_strategy_args",
        "router_settings.enable_fallback": "remove it: fallbacks are on when any are written",
        "router_settings.max_retries": "the key is `num_retries`",
        "router_settings.search_tools": "move it to the top level",
        **{f"router_settings.{name}": "move it into allowed_fails_policy" for name in FAIL_KINDS},
        **{f"router_settings.{name}": "move it into retry_policy" for name in RETRY_KINDS},
    }
)
_SECTIONS: Final = MappingProxyType(
    {
        "router_settings": frozenset(RouterSettings.__struct_fields__) - {"extra"},
        "litellm_settings": frozenset(Settings.__struct_fields__) - {"extra"},
        "general_settings": frozenset(GeneralSettings.__struct_fields__) - {"extra"},
    }
)


def belongs(section: str, name: str) -> str:
    """Say where `name`, found in `section` ("" is the top level), belongs; empty when no section knows it."""
    habit = _HABITS.get(f"{section}.{name}" if section else name)
    if habit:
        return habit
    if section and section not in _SECTIONS:
        return ""
    return next((f"move it into {owner}" for owner, names in _SECTIONS.items() if name in names), "")
