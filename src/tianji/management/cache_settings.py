"""The cache of answers that the database configures, where the configuration file configures none.

What was not judged good is not stored. All of it is kept encrypted; of secrets a mark is shown, and whoever sends the
mark back, or leaves a secret out, means the one that is stored: as long as the server is the same, since a secret never
follows another address.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from tianji.auth.tags import MODELS as CHANGED
from tianji.cache.plan import SEMANTIC
from tianji.cache.trial import fault
from tianji.config.schema.cache import CacheParams
from tianji.errors import Unacceptable
from tianji.gateway.stored_cache import NAMES, TYPES, named_in_file
from tianji.management.desk import Call, Row
from tianji.storage.additions import CACHE, opened_settings, sealed_settings
from tianji.storage.tables import SETTINGS

MARK: Final = "***REDACTED***"
_SECRETS: Final = ("password", "sentinel_password", "url")  # an address may hold a password
_TARGET: Final = ("host", "port", "url", "redis_startup_nodes", "sentinel_nodes", "service_name")
_OF_FORM: Final = "redis_type"  # what a page tells itself
_KINDS: Final = {
    "node": "One Redis or Valkey.",
    "cluster": "Several that share the keys.",
    "sentinel": "One that others may stand in for, found by Sentinels.",
    "semantic": "One with vector search: answers to what means the same.",
}
_NUMBERS: Final = frozenset({"port", "db", "max_connections", "max_messages"})
_FLAGS: Final = frozenset({"ssl", "ssl_check_hostname", "single_flight"})
_LISTS: Final = frozenset({"redis_startup_nodes", "sentinel_nodes", "supported_call_types"})
_AMOUNTS: Final = frozenset(
    {"ttl", "max_memory_mb", "max_entry_mb", "lookup_timeout", "socket_timeout", "similarity_threshold"}
)


class Said(Struct, kw_only=True):
    """What a cache is to be; empty for none."""

    cache_settings: dict[str, Any]


async def shown(call: Call) -> Row:
    """Describe what may be set, and what is: in force by the file, else stored; without secrets."""
    current = await _current(call)
    if current.get("type") in {"redis", "dual"}:
        modes = {"redis_startup_nodes": "cluster", "sentinel_nodes": "sentinel"}
        current[_OF_FORM] = next((mode for name, mode in modes.items() if current.get(name)), "node")
    elif current.get("type") in SEMANTIC:
        current[_OF_FORM] = "semantic"
    current = _masked(current)
    usual = CacheParams()
    fields = [
        {
            "field_name": name,
            "field_type": _kind(name),
            "field_value": current.get(name),
            "field_description": f"As litellm_settings.cache_params.{name}.",
            "field_default": msgspec.to_builtins(getattr(usual, name)),
            "options": list(TYPES) if name == "type" else None,
            "ui_field_name": name.replace("_", " "),
        }
        for name in sorted(NAMES)
    ]
    return {"fields": fields, "current_values": current, "redis_type_descriptions": _KINDS}


async def update(call: Call) -> Row:
    """Store what the cache is to be; all workers go by it at once. Empty settings take it away."""
    require_kept(call)
    said = await _completed(call, call.body(Said).cache_settings)
    if said:
        _, objection = call.office.fleet.tried_cache(said)
        if objection is not None:
            raise Unacceptable(f"this cache could not be used: {objection}", param="cache_settings")
    call.changed.add(CHANGED)
    sealed = sealed_settings(_salt(call), CACHE, said)
    if not said:
        await call.execute(sa.delete(SETTINGS).where(SETTINGS.c.name == CACHE))
    elif await call.one(SETTINGS, name=CACHE) is None:
        await call.insert(SETTINGS, name=CACHE, settings=sealed)
    else:
        await call.update(SETTINGS, {"name": CACHE}, settings=sealed)
    return {"message": "Cache settings updated successfully", "status": "success", "settings": _masked(said)}


async def test(call: Call) -> Row:
    """Say whether a cache with these settings would work. Nothing is stored."""
    said = await _completed(call, call.body(Said).cache_settings)
    config, wrong = call.office.fleet.tried_cache(said)
    if config is not None:
        wrong = await fault(config, call.office.environ())
    if wrong is not None:
        return {"status": "failed", "message": f"Cache connection test failed: {wrong}", "error": wrong}
    return {"status": "success", "message": "Cache connection test successful", "error": None}


def require_kept(call: Call) -> None:
    """Refuse with 400 what would have no effect."""
    fleet = call.office.fleet
    if not fleet.keeps_cache():
        raise Unacceptable(
            "the cache is not kept in the database: set general_settings.store_model_in_db to true, or the variable "
            "STORE_MODEL_IN_DB, or write litellm_settings.cache_params"
        )
    if named_in_file(fleet.file()):
        raise Unacceptable(
            "the cache stands in the configuration file: change litellm_settings.cache_params there", param="cache"
        )


async def _current(call: Call) -> Row:
    written = call.office.fleet.file().litellm_settings
    if named_in_file(call.office.fleet.file()):
        params, usual = written.cache_params or CacheParams(), CacheParams()
        return {name: value for name in sorted(NAMES) if (value := getattr(params, name)) != getattr(usual, name)}
    return await _stored(call)


async def _stored(call: Call) -> Row:
    row = await call.one(SETTINGS, name=CACHE)
    if row is None:
        return {}
    try:
        return opened_settings(_salt(call), row)
    except ValueError as error:
        raise Unacceptable(f"the settings of the cache cannot be read: {error}") from error


async def _completed(call: Call, said: Mapping[str, Any]) -> Row:
    """Return what was said, with the secrets that are stored and were not said again."""
    wanted = {name: value for name, value in said.items() if name != _OF_FORM}
    kept = await _stored(call)
    for name in _SECRETS:
        if wanted.get(name, MARK) != MARK:
            continue
        wanted.pop(name, None)
        if name in kept and _same_target(wanted, kept):
            wanted[name] = kept[name]
    return {name: value for name, value in wanted.items() if value not in (None, "", [], {})}


def _same_target(wanted: Row, kept: Row) -> bool:
    """Whether the server is the one that is stored; an address that is not said again is."""
    return all(
        str(wanted.get(name) or "") == str(kept.get(name) or "")
        for name in _TARGET
        if name != "url" or wanted.get("url", MARK) != MARK
    ) and not ("url" in kept and wanted.get("host"))


def _masked(settings: Mapping[str, Any]) -> Row:
    return {name: MARK if name in _SECRETS and value else value for name, value in settings.items()}


def _kind(name: str) -> str:
    kinds = {"Integer": _NUMBERS, "Boolean": _FLAGS, "List": _LISTS, "Float": _AMOUNTS}
    return next((kind for kind, names in kinds.items() if name in names), "String")


def _salt(call: Call) -> str:
    salt = call.office.salt()
    if not salt:
        raise Unacceptable("passwords cannot be kept: set LITELLM_SALT_KEY or a master key")
    return salt
