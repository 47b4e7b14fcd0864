"""Settings of the database: one row a subject, all of it encrypted.

Of secrets a mark is shown, and whoever sends the mark back, or leaves a secret out, means the one that is stored: as
long as the server is the same, since a secret never follows another address.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import sqlalchemy as sa

from tianji.auth.tags import MODELS as CHANGED
from tianji.errors import Unacceptable
from tianji.management.desk import Call, Row
from tianji.storage.additions import opened_settings, sealed_settings
from tianji.storage.tables import SETTINGS

MARK: Final = "***REDACTED***"
_SECRETS: Final = ("password", "sentinel_password", "url")  # an address may hold a password
_TARGET: Final = ("host", "port", "url", "redis_startup_nodes", "sentinel_nodes", "service_name")
_KINDS: Final = {
    "Integer": frozenset({"port", "db", "max_connections", "max_messages"}),
    "Boolean": frozenset({"ssl", "ssl_check_hostname", "single_flight"}),
    "List": frozenset({"redis_startup_nodes", "sentinel_nodes", "supported_call_types"}),
    "Float": frozenset(
        {"ttl", "max_memory_mb", "max_entry_mb", "lookup_timeout", "socket_timeout", "similarity_threshold"}
    ),
}


async def stored(call: Call, name: str) -> Row:
    """Return the settings of a name; empty where there are none. Raises Unacceptable for what cannot be read."""
    row = await call.one(SETTINGS, name=name)
    if row is None:
        return {}
    try:
        return opened_settings(call.salt(), row)
    except ValueError as error:
        raise Unacceptable(f"the settings {name} cannot be read: {error}") from error


async def completed(call: Call, name: str, said: Mapping[str, Any]) -> Row:
    """Return what was said, with the secrets that are stored and were not said again."""
    wanted, kept = dict(said), await stored(call, name)
    for secret in _SECRETS:
        if wanted.get(secret, MARK) != MARK:
            continue
        wanted.pop(secret, None)
        if secret in kept and _same_target(wanted, kept):
            wanted[secret] = kept[secret]
    return {name: value for name, value in wanted.items() if value not in (None, "", [], {})}


async def keep(call: Call, name: str, settings: Mapping[str, Any]) -> None:
    """Store settings in place of those of the same name; empty ones take them away."""
    call.changed.add(CHANGED)
    if not settings:
        await call.execute(sa.delete(SETTINGS).where(SETTINGS.c.name == name))
        return
    sealed = sealed_settings(call.salt(), name, settings)
    if await call.one(SETTINGS, name=name) is None:
        await call.insert(SETTINGS, name=name, settings=sealed)
    else:
        await call.update(SETTINGS, {"name": name}, settings=sealed)


def masked(settings: Mapping[str, Any]) -> Row:
    """Return settings with a mark in the place of each secret."""
    return {name: MARK if name in _SECRETS and value else value for name, value in settings.items()}


def described(names: Iterable[str], current: Mapping[str, Any], usual: Mapping[str, Any], where: str) -> list[Row]:
    """Return what a page makes fields of. `usual`: values where nothing is said; `where`: they stand in a file."""
    return [
        {
            "field_name": name,
            "field_type": next((kind for kind, members in _KINDS.items() if name in members), "String"),
            "field_value": current.get(name),
            "field_description": f"As {where}.{name}.",
            "field_default": usual.get(name),
            "ui_field_name": name.replace("_", " "),
        }
        for name in sorted(names)
    ]


def _same_target(wanted: Row, kept: Row) -> bool:
    """Whether the server is the one that is stored; an address that is not said again is."""
    return all(
        str(wanted.get(name) or "") == str(kept.get(name) or "")
        for name in _TARGET
        if name != "url" or wanted.get("url", MARK) != MARK
    ) and not ("url" in kept and wanted.get("host"))
