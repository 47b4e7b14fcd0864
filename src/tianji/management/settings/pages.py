"""Single settings that a page of its own shows and changes, kept in the database beside the file's."""

from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji.config.schema.settings import InternalUserParams
from tianji.management.desk import Call, Row
from tianji.management.people.teams import TeamFields
from tianji.management.settings.configuration import LITELLM, keep_setting

_USERS: Final = "default_internal_user_params"
_TEAMS: Final = "default_team_params"
_DISCOUNTS: Final = "cost_discount_config"
_MARGINS: Final = "cost_margin_config"
_UNPRICED: Final = "block_requests_for_models_without_pricing"


class Public(Struct, kw_only=True):
    """Which models everybody may know of."""

    model_groups: list[str]


class Links(Struct, kw_only=True):
    """Where to read more: addresses by their names."""

    useful_links: dict[str, Any]


class Switched(Struct, kw_only=True):
    """Whether something is on."""

    enabled: bool


async def make_public(call: Call) -> Row:
    """Say which models `/public/model_hub` tells everybody of."""
    names = call.body(Public).model_groups
    await keep_setting(call, LITELLM, "public_model_groups", names)
    return {
        "message": "Successfully updated public model groups",
        "public_model_groups": names,
        "updated_by": call.caller.user_id,
    }


async def update_links(call: Call) -> Row:
    """Say which addresses `/public/model_hub/info` names."""
    links = call.body(Links).useful_links
    await keep_setting(call, LITELLM, "public_model_groups_links", links)
    return {"message": "Successfully updated useful links", "useful_links": links, "updated_by": call.caller.user_id}


async def users(call: Call) -> Row:
    """Show what new users get."""
    return _described(call, _USERS, InternalUserParams.__struct_fields__)


async def update_users(call: Call) -> Row:
    """Change what new users get."""
    return await _updated(call, _USERS, "Internal user settings updated successfully")


async def teams(call: Call) -> Row:
    """Show what new teams get."""
    return _described(call, _TEAMS, TeamFields.__struct_fields__)


async def update_teams(call: Call) -> Row:
    """Change what new teams get."""
    return await _updated(call, _TEAMS, "Default team settings updated successfully")


async def discounts(call: Call) -> Row:
    """Show by how much providers are cheaper than the catalogue says."""
    return {"values": _value(call, _DISCOUNTS)}


async def update_discounts(call: Call) -> Row:
    """Change by how much providers are cheaper."""
    return await _replaced(call, _DISCOUNTS, "Cost discount configuration updated successfully")


async def margins(call: Call) -> Row:
    """Show what is added to the costs of providers."""
    return {"values": _value(call, _MARGINS)}


async def update_margins(call: Call) -> Row:
    """Change what is added to the costs of providers."""
    return await _replaced(call, _MARGINS, "Cost margin configuration updated successfully")


async def unpriced(call: Call) -> Row:
    """Say whether models without a price are refused."""
    return {"enabled": _value(call, _UNPRICED)}


async def update_unpriced(call: Call) -> Row:
    """Say whether models without a price are to be refused."""
    enabled = call.body(Switched).enabled
    await keep_setting(call, LITELLM, _UNPRICED, enabled)
    return {"enabled": enabled}


def _value(call: Call, name: str) -> Any:
    return msgspec.to_builtins(getattr(call.config.litellm_settings, name))


def _described(call: Call, name: str, fields: tuple[str, ...]) -> Row:
    value = _value(call, name)
    return {
        "values": {**dict.fromkeys(fields), **value},
        "field_schema": {
            "description": f"As litellm_settings.{name}.",
            "properties": {field: {"description": field.replace("_", " ").capitalize()} for field in fields},
        },
    }


async def _updated(call: Call, name: str, message: str) -> Row:
    value = {field: said for field, said in call.body(dict[str, Any]).items() if said is not None}
    await keep_setting(call, LITELLM, name, value)
    return {"message": message, "status": "success", "settings": value}


async def _replaced(call: Call, name: str, message: str) -> Row:
    value = call.body(dict[str, Any])
    await keep_setting(call, LITELLM, name, value)
    return {"message": message, "status": "success", "values": value}
