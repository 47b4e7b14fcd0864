"""Which server the configuration means, and that a client of it can be made."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tianji.config.schema import CacheParams, Config, GeneralSettings, RouterSettings, Settings
from tianji.storage.valkey import Server, connect, server_of


def config(
    router: Mapping[str, Any] = {},
    general: Mapping[str, Any] | None = None,
    cache: Mapping[str, Any] | None = None,
    *,
    cache_on: bool = False,
) -> Config:
    params = None if cache is None else CacheParams(**cache)
    return Config(
        model_list=(),
        router_settings=RouterSettings(**router),
        general_settings=GeneralSettings(coordination_redis=general),
        litellm_settings=Settings(cache=cache_on, cache_params=params),
    )


def test_nobody_names_one() -> None:
    assert server_of(config(), {"REDIS_HOST": "h"}) is None
    assert server_of(config(cache={"type": "redis", "host": "h"}), {}) is None, "the cache is not on"
    assert server_of(config(cache={"type": "local", "host": "h"}, cache_on=True), {"REDIS_HOST": "h"}) is None


def test_the_router_comes_first() -> None:
    router = {"redis_host": "r", "redis_port": 7000, "redis_password": "p", "cache_kwargs": {"ssl": True, "x": 1}}
    found = server_of(config(router, {"host": "g"}), {})
    assert found == Server(arguments={"host": "r", "port": 7000, "password": "p", "ssl": True})
    found = server_of(config({"redis_url": "redis://r:1/2"}, {"host": "g"}), {})
    assert found == Server(url="redis://r:1/2")


def test_then_the_one_for_coordination() -> None:
    general = {"host": "g", "port": "6380", "username": "u"}
    assert server_of(config(general=general), {}) == Server(arguments={"host": "g", "port": 6380, "username": "u"})


def test_then_the_cache() -> None:
    found = server_of(config(cache={"type": "redis", "host": "c", "namespace": "n"}, cache_on=True), {})
    assert found is not None
    assert found.arguments["host"] == "c"
    assert "namespace" not in found.arguments
    assert server_of(config(cache={"type": "s3", "host": "c"}, cache_on=True), {"REDIS_HOST": "h"}) is None


def test_then_the_environment() -> None:
    on = config(cache_on=True)
    environ = {"REDIS_HOST": "e", "REDIS_PORT": "1234", "REDIS_PASSWORD": "p", "REDIS_SSL": "True"}
    assert server_of(on, environ) == Server(arguments={"host": "e", "port": 1234, "password": "p", "ssl": True})
    assert server_of(on, {"REDIS_URL": "rediss://e"}) == Server(url="rediss://e")
    assert server_of(on, {}) is None
    nodes = json.dumps([{"host": "a", "port": 1}, {"host": "b"}])
    assert server_of(on, {"REDIS_CLUSTER_NODES": nodes}) == Server(kind="cluster", nodes=[("a", 1), ("b", 6379)])
    environ = {
        "REDIS_SENTINEL_NODES": '[["s", 26379]]',
        "REDIS_SERVICE_NAME": "main",
        "REDIS_SENTINEL_PASSWORD": "sp",
        "REDIS_PASSWORD": "p",
    }
    assert server_of(on, environ) == Server(
        kind="sentinel", nodes=[("s", 26379)], service="main", sentinel_password="sp", arguments={"password": "p"}
    )


@pytest.mark.parametrize(
    "server",
    [
        Server(arguments={"host": "h", "port": 1, "ssl": True, "ssl_cert_reqs": "none", "socket_timeout": 99.0}),
        Server(url="redis://u:p@h:1/3", arguments={"max_connections": 2}),
        Server(arguments={"unix_socket_path": "/run/valkey.sock", "db": 1}),
        Server(kind="cluster", nodes=[("h", 1)], arguments={"password": "p", "db": 0}),
        Server(kind="sentinel", nodes=[("h", 1)], service="main", sentinel_password="s", arguments={"password": "p"}),
    ],
    ids=["host", "url", "socket", "cluster", "sentinel"],
)
async def test_a_client_can_be_made_of_it(server: Server) -> None:
    client = connect(server, timeout=0.25)
    if server.kind != "cluster":
        arguments = client.connection_pool.connection_kwargs
        assert {arguments.get(name, 0.25) for name in ("socket_timeout", "socket_connect_timeout")} == {0.25}
    await client.aclose()
