"""Users told: one, or a page of them. What is kept of a password is never among what is told."""

from typing import Final, Literal

import sqlalchemy as sa
from msgspec import Struct

from tianji.auth.identity import Role
from tianji.errors import ObjectNotFound, PermissionDenied
from tianji.management.desk import Call, Row
from tianji.management.keys import reading as key_reading
from tianji.management.limits import model_usage
from tianji.management.paging import contains, ordered, paged
from tianji.management.people import membership, ownership
from tianji.management.people.team_reading import told_team
from tianji.management.wire import shown
from tianji.storage.tables import KEYS, ORGANIZATION_MEMBERS, TEAM_MEMBERS, TEAMS, USERS

_FLAT: Final = (
    "user_id", "user_email", "user_alias", "user_role", "spend", "max_budget", "tpm_limit", "rpm_limit", "models",
    "budget_duration", "budget_reset_at", "metadata", "created_at", "updated_at", "sso_user_id", "object_permission",
    "model_max_budget",
)  # fmt: skip


class Asked(Struct, kw_only=True):
    """Which user is asked for."""

    user_id: str | None = None


class Listing(Struct, kw_only=True):
    """Which users to list, and how."""

    page: int = 1
    page_size: int = 25
    role: str | None = None
    user_ids: str | None = None
    sso_user_ids: str | None = None
    user_email: str | None = None
    search: str | None = None
    team: str | None = None
    organization_ids: str | None = None
    sort_by: Literal["user_id", "user_email", "created_at", "spend", "user_alias", "user_role"] = "created_at"
    sort_order: Literal["asc", "desc"] = "asc"


def shown_user(row: Row) -> Row:
    """Return a user's row as programs know it."""
    told = shown(row)
    del told["password"]
    return {
        **told,
        "team_id": None,
        "organization_id": None,
        "object_permission_id": None,
        "last_breach_check_at": None,
    }


def told_member(call: Call, row: Row) -> Row:
    """Return a user as those know him who made him a member: no more than that he is there, unless they see all."""
    told = shown_user(row)
    return told if call.sees_all else {name: told[name] for name in ("user_id", "user_email", "user_alias")}


async def info(call: Call) -> Row:
    """Describe a user with his keys and teams, without a name the caller."""
    user_id = call.questions(Asked).user_id or call.caller.user_id
    row = await call.one(USERS, user_id=user_id)
    await _require_readable(call, user_id)
    if row is None and user_id != call.caller.user_id:
        raise ObjectNotFound("this user does not exist; GET /user/list lists those that do", param="user_id")
    teams = await _teams(call, user_id)
    told = None if row is None else await _with_usage(call, row, await with_memberships(call, row))
    held = sa.select(KEYS).where(KEYS.c.user_id == user_id).order_by(KEYS.c.created_at, KEYS.c.token)
    aliases = {team["team_id"]: team["team_alias"] for team in teams}
    keys = [
        {
            "token": key["token"],
            **await key_reading.described(call, key),
            "team_alias": aliases.get(key["team_id"]),
        }
        for key in await call.all(held)
        if key["team_id"] is None or await ownership.may_read_key(call, key)
    ]
    return {
        "user_id": user_id,
        "user_info": told,
        "keys": keys,
        "teams": [await told_team(call, team) for team in teams],
    }


async def flat_info(call: Call) -> Row:
    """Describe a user alone."""
    user_id = call.questions(Asked).user_id or call.caller.user_id
    await _require_readable(call, user_id)
    row = await call.one(USERS, user_id=user_id)
    if row is None:
        raise ObjectNotFound("this user does not exist; GET /user/list lists those that do", param="user_id")
    told = await with_memberships(call, row)
    return await _with_usage(call, row, {name: told[name] for name in (*_FLAT, "teams")})


async def _with_usage(call: Call, row: Row, told: Row) -> Row:
    return {**told, "model_max_budget_usage": await model_usage.usage(call, "user", row["user_id"], row)}


async def _teams(call: Call, user_id: str | None) -> list[Row]:
    """Return the teams of a user that the caller may see: where else he belongs is not the caller's to know."""
    teams = [] if user_id is None else await membership.teams_of_user(call, user_id)
    return [team for team in teams if ownership.may_read_team(call, team)]


