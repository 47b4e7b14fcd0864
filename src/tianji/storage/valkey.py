"""Which Valkey or Redis the configuration means, and a client for it.

The package `redis` is imported when there is one to talk to.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from msgspec import Struct

from tianji import __version__
from tianji._core.sharing.shm import SharedCounters
from tianji.config.schema import Config
from tianji.config.schema.cache import CacheParams
from tianji.lazy import load
from tianji.storage.services import REDIS, Service, watched

Kind = Literal["single", "cluster", "sentinel"]
Address = tuple[str, int]
DEFAULT_PORT: Final = 6379
_ARGUMENTS: Final = (
    "host", "port", "password", "username", "ssl", "db", "max_connections", "socket_timeout", "socket_connect_timeout",
    "socket_keepalive", "health_check_interval", "client_name", "unix_socket_path", "ssl_cert_reqs",
    "ssl_check_hostname", "ssl_ca_certs", "ssl_ca_path", "ssl_ca_data", "ssl_certfile", "ssl_keyfile", "ssl_password",
    "ssl_ciphers",
)  # fmt: skip
_NO_TEXT: Final = frozenset(
    {
        "socket_timeout", "socket_connect_timeout", "socket_keepalive", "max_connections", "health_check_interval",
        "ssl_check_hostname",
    }
)  # fmt: skip
_NOT_FOR_CLUSTERS: Final = frozenset({"db", "max_connections", "ssl_ca_path", "unix_socket_path"})


class Server(Struct, frozen=True):
    """Where it is. `arguments` are those of the client; `nodes` are a cluster's, or the sentinels."""

    kind: Kind = "single"
    url: str | None = None
    nodes: Sequence[Address] = ()
    service: str = ""
    sentinel_password: str | None = None
    arguments: Mapping[str, object] = {}


def server_of(config: Config, environ: Mapping[str, str]) -> Server | None:
    """Return the server that machines share; None when there is none.

    `router_settings.redis_*` comes first, then `general_settings.coordination_redis`, then the cache's own where that
    is a Redis; where `cache_params` names no server, the REDIS_* variables do.
    """
    router, settings = config.router_settings, config.litellm_settings
    if router.redis_url or router.redis_host:
        return _server(
            {
                "url": router.redis_url,
                "host": router.redis_host,
                "port": router.redis_port,
                "password": router.redis_password,
                "db": router.redis_db,
                **router.cache_kwargs,
            }
        )
    if config.general_settings.coordination_redis:
        return _server(config.general_settings.coordination_redis)
    params = settings.cache_params or CacheParams()
    if not settings.cache or params.type not in {None, "redis", "dual"}:
        return None
    return cache_server_of(params, environ)


def cache_server_of(params: CacheParams, environ: Mapping[str, str]) -> Server | None:
    """Return the server that `cache_params` name, else the one that the REDIS_* variables do."""
    found = _server({name: getattr(params, name) for name in params.__struct_fields__})
    return found or _server(_from_environment(environ))


def semantic_server_of(
    params: CacheParams, environ: Mapping[str, str], prefixes: Sequence[str] = ("REDIS_",)
) -> Server | None:
    """Return the server that a cache by meaning searches: the one of `cache_params`, else the first of variables."""
    written = {name: getattr(params, name) for name in params.__struct_fields__}
    written["url"] = params.url or params.redis_url
    places = (_server(written), *(_server(_from_environment(environ, prefix)) for prefix in prefixes))
    return next((found for found in places if found is not None), None)


def connect(server: Server, *, timeout: float, counters: SharedCounters | None = None) -> Any:
    """Return a `redis.asyncio` client that gives up after `timeout` seconds. It connects when it is used.

    counters: where its commands are counted
    """
    client = _client(server, timeout)
    return client if counters is None else watched(client, Service(counters, REDIS))


def _client(server: Server, timeout: float) -> Any:
    redis = load("redis.asyncio")
    retry = load("redis.asyncio.retry").Retry(load("redis.backoff").NoBackoff(), 0)
    # named here, because the client would look its own version up in files, on the loop that it runs on
    driver = load("redis.driver_info").DriverInfo(name="tianji", lib_version=__version__)
    usual = {"retry": retry, "socket_timeout": timeout, "socket_connect_timeout": timeout, "driver_info": driver}
    if server.kind == "cluster":
        nodes = [redis.cluster.ClusterNode(host, port) for host, port in server.nodes]
        arguments = {name: value for name, value in server.arguments.items() if name not in _NOT_FOR_CLUSTERS}
        return redis.RedisCluster(startup_nodes=nodes, **{**arguments, **usual})
    if server.kind == "sentinel":
        arguments = {**server.arguments, **usual}
        own = {**usual, "password": server.sentinel_password}
        return redis.sentinel.Sentinel(server.nodes, sentinel_kwargs=own, **arguments).master_for(server.service)
    if server.url:
        return redis.Redis.from_url(server.url, **{**server.arguments, **usual})
    return redis.Redis(**{**server.arguments, **usual})


async def close(client: Any) -> None:
    """Close a client and, where it has found its server by them, its connections to Sentinels."""
    manager = getattr(getattr(client, "connection_pool", None), "sentinel_manager", None)
    await client.aclose()
    for one in () if manager is None else manager.sentinels:
        await one.aclose()


def _server(written: Mapping[str, Any]) -> Server | None:
    arguments = {name: written[name] for name in _ARGUMENTS if written.get(name) is not None}
    if "port" in arguments:
        arguments["port"] = int(arguments["port"])
    sentinels = _addresses(written.get("sentinel_nodes") or ())
    if sentinels:
        return Server(
            kind="sentinel",
            nodes=sentinels,
            service=written.get("service_name") or "mymaster",
            sentinel_password=written.get("sentinel_password"),
            arguments={name: value for name, value in arguments.items() if name not in {"host", "port"}},
        )
    nodes = _addresses(written.get("redis_startup_nodes") or written.get("startup_nodes") or ())
    if nodes:
        return Server(
            kind="cluster",
            nodes=nodes,
            arguments={name: value for name, value in arguments.items() if name not in {"host", "port"}},
        )
    if written.get("url"):
        own = {name: value for name, value in arguments.items() if name not in {"host", "port", "ssl"}}
        return Server(url=str(written["url"]), arguments=own)
    return Server(arguments=arguments) if "host" in arguments or "unix_socket_path" in arguments else None


def _addresses(nodes: Iterable[Any]) -> list[Address]:
    """Read `{host, port}` or `[host, port]`."""
    pairs = ((node.get("host"), node.get("port")) if isinstance(node, Mapping) else tuple(node) for node in nodes)
    return [(str(host), int(port or DEFAULT_PORT)) for host, port in pairs]


def _from_environment(environ: Mapping[str, str], prefix: str = "REDIS_") -> Mapping[str, Any]:
    names = [name for name in _ARGUMENTS if name not in _NO_TEXT]
    found: dict[str, Any] = {name: environ.get(prefix + name.upper()) for name in ("url", *names)}
    found["ssl"] = (found["ssl"] or "").lower() == "true" or None
    for name, variable in (("startup_nodes", "CLUSTER_NODES"), ("sentinel_nodes", "SENTINEL_NODES")):
        found[name] = json.loads(environ.get(prefix + variable) or "[]")
    found["sentinel_password"] = environ.get(prefix + "SENTINEL_PASSWORD")
    found["service_name"] = environ.get(prefix + "SERVICE_NAME")
    return found
