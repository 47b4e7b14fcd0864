"""What the configuration wants of a cache."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from tianji.config.schema import CacheParams, Config, Settings
from tianji.config.schema.cache import CacheType
from tianji.storage.valkey import cache_server_of

IN_MEMORY: Final = 600.0  # seconds that answers are kept in memory where nobody says so, as in LiteLLM
IN_REDIS: Final = 60.0
SEMANTIC: Final = frozenset({"redis-semantic", "valkey-semantic", "qdrant-semantic"})


class Plan(Struct, frozen=True):
    """What a cache is made of. Two that are equal make the same one."""

    type: CacheType
    params: CacheParams
    ttl: float
    every_member: bool
    groups: tuple[tuple[str, ...], ...]
    environ: tuple[tuple[str, str | None], ...]


def plan_of(config: Config, environ: Mapping[str, str]) -> Plan | None:
    """Return what the configuration wants; None for no cache."""
    settings = config.litellm_settings
    params = settings.cache_params or CacheParams()
    if not settings.cache or not params.supported_call_types:
        return None
    kind = type_of(params, environ)
    return Plan(
        kind,
        params,
        ttl_of(kind, params, settings),
        bool(settings.enable_caching_on_provider_specific_optional_params),
        tuple(tuple(group) for group in config.router_settings.caching_groups),
        tuple(
            sorted(
                (name, value)
                for name, value in environ.items()
                if name.startswith(("REDIS_", "VALKEY_", "QDRANT_", "AWS_", "AZURE_", "GCS_", "GOOGLE_"))
            )
        ),
    )


def type_of(params: CacheParams, environ: Mapping[str, str]) -> CacheType:
    """Return the type: without one, parameters mean `local`, and none at all the Redis of the environment, if any."""
    if params.type is not None:
        return params.type
    return "redis" if params == CacheParams() and cache_server_of(params, environ) is not None else "local"


def ttl_of(kind: CacheType, params: CacheParams, settings: Settings) -> float:
    """Return how many seconds an answer is kept; 0: for ever."""
    own: tuple[float | None, ...] = (params.ttl, 0.0)
    if kind == "local":
        own = (params.default_in_memory_ttl, params.ttl, settings.default_in_memory_ttl, IN_MEMORY)
    elif kind in {"redis", "dual", "redis-semantic", "valkey-semantic"}:
        own = (
            params.default_in_redis_ttl,
            params.ttl,
            params.default_redis_ttl,
            settings.default_redis_ttl,
            IN_REDIS,
        )
    return next(seconds for seconds in own if seconds is not None)
