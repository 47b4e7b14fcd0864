"""The cache that the database configures, where the file configures none: what may be said of it, and where it may lie.

Who may write into the database is not always who may write the configuration. So nothing of it names a file of this
machine, and a server is one that the operator has named: a client of Redis connects to whatever a name leads to.
"""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Final
from urllib.parse import urlsplit

import msgspec

from tianji.config import references
from tianji.config.additions import placed
from tianji.config.checks import cache as checks
from tianji.config.checks.subject import Subject
from tianji.config.decode import decode
from tianji.config.environment import REFERENCE
from tianji.config.loader import Loaded
from tianji.config.problems import Findings
from tianji.config.schema import CacheParams, Config
from tianji.config.schema import Settings as LitellmSettings
from tianji.config.tree import Map
from tianji.gateway.additions.destinations import allowed_hosts
from tianji.storage.valkey import Server, cache_server_of, semantic_server_of, server_of

TYPES: Final = ("local", "redis", "dual", "redis-semantic", "valkey-semantic")
NAMES: Final = frozenset(
    {
        "type", "mode", "ttl", "namespace", "supported_call_types", "max_messages", "cache_scope", "single_flight",
        "max_memory_mb", "max_entry_mb", "lookup_timeout", "host", "port", "password", "username", "url", "db", "ssl",
        "ssl_cert_reqs", "ssl_check_hostname", "socket_timeout", "max_connections", "redis_startup_nodes",
        "sentinel_nodes", "sentinel_password", "service_name", "similarity_threshold", "semantic_cache_scope",
        "redis_semantic_cache_embedding_model", "redis_semantic_cache_index_name",
        "valkey_semantic_cache_embedding_model", "valkey_semantic_cache_index_name",
    }
)  # fmt: skip
_SCHEMES: Final = ("redis", "rediss")
_UNSHOWN: Final = ("password", "sentinel_password")


def named_in_file(config: Config) -> bool:
    """Whether a configuration without additions says anything of a cache: then the database's does not count."""
    return config.litellm_settings.cache or config.litellm_settings.cache_params is not None


def with_cache(loaded: Loaded, written: Mapping[str, object] | None) -> tuple[Loaded, str | None]:
    """Return a configuration with the cache that the database has, and why it is left out.

    `written`: what a file has as cache_params; None and empty for no cache.
    """
    if not written or named_in_file(loaded.config):
        return loaded, None
    settings, objection = _settings(loaded, written)
    if settings is None:
        return loaded, objection
    merged = msgspec.structs.replace(loaded.config.litellm_settings, cache=True, cache_params=settings.cache_params)
    config = msgspec.structs.replace(loaded.config, litellm_settings=merged)
    return msgspec.structs.replace(loaded, config=config), None


def tried(loaded: Loaded, written: Mapping[str, object]) -> tuple[Config | None, str | None]:
    """Return the configuration with a cache that nobody has stored yet, and what is wrong with that."""
    settings, objection = _settings(loaded, written)
    if settings is None:
        return None, objection
    return msgspec.structs.replace(loaded.config, litellm_settings=settings), None


def _settings(loaded: Loaded, written: Mapping[str, object]) -> tuple[LitellmSettings | None, str | None]:
    objection = out_of_place(written, NAMES)
    if objection is not None:
        return None, objection
    if written.get("type", "local") not in TYPES:
        return None, f"type is one of {', '.join(TYPES)}; others are set in the configuration file"
    findings = Findings()
    tree = placed({"litellm_settings": {"cache": True, "cache_params": dict(written)}})
    resolved = references.resolve("litellm_settings", tree["litellm_settings"], loaded.secrets, findings)
    settings = decode(LitellmSettings, resolved, "litellm_settings", findings) if isinstance(resolved, Map) else None
    if settings is not None:
        config = msgspec.structs.replace(loaded.config, litellm_settings=settings)
        folder = loaded.files[0].parent
        checks.check(Subject(config=config, tree=tree, environ=loaded.environment, directory=folder, findings=findings))
    for problem in findings.problems:
        if problem.severity == "error":
            key = problem.key.removeprefix("litellm_settings.").removeprefix("cache_params.")
            return None, f"{key}: {problem.message}; {problem.remedy}"
    if settings is None or settings.cache_params is None:
        return None, "cache_settings holds no parameters"
    params = settings.cache_params
    servers = (cache_server_of(params, {}), semantic_server_of(params, {}))
    strange = next(filter(None, (foreign(loaded, server) for server in servers)), None)
    return (settings, None) if strange is None else (None, strange)


def out_of_place(written: Mapping[str, object], names: AbstractSet[str]) -> str | None:
    """Say what may not stand in the database; None where all may. `names` may, and a variable only as a password.

    Everything else is shown, be it in a message: whoever may write settings would read any secret of the environment.
    """
    odd = next((name for name in written if name not in names), None)
    if odd is not None:
        return f"{odd[:64]!r} is set in the configuration file alone; here may stand: {', '.join(sorted(names))}"
    odd = next((name for name, value in written.items() if name not in _UNSHOWN and REFERENCE in str(value)), None)
    return None if odd is None else f"{odd}: a variable may be named for a password alone"


def foreign(loaded: Loaded, server: Server | None) -> str | None:
    """Say why a server that the database names may not be asked; None where it may."""
    if server is None:
        return None
    if server.url is not None:
        parts = urlsplit(server.url)
        if parts.scheme not in _SCHEMES or parts.query:
            return "url: must begin with redis:// or rediss:// and have no query"
    known = {*allowed_hosts(loaded.config), *_named(loaded)}
    strange = next((host for host in _hosts(server) if host not in known), None)
    if strange is None:
        return None
    return (
        f"the host {strange[:128]!r} is not one that the operator names: he adds it to "
        "general_settings.provider_url_destination_allowed_hosts, or sets REDIS_HOST"
    )


def _named(loaded: Loaded) -> Iterator[str]:
    """Yield the hosts of servers that the file and the environment name."""
    own = (semantic_server_of(CacheParams(), loaded.environment, (prefix,)) for prefix in ("REDIS_", "VALKEY_"))
    for server in (server_of(loaded.config, loaded.environment), *own):
        yield from () if server is None else _hosts(server)


def _hosts(server: Server) -> Iterator[str]:
    for host, _ in server.nodes:
        yield host.lower()
    if server.url is not None:
        yield (urlsplit(server.url).hostname or "").lower()
    elif "host" in server.arguments:
        yield str(server.arguments["host"]).lower()
