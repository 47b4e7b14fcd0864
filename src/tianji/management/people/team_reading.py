"""Teams told: one, several, a page of them."""

from typing import Any, Final, Literal

import sqlalchemy as sa
from msgspec import Struct

from tianji.auth.identity import Role
from tianji.errors import ObjectNotFound, PermissionDenied
from tianji.management.desk import Call, Row
from tianji.management.keys import reading as key_reading
from tianji.management.limits import budgets, model_usage
from tianji.management.paging import contains, ordered, paged
from tianji.management.people import membership, ownership
from tianji.management.wire import shown
from tianji.storage.tables import KEYS, ORGANIZATIONS, TEAM_MEMBERS, TEAMS

PERMISSIONS: Final = (
    "/key/generate", "/key/update", "/key/delete", "/key/regenerate", "/key/service-account/generate",
    "/key/block", "/key/unblock", "/key/bulk_update", "/key/reset_spend", "/key/info", "/key/list", "/key/aliases",
    "/key/health",
)  # fmt: skip
ALWAYS: Final = ("/key/info", "/key/health")


class Asked(Struct, kw_only=True):
    """Which team is asked for."""

    team_id: str
    key_limit: int | None = None


class Wanted(Struct, kw_only=True):
    """Which teams to list."""

    user_id: str | None = None
    organization_id: str | None = None


class Listing(Wanted, kw_only=True):
    """Which teams to list, and how."""

    page: int = 1
    page_size: int = 10
    team_id: str | None = None
    team_alias: str | None = None
    search: str | None = None
    sort_by: Literal["team_id", "team_alias", "created_at", "spend"] = "created_at"
    sort_order: Literal["asc", "desc"] = "asc"


async def found(call: Call, team_id: str | None) -> Row:
    """Return a team. Raises ObjectNotFound (404)."""
    row = await call.one(TEAMS, team_id=team_id)
    if row is None:
        raise ObjectNotFound(f"Team not found, passed team_id={str(team_id)[:80]!r}", param="team_id")
    return row


async def told_team(call: Call, row: Row) -> Row:
    """Return a team as programs know it."""
    members = await membership.members_of_team(call, row["team_id"])
    told = shown(row)
    aliases = told.pop("model_aliases")
    return {
        **told,
        "budget_limits": model_usage.windows(call, told["budget_limits"]),
        "members_with_roles": [{name: one[name] for name in ("user_id", "user_email", "role")} for one in members],
        "admins": [one["user_id"] for one in members if one["role"] == "admin"],
        "members": [one["user_id"] for one in members],
        "model_id": None,
        "allow_team_guardrail_config": False,
        "litellm_model_table": None if not aliases else {"id": None, "model_aliases": aliases},
        "object_permission_id": None,
    }


async def told_membership(call: Call, member: Row) -> Row:
    """Return somebody's place in a team as programs know it."""
    told = shown(member)
    told.pop("user_email", None)
    budget = await budgets.told(call, member["budget_id"])
    return {**told, "litellm_budget_table": budget, "budget_source": None if budget is None else "team_member"}


async def info(call: Call) -> Row:
    """Describe a team with its keys and members."""
    asked = call.questions(Asked)
    row = await found(call, asked.team_id)
    if not ownership.may_read_team(call, row):
        raise PermissionDenied("this team is somebody else's; only its members may see it")
    metadata = row["metadata"] or {}
    keys = await _keys(call, row, asked.key_limit)
    organization = await call.one(ORGANIZATIONS, organization_id=row["organization_id"])
    return {
        "team_id": row["team_id"],
        "team_info": {
            **await told_team(call, row),
            "team_member_budget_table": await budgets.told(call, metadata.get("team_member_budget_id")),
            "organization_models": [] if organization is None else organization["models"] or [],
            "model_max_budget_usage": await model_usage.usage(call, "team", row["team_id"], row),
            "caller_edit_access": {"kind": "full" if ownership.administers_team(call, row) else "none"},
        },
        "keys": keys,
        "team_memberships": await _memberships(call, row["team_id"]),
    }


