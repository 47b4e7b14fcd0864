"""Between rows and what programs send and get: dollars for amounts, empty lists and objects for what is not set."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tianji.callbacks.variables import masked
from tianji.errors import Unacceptable
from tianji.money import to_dollars, to_nanos
from tianji.storage.tables import NANOS

_LISTS: Final = frozenset(
    {
        "models",
        "allowed_routes",
        "allowed_cache_controls",
        "policies",
        "access_group_ids",
        "team_member_permissions",
        "default_team_member_models",
    }
)
_OBJECTS: Final = frozenset(
    {
        "aliases",
        "metadata",
        "permissions",
        "config",
        "router_settings",
        "model_spend",
        "budget_fallbacks",
        "model_max_budget",
    }
)


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as programs know it."""
    return {name: _shown(name, value) for name, value in row.items() if name != "spend_since"}


def _shown(name: str, value: Any) -> Any:
    if name == "metadata" and value:
        return masked(value)
    if value is None:
        return [] if name in _LISTS else {} if name in _OBJECTS else None
    return to_dollars(value) if name in NANOS else value


def sent(body: msgspec.Struct) -> dict[str, Any]:
    """Return the members that were sent, amounts as they are stored. Raises Unacceptable for what is no amount."""
    members = ((name, getattr(body, name)) for name in body.__struct_fields__)
    return {name: stored(name, value) for name, value in members if value is not msgspec.UNSET}


def stored(name: str, value: Any) -> Any:
    """Return one value as it is stored."""
    if name not in NANOS or value is None:
        return value
    try:
        return to_nanos(value)
    except ValueError as error:
        raise Unacceptable(f"{name}: {error}", param=name) from error
