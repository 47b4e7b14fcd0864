"""The cache of answers that the database configures, where the configuration file configures none.

What was not judged good is not stored.
"""

from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji.cache.plan import SEMANTIC
from tianji.cache.trial import fault
from tianji.config.schema.cache import CacheParams
from tianji.errors import Unacceptable
from tianji.gateway.additions.stored_cache import NAMES, TYPES, named_in_file
from tianji.management.desk import Call, Row
from tianji.management.settings.stored import completed, described, keep, masked, stored
from tianji.storage.additions import CACHE

_OF_FORM: Final = "redis_type"  # what a page tells itself
_KINDS: Final = {
    "node": "One Redis or Valkey.",
    "cluster": "Several that share the keys.",
    "sentinel": "One that others may stand in for, found by Sentinels.",
    "semantic": "One with vector search: answers to what means the same.",
}


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
    current = masked(current)
    usual = msgspec.to_builtins({name: getattr(CacheParams(), name) for name in NAMES})
    fields = described(NAMES, current, usual, "litellm_settings.cache_params")
    for field in fields:
        field["options"] = list(TYPES) if field["field_name"] == "type" else None
    return {"fields": fields, "current_values": current, "redis_type_descriptions": _KINDS}


async def update(call: Call) -> Row:
    """Store what the cache is to be; all workers go by it at once. Empty settings take it away."""
    require_kept(call)
    said = await _completed(call)
    if said:
        _, objection = call.office.fleet.tried_cache(said)
        if objection is not None:
            raise Unacceptable(f"this cache could not be used: {objection}", param="cache_settings")
    await keep(call, CACHE, said)
    return {"message": "Cache settings updated successfully", "status": "success", "settings": masked(said)}


async def test(call: Call) -> Row:
    """Say whether a cache with these settings would work. Nothing is stored."""
    config, wrong = call.office.fleet.tried_cache(await _completed(call))
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


async def _completed(call: Call) -> Row:
    said = call.body(Said).cache_settings
    return await completed(call, CACHE, {name: value for name, value in said.items() if name != _OF_FORM})


async def _current(call: Call) -> Row:
    written = call.office.fleet.file().litellm_settings
    if not named_in_file(call.office.fleet.file()):
        return await stored(call, CACHE)
    params, usual = written.cache_params or CacheParams(), CacheParams()
    return {name: value for name in sorted(NAMES) if (value := getattr(params, name)) != getattr(usual, name)}
