"""`cache`, `cache_params` and every other place that needs a Redis."""

from collections.abc import Mapping
from typing import Final

from tianji.config.checks.subject import Subject
from tianji.config.schema.cache import CALL_TYPES, SEMANTIC_ONLY, CacheParams
from tianji.config.tree import Map

_ENVIRONMENT: Final = ("REDIS_URL", "REDIS_HOST", "REDIS_CLUSTER_NODES", "REDIS_SENTINEL_NODES")
_TARGETS: Final = ("url", "host", "redis_startup_nodes", "startup_nodes", "sentinel_nodes", "unix_socket_path")
_HERE: Final = ("litellm_settings", "cache_params")
_ABOVE_ZERO: Final = ("max_memory_mb", "max_entry_mb", "max_disk_mb", "lookup_timeout")
_NOT_NEGATIVE: Final = ("ttl", "default_in_memory_ttl", "default_in_redis_ttl", "default_redis_ttl", "max_messages")
_SEMANTIC: Final = frozenset({"redis-semantic", "valkey-semantic", "qdrant-semantic"})
_QDRANT: Final = ("QDRANT_URL", "QDRANT_API_BASE")
YOUNG: Final = 10  # an answer takes at most so much of the memory: one part in
_NAME_A_TARGET: Final = "write `host:` and `port:`, or `url:`, or set REDIS_URL"


def check(subject: Subject) -> None:
    """Check that a Redis cache names a server and only arguments of its client; likewise the other Redis users."""
    settings = subject.config.litellm_settings
    if settings.cache:
        _cache(subject, settings.cache_params)
    elif settings.cache_params is not None:
        subject.warning(_HERE, "has no effect, because `cache` is not true", "write `cache: true` beside it")
    general = subject.config.general_settings
    if general.coordination_redis is not None and not any(map(general.coordination_redis.get, _TARGETS)):
        path = ("general_settings", "coordination_redis")
        subject.error(path, "names no server", "write `host:` and `port:`, or `url:`")
    if general.use_redis_transaction_buffer and not _any_redis(subject):
        path = ("general_settings", "use_redis_transaction_buffer")
        subject.error(path, "needs a Redis, and none is configured", "add coordination_redis, or remove this")


def _cache(subject: Subject, params: CacheParams | None) -> None:
    text = subject.written(*_HERE)
    if params is None or not isinstance(text, Map) or not text:
        if not from_environment(subject.environ):
            path = ("litellm_settings", "cache")
            subject.warning(path, "names no Redis, so answers are cached in memory", "write cache_params")
        return
    _amounts(subject, params)
    _words(subject, params)
    _bucket(subject, params)
    if params.type in _SEMANTIC:
        _semantic(subject, params)
    if params.type not in {"redis", "dual"}:
        return
    if not any(getattr(params, name, None) for name in _TARGETS) and not from_environment(subject.environ):
        subject.error(_HERE, "the type is redis and no server is named", _NAME_A_TARGET)
    for key in text:
        if key in SEMANTIC_ONLY or key in params.extra:
            where = (*_HERE, key)
            remedy = "the key is `url`" if key == "redis_url" else "remove it, or choose the type it belongs to"
            subject.error(where, "is not an argument of a Redis client", remedy)


def _amounts(subject: Subject, params: CacheParams) -> None:
    """Check what has to be more than nothing, and what may not be less."""
    for name in _ABOVE_ZERO:
        value = getattr(params, name)
        if value is not None and value <= 0:
            subject.error((*_HERE, name), "must be above 0", "write a number above 0, or remove the key")
    for name in _NOT_NEGATIVE:
        value = getattr(params, name)
        if value is not None and value < 0:
            subject.error((*_HERE, name), "must be 0 or more", "write 0 or more, or remove the key")
    if 0 < params.max_memory_mb < YOUNG * params.max_entry_mb and params.type in {None, "local", "dual"}:
        where = (*_HERE, "max_memory_mb" if params.max_memory_mb != CacheParams().max_memory_mb else "max_entry_mb")
        remedy = f"let max_memory_mb be {YOUNG} times max_entry_mb"
        subject.warning(where, "has no room for the largest answers, which stay out of memory", remedy)


def _bucket(subject: Subject, params: CacheParams) -> None:
    if params.type == "s3" and not params.s3_bucket_name:
        subject.error(_HERE, "the type is s3 and no bucket is named", "write `s3_bucket_name:`")
    if params.type == "gcs" and not (params.gcs_bucket_name or subject.environ.get("GCS_BUCKET_NAME")):
        subject.error(_HERE, "the type is gcs and no bucket is named", "write `gcs_bucket_name:`")
    if params.type == "azure-blob":
        if not (params.azure_account_url or "").startswith(("https://", "http://")):
            remedy = "write `azure_account_url: https://<account>.blob.core.windows.net`"
            subject.error(_HERE, "the type is azure-blob and no account is named", remedy)
        if not params.azure_blob_container:
            subject.error(_HERE, "the type is azure-blob and no container is named", "write `azure_blob_container:`")


def _semantic(subject: Subject, params: CacheParams) -> None:
    """Check that a cache that compares by meaning knows how alike is alike, and where it keeps what it compares."""
    threshold = params.similarity_threshold
    if threshold is None or not 0 < threshold <= 1:
        where = _HERE if threshold is None else (*_HERE, "similarity_threshold")
        subject.error(where, "does not say how alike requests have to be", "write `similarity_threshold:`, such as 0.9")
    if params.type == "qdrant-semantic":
        if not (params.qdrant_api_base or any(map(subject.environ.get, _QDRANT))):
            subject.error(_HERE, "names no Qdrant", "write `qdrant_api_base:`, or set QDRANT_URL")
        if not params.qdrant_collection_name:
            subject.error(_HERE, "names no collection", "write `qdrant_collection_name:`")
        return
    kinds = ("VALKEY_", "REDIS_") if params.type == "valkey-semantic" else ("REDIS_",)
    named = any(subject.environ.get(kind + name) for kind in kinds for name in ("URL", "HOST"))
    if params.redis_startup_nodes or params.startup_nodes:
        subject.error(_HERE, "names a cluster, which cannot search", "name one server by `host:` or `url:`")
    elif not named and not params.redis_url and not any(getattr(params, name, None) for name in _TARGETS):
        subject.error(_HERE, f"the type is {params.type} and no server is named", _NAME_A_TARGET)


def _words(subject: Subject, params: CacheParams) -> None:
    for index, name in enumerate(params.supported_call_types):
        if name not in CALL_TYPES:
            where = (*_HERE, "supported_call_types", index)
            subject.warning(where, "is no call type whose answers are cached", f"choose of {', '.join(CALL_TYPES)}")
    if params.namespace is not None and not (params.namespace.isascii() and params.namespace.isprintable()):
        subject.error((*_HERE, "namespace"), "stands in headers", "write printable ASCII characters")


def from_environment(environ: Mapping[str, str]) -> bool:
    """Whether the REDIS_* variables name a server."""
    return any(environ.get(name) for name in _ENVIRONMENT)


def _any_redis(subject: Subject) -> bool:
    params, general = subject.config.litellm_settings.cache_params, subject.config.general_settings
    in_cache = params is not None and params.type in {None, "redis", "dual"} and subject.config.litellm_settings.cache
    return in_cache or bool(general.coordination_redis) or from_environment(subject.environ)