async def with_memberships(call: Call, row: Row) -> Row:
    """Return a user's row as programs know it, with his teams and organizations as far as the caller may see them."""
    told = shown_user(row)
    teams = await _teams(call, row["user_id"])
    organizations = await membership.organizations_of_user(call, row["user_id"])
    if not (call.sees_all or ownership.owns(call, row["user_id"])):
        organizations = [
            one for one in organizations if ownership.administers_organization(call, one["organization_id"])
        ]
    told["teams"] = [team["team_id"] for team in teams]
    told["organization_memberships"] = [shown(one) for one in organizations]
    return told


async def _require_readable(call: Call, user_id: str | None) -> None:
    """Let the caller see a user: himself, one of an organization that he administers, or all."""
    if call.sees_all or ownership.owns(call, user_id):
        return
    if user_id is not None:
        for held in await membership.organizations_of_user(call, user_id):
            if ownership.administers_organization(call, held["organization_id"]):
                return
    raise PermissionDenied("this user is somebody else; only an administrator above him may see him")


async def listed(call: Call) -> Row:
    """List users that the caller may see, a page at a time."""
    asked = call.questions(Listing)
    wanted = sa.select(USERS).where(_visible(call), *_conditions(asked))
    order = ordered(USERS, asked.sort_by, asked.sort_order, USERS.c.user_id)
    rows, numbers = await paged(call, wanted.order_by(*order), asked.page, asked.page_size)
    users = [{**await with_memberships(call, row), "key_count": await _keys_of(call, row)} for row in rows]
    return {
        "users": users,
        "total": numbers["total_count"],
        "page": asked.page,
        "page_size": asked.page_size,
        "total_pages": numbers["total_pages"],
    }


async def _keys_of(call: Call, row: Row) -> int:
    return await call.count(sa.select(KEYS.c.token).where(KEYS.c.user_id == row["user_id"]))


def _visible(call: Call) -> "sa.ColumnElement[bool]":
    if call.sees_all:
        return sa.true()
    organizations = [name for name, role in call.caller.organizations.items() if role == Role.ORG_ADMIN]
    teams = [name for name, role in call.caller.teams.items() if role == "admin"]
    if not organizations and not teams:
        raise PermissionDenied("only an administrator may list users; GET /user/info describes yourself")
    under = sa.select(TEAMS.c.team_id).where(TEAMS.c.organization_id.in_(organizations))
    there = ORGANIZATION_MEMBERS.c.organization_id.in_(organizations)
    in_team = sa.or_(TEAM_MEMBERS.c.team_id.in_(teams), TEAM_MEMBERS.c.team_id.in_(under))
    return sa.or_(
        USERS.c.user_id == call.caller.user_id,
        USERS.c.user_id.in_(sa.select(ORGANIZATION_MEMBERS.c.user_id).where(there)),
        USERS.c.user_id.in_(sa.select(TEAM_MEMBERS.c.user_id).where(in_team)),
    )


def _conditions(asked: Listing) -> "list[sa.ColumnElement[bool]]":
    found: list[sa.ColumnElement[bool]] = []
    if asked.role is not None:
        found.append(USERS.c.user_role == asked.role)
    for name, text in (("user_id", asked.user_ids), ("sso_user_id", asked.sso_user_ids)):
        if text is not None:
            found.append(USERS.c[name].in_([part.strip() for part in text.split(",")]))
    if asked.user_email is not None:
        found.append(contains(USERS.c.user_email, asked.user_email))
    if asked.search:
        columns = (USERS.c.user_id, USERS.c.user_email, USERS.c.user_alias)
        found.append(sa.or_(*(contains(column, asked.search) for column in columns)))
    if asked.team is not None:
        members = sa.select(TEAM_MEMBERS.c.user_id).where(TEAM_MEMBERS.c.team_id == asked.team)
        found.append(USERS.c.user_id.in_(members))
    if asked.organization_ids is not None:
        names = [part.strip() for part in asked.organization_ids.split(",")]
        there = ORGANIZATION_MEMBERS.c.organization_id.in_(names)
        found.append(USERS.c.user_id.in_(sa.select(ORGANIZATION_MEMBERS.c.user_id).where(there)))
    return found
