"""From the plan of a semantic cache to what it consists of."""

import functools
from collections.abc import Mapping
from typing import Final

from tianji.cache.caches import EmbedBy
from tianji.cache.plan import Plan
from tianji.cache.semantic.likeness import Likeness, Vectors
from tianji.cache.semantic.meaning import Reader, reader
from tianji.config.schema import CacheParams
from tianji.errors import ConfigurationError
from tianji.lazy import load
from tianji.storage.valkey import semantic_server_of

BY_MEANING: Final = frozenset({b"messages", b"prompt", b"input"})  # members that are not compared as they are
OPERATIONS: Final = frozenset({"chat", "completions", "responses", "messages"})
_INDEX: Final = "tianji_semantic_cache"
_THINKING: Final = 5.0  # seconds
_PATIENCE: Final = 0.5


def build(plan: Plan, environ: Mapping[str, str], embed: EmbedBy) -> tuple[Likeness, Reader]:
    """Build what finds answers, and what reads requests. Raises ConfigurationError."""
    params = plan.params
    if params.similarity_threshold is None:
        raise ConfigurationError(f"cache_params of type {plan.type} need a similarity_threshold")
    model = {
        "qdrant-semantic": params.qdrant_semantic_cache_embedding_model,
        "redis-semantic": params.redis_semantic_cache_embedding_model,
        "valkey-semantic": params.valkey_semantic_cache_embedding_model,
    }[plan.type]
    thinking = params.semantic_cache_embedding_timeout
    found = Likeness(
        vectors(plan, environ),
        functools.partial(embed, model),
        threshold=params.similarity_threshold,
        thinking=_THINKING if thinking is None else thinking,
        patience=_PATIENCE if params.lookup_timeout is None else params.lookup_timeout,
    )
    return found, reader(params.semantic_cache_embedding_max_input_tokens)


def vectors(plan: Plan, environ: Mapping[str, str]) -> Vectors:
    """Return where answers are kept by vectors; it connects when it is asked. Raises ConfigurationError."""
    params = plan.params
    if plan.type == "qdrant-semantic":
        return _qdrant(params, environ)
    valkey = plan.type == "valkey-semantic"
    server = semantic_server_of(params, environ, ("VALKEY_", "REDIS_") if valkey else ("REDIS_",))
    if server is None or server.kind == "cluster":
        raise ConfigurationError(f"cache_params of type {plan.type} need a server, and one that is no cluster")
    index = params.valkey_semantic_cache_index_name if valkey else params.redis_semantic_cache_index_name
    found: Vectors = load("tianji.cache.semantic.search").SearchVectors(server, index or _INDEX)
    return found


def _qdrant(params: CacheParams, environ: Mapping[str, str]) -> Vectors:
    url = params.qdrant_api_base or environ.get("QDRANT_URL") or environ.get("QDRANT_API_BASE")
    if not url or not params.qdrant_collection_name:
        raise ConfigurationError("cache_params of type qdrant-semantic need qdrant_api_base and qdrant_collection_name")
    found: Vectors = load("tianji.cache.semantic.qdrant").QdrantVectors(
        url,
        params.qdrant_collection_name,
        key=params.qdrant_api_key or environ.get("QDRANT_API_KEY"),
        quantization=params.qdrant_quantization_config or "binary",
        size=params.qdrant_semantic_cache_vector_size,
    )
    return found
