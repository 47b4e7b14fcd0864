"""The server of limits that the database names, where the file names none. See `stored_cache` for where it may lie."""

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from tianji.config import references
from tianji.config.additions import placed
from tianji.config.decode import decode
from tianji.config.loader import Loaded
from tianji.config.problems import Findings
from tianji.config.schema import Config, GeneralSettings
from tianji.config.tree import Map
from tianji.gateway.additions.stored_cache import foreign, out_of_place
from tianji.storage.valkey import Server, server_of

NAMES: Final = frozenset(
    {
        "host", "port", "password", "username", "url", "db", "ssl", "ssl_cert_reqs", "ssl_check_hostname",
        "socket_timeout", "max_connections", "redis_startup_nodes", "sentinel_nodes", "sentinel_password",
        "service_name",
    }
)  # fmt: skip
Source = Literal["coordination_redis", "cache_backend", "environment"]


def source_of(config: Config, environ: Mapping[str, str]) -> Source | None:
    """Say what names the server over which machines share limits; None where there is none."""
    if server_of(config, environ) is None:
        return None
    if (
        config.general_settings.coordination_redis
        or config.router_settings.redis_url
        or config.router_settings.redis_host
    ):
        return "coordination_redis"
    return "cache_backend" if server_of(config, {}) is not None else "environment"


def with_coordination(loaded: Loaded, written: Mapping[str, object]) -> tuple[Loaded, str | None]:
    """Return a configuration with the server that the database has, and why it is left out."""
    if not written or loaded.config.general_settings.coordination_redis is not None:
        return loaded, None
    config, objection = _config(loaded, written)
    return (loaded if config is None else msgspec.structs.replace(loaded, config=config)), objection


def tried(loaded: Loaded, written: Mapping[str, object]) -> tuple[Server | None, str | None]:
    """Return the server that settings name, and why there is none."""
    config, objection = _config(loaded, written)
    return (None, objection) if config is None else (server_of(config, {}), None)


def _config(loaded: Loaded, written: Mapping[str, object]) -> tuple[Config | None, str | None]:
    objection = out_of_place(written, NAMES)
    if objection is not None:
        return None, objection
    findings = Findings()
    tree = placed({"general_settings": {"coordination_redis": dict(written)}})
    resolved = references.resolve("general_settings", tree["general_settings"], loaded.secrets, findings)
    settings = decode(GeneralSettings, resolved, "", findings) if isinstance(resolved, Map) else None
    for problem in findings.problems:
        if problem.severity == "error":
            return None, f"{problem.key}: {problem.message}"
    named = None if settings is None else settings.coordination_redis
    general = msgspec.structs.replace(loaded.config.general_settings, coordination_redis=named)
    router = msgspec.structs.replace(loaded.config.router_settings, redis_url=None, redis_host=None)
    alone = msgspec.structs.replace(loaded.config, general_settings=general, router_settings=router)
    try:
        server = server_of(alone, {}) if named else None
    except ValueError:
        return None, "port: must be a number"
    if server is None:
        return None, "no server is named; write host and port, or url"
    objection = foreign(loaded, server)
    config = msgspec.structs.replace(loaded.config, general_settings=general)
    return (config, None) if objection is None else (None, objection)