async def _keys(call: Call, team: Row, limit: int | None) -> list[Row]:
    """Return the keys of a team: all for who administers it, their own for its members."""
    held = sa.select(KEYS).where(KEYS.c.team_id == team["team_id"]).order_by(KEYS.c.created_at, KEYS.c.token)
    if not (call.sees_all or ownership.granted(call, team, "/key/list")):
        held = held.where(key_reading.of_caller(call))
    rows = await call.all(held.limit(limit))
    return [{"token": row["token"], **await key_reading.described(call, row)} for row in rows]


async def _memberships(call: Call, team_id: str) -> list[Row]:
    return [await told_membership(call, one) for one in await membership.members_of_team(call, team_id)]


async def listed(call: Call) -> list[Row]:
    """List teams that the caller may see, all at once."""
    asked = call.questions(Wanted)
    wanted = sa.select(TEAMS).where(_visible(call), *_conditions(asked))
    found_teams = []
    for row in await call.all(wanted.order_by(TEAMS.c.created_at, TEAMS.c.team_id)):
        memberships = await _memberships(call, row["team_id"])
        keys = await _keys(call, row, None)
        found_teams.append({**await told_team(call, row), "team_memberships": memberships, "keys": keys})
    return found_teams


async def pages(call: Call) -> Row:
    """List teams that the caller may see, a page at a time."""
    asked = call.questions(Listing)
    conditions = _conditions(asked)
    if asked.team_id is not None:
        conditions.append(TEAMS.c.team_id == asked.team_id)
    if asked.team_alias is not None:
        conditions.append(contains(TEAMS.c.team_alias, asked.team_alias))
    if asked.search:
        conditions.append(sa.or_(contains(TEAMS.c.team_id, asked.search), contains(TEAMS.c.team_alias, asked.search)))
    order = ordered(TEAMS, asked.sort_by, asked.sort_order, TEAMS.c.team_id)
    wanted = sa.select(TEAMS).where(_visible(call), *conditions).order_by(*order)
    rows, numbers = await paged(call, wanted, asked.page, asked.page_size)
    teams = []
    for row in rows:
        told = await told_team(call, row)
        keys = sa.select(KEYS.c.token).where(KEYS.c.team_id == row["team_id"])
        teams.append({**told, "members_count": len(told["members"]), "keys_count": await call.count(keys)})
    return {
        "teams": teams,
        "total": numbers["total_count"],
        "page": asked.page,
        "page_size": asked.page_size,
        "total_pages": numbers["total_pages"],
    }


def _visible(call: Call) -> "sa.ColumnElement[bool]":
    if call.sees_all:
        return sa.true()
    caller = call.caller
    organizations = [name for name, role in caller.organizations.items() if role == Role.ORG_ADMIN]
    own = [*caller.teams, *([caller.team_id] if caller.team_id else [])]
    return sa.or_(TEAMS.c.team_id.in_(own), TEAMS.c.organization_id.in_(organizations))


def _conditions(asked: Wanted) -> "list[sa.ColumnElement[Any]]":
    found_conditions: list[sa.ColumnElement[Any]] = []
    if asked.user_id is not None:
        of_user = sa.select(TEAM_MEMBERS.c.team_id).where(TEAM_MEMBERS.c.user_id == asked.user_id)
        found_conditions.append(TEAMS.c.team_id.in_(of_user))
    if asked.organization_id is not None:
        found_conditions.append(TEAMS.c.organization_id == asked.organization_id)
    return found_conditions


async def permissions(call: Call) -> Row:
    """Say what members may do with the keys of their team, and what could be granted."""
    row = await found(call, call.questions(Asked).team_id)
    if not ownership.may_read_team(call, row):
        raise PermissionDenied("this team is somebody else's; only its members may see it")
    granted = row["team_member_permissions"] or list(ALWAYS)
    return {
        "team_id": row["team_id"],
        "team_member_permissions": granted,
        "all_available_permissions": list(PERMISSIONS),
    }


async def metadata_schema(call: Call) -> Row:
    """Name what the metadata of teams is expected to have (`general_settings.team_metadata_schema`)."""
    declared = call.config.general_settings.team_metadata_schema
    return {"fields": [{"key": field.key, "label": field.label} for field in declared]}


async def available(call: Call) -> list[Row]:
    """List the teams that anybody may see in order to ask for a place: none are configured here."""
    del call
    return []
