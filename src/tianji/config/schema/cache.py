"""`litellm_settings.cache_params`."""

# ruff: noqa: RUF012 - msgspec copies an empty default for every struct

from typing import Final, Literal

from tianji.config.schema.base import Flag, Names, Rows, Section, Table, Text

CacheType = Literal[
    "local", "redis", "dual", "disk", "s3", "gcs", "azure-blob", "redis-semantic", "valkey-semantic", "qdrant-semantic"
]
CALL_TYPES: Final = (
    "completion", "acompletion", "embedding", "aembedding", "transcription", "atranscription", "text_completion",
    "atext_completion", "rerank", "arerank", "responses", "aresponses", "anthropic_messages", "aanthropic_messages",
)  # fmt: skip


class CacheParams(Section, frozen=True, kw_only=True):
    """How answers are cached. Times are seconds. Without `type` a written map means `local`, an empty one `redis`.

    `dual` is `redis` with the memory of each worker in front; it is no type of LiteLLM's.
    """

    type: CacheType | None = None
    mode: Literal["default_on", "default_off"] = "default_on"
    ttl: float | None = None
    namespace: str | None = None
    supported_call_types: Names = CALL_TYPES
    max_messages: int | None = 4  # longer requests pass the cache by; null means no limit
    default_in_memory_ttl: float | None = None
    default_in_redis_ttl: float | None = None
    default_redis_ttl: float | None = None
    # the gateway's own
    cache_scope: Literal["shared", "team", "key"] = "shared"  # who shares answers; never two organizations
    single_flight: Flag = False  # requests that are the same wait for one call
    max_memory_mb: float = 64  # of a worker
    max_entry_mb: float = 1
    max_disk_mb: float = 1024
    lookup_timeout: float | None = None  # that a request waits for the cache
    # Redis and Valkey: any argument of the client
    host: str | None = None
    port: int | None = None
    password: Text | None = None
    username: str | None = None
    url: str | None = None
    ssl: Flag | None = None
    db: int | None = None
    max_connections: int | None = None
    socket_timeout: float = 5.0
    socket_connect_timeout: float | None = None
    socket_keepalive: Flag | None = None
    health_check_interval: float | None = None
    retry_on_timeout: Flag | None = None
    client_name: str | None = None
    decode_responses: Flag | None = None
    encoding: str | None = None
    protocol: int | None = None
    unix_socket_path: str | None = None
    ssl_cert_reqs: str | None = None
    ssl_check_hostname: Flag | None = None
    ssl_ca_certs: str | None = None
    ssl_ca_path: str | None = None
    ssl_ca_data: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None
    ssl_password: Text | None = None
    ssl_min_version: object = None
    ssl_ciphers: str | None = None
    redis_startup_nodes: Rows = ()
    startup_nodes: Rows = ()
    sentinel_nodes: object = None
    sentinel_password: Text | None = None
    service_name: str | None = None
    redis_flush_size: int = 100
    gcp_service_account: str | None = None
    gcp_ssl_ca_certs: str | None = None
    azure_redis_ad_token: object = None
    azure_client_id: str | None = None
    azure_tenant_id: str | None = None
    azure_client_secret: str | None = None
    aws_iam_auth: Flag = False
    aws_iam_user_name: str | None = None
    aws_iam_cache_name: str | None = None
    aws_iam_region: str | None = None
    aws_iam_serverless: Flag = False
    # semantic caches
    similarity_threshold: float | None = None
    redis_url: str | None = None
    redis_semantic_cache_embedding_model: str = "text-embedding-ada-002"
    redis_semantic_cache_index_name: str | None = None
    valkey_semantic_cache_embedding_model: str = "text-embedding-ada-002"
    valkey_semantic_cache_index_name: str | None = None
    semantic_cache_embedding_max_input_tokens: int | None = None
    semantic_cache_embedding_timeout: float | None = None
    semantic_cache_scope: Literal["key", "end_user"] = "key"
    qdrant_api_base: str | None = None
    qdrant_api_key: str | None = None
    qdrant_collection_name: str | None = None
    qdrant_quantization_config: Literal["binary", "scalar", "product"] | None = None
    qdrant_semantic_cache_embedding_model: str = "text-embedding-ada-002"
    qdrant_semantic_cache_vector_size: int | None = None
    # object stores and disk
    s3_bucket_name: str | None = None
    s3_region_name: str | None = None
    s3_api_version: str | None = None
    s3_use_ssl: Flag = True
    s3_verify: Flag | str | None = None
    s3_endpoint_url: str | None = None
    s3_aws_access_key_id: str | None = None
    s3_aws_secret_access_key: str | None = None
    s3_aws_session_token: str | None = None
    s3_config: Table = {}
    s3_path: str | None = None
    gcs_bucket_name: str | None = None
    gcs_path_service_account: str | None = None
    gcs_path: str | None = None
    azure_account_url: str | None = None
    azure_blob_container: str | None = None
    azure_account_key: Text | None = None  # the gateway's own; without it AZURE_STORAGE_ACCOUNT_KEY, or a login
    disk_cache_dir: str | None = None


SEMANTIC_ONLY: Final = frozenset(
    name
    for name in CacheParams.__struct_fields__
    if name.startswith(("redis_semantic_", "valkey_semantic_", "semantic_", "qdrant_"))
) | {"similarity_threshold", "redis_url"}
