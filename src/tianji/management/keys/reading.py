"""Keys told: one, several, a page of them. The secret is never among what is told."""

from typing import Final, Literal

import sqlalchemy as sa
from msgspec import Struct

from tianji.auth.identity import Role
from tianji.errors import ObjectNotFound, PermissionDenied
from tianji.management.desk import Call, Row
from tianji.management.keys import fields as key_fields
from tianji.management.limits import model_usage
from tianji.management.paging import contains, ordered, paged
from tianji.management.people import ownership
from tianji.management.wire import shown
from tianji.storage.tables import BUDGETS, DELETED_KEYS, KEYS, PROJECTS, TEAMS, USERS

_CONSTANT: Final = {  # members of a key that other deployments fill
    "soft_budget_cooldown": False,
    "object_permission_id": None,
    "litellm_organization_table": None,
    "jwt_key_mappings": None,
}


class Selection(Struct, kw_only=True):
    """Which keys are meant."""

    keys: list[str] = []


class Named(Struct, kw_only=True):
    """Which key is meant."""

    key: str | None = None


class Listing(Struct, kw_only=True):
    """Which keys to list, and how."""

    page: int = 1
    size: int = 10
    user_id: str | None = None
    team_id: str | None = None
    organization_id: str | None = None
    project_id: str | None = None
    agent_id: str | None = None
    key_hash: str | None = None
    key_alias: str | None = None
    search: str | None = None
    return_full_object: bool = False
    include_team_keys: bool = False
    include_created_by_keys: bool = False
    substring_matching: bool = False
    status: Literal["active", "expired", "revoked", "deleted"] | None = None
    expires: Literal["active", "expired"] | None = None
    expand: str | None = None
    sort_by: Literal["spend", "max_budget", "created_at", "updated_at", "token", "key_alias"] = "created_at"
    sort_order: Literal["asc", "desc"] = "desc"


class Aliases(Struct, kw_only=True):
    """Which aliases to list."""

    page: int = 1
    size: int = 50
    search: str | None = None
    team_id: str | None = None


async def described(call: Call, row: Row) -> Row:
    """Return a key as programs know it, without what it is stored under."""
    told = shown(row)
    del told["token"]
    budget = await call.one(BUDGETS, budget_id=row["budget_id"])
    project = await call.one(PROJECTS, project_id=row["project_id"])
    return {
        **told,
        **_CONSTANT,
        "budget_limits": model_usage.windows(call, told["budget_limits"]),
        "litellm_budget_table": None if budget is None else shown(budget),
        "litellm_project_table": None if project is None else shown(project),
    }


async def found(call: Call, name: str | None, alias: str | None = None) -> Row:
    """Return the key of a secret, a hash or an alias. Raises ObjectNotFound (404)."""
    row = None
    if name is not None:
        row = await call.one(KEYS, token=key_fields.digest(name))
    elif alias is not None:
        row = await call.one(KEYS, key_alias=alias)
    if row is None:
        raise ObjectNotFound("this key does not exist; GET /key/list lists those that do", param="key")
    return row


async def info(call: Call) -> Row:
    """Describe one key; without a name the one that the caller uses."""
    named = call.questions(Named).key
    row = await found(call, named or call.caller.key)
    await _require_readable(call, row)
    return {"key": named or row["token"], "info": await _whole(call, row)}


async def info_many(call: Call) -> Row:
    """Describe several keys; those that do not exist, or are somebody else's, are left out."""
    names = call.body(Selection).keys
    rows = []
    for name in names:
        row = await call.one(KEYS, token=key_fields.digest(name))
        if row is not None and await ownership.may_read_key(call, row):
            rows.append((name, await _whole(call, row)))
    return {"key": [name for name, _ in rows], "info": [told for _, told in rows]}


async def _whole(call: Call, row: Row) -> Row:
    """Return a key with all that is known of it now."""
    told = await described(call, row)
    budget = await call.one(BUDGETS, budget_id=row["budget_id"])
    used = await model_usage.usage(call, "key", row["token"], row, budget)
    return {**told, "status": status(call, row), "model_max_budget_usage": used}


async def _require_readable(call: Call, row: Row) -> None:
    if not await ownership.may_read_key(call, row):
        raise PermissionDenied("this key belongs to somebody else; ask its owner or an administrator")


def status(call: Call, row: Row) -> str:
    """Say in one word whether a key works."""
    if row["blocked"]:
        return "revoked"
    return "expired" if row["expires"] is not None and row["expires"] <= call.now else "active"


async def listed(call: Call) -> Row:
    """List keys that the caller may see, a page at a time: their hashes, or all of them."""
    asked = call.questions(Listing)
    if asked.status == "deleted":
        return await _deleted(call, asked)
    wanted = sa.select(KEYS).where(_visible(call, asked), *_conditions(call, asked))
    order = ordered(KEYS, asked.sort_by, asked.sort_order, KEYS.c.token)
    rows, numbers = await paged(call, wanted.order_by(*order), asked.page, asked.size)
    keys: list[object] = [row["token"] for row in rows]
    if asked.return_full_object:
        keys = [await _full(call, row, asked.expand) for row in rows]
    return {"keys": keys, **numbers}


async def aliases(call: Call) -> Row:
    """List the aliases of keys that the caller may see."""
    asked = call.questions(Aliases)
    conditions: list[sa.ColumnElement[bool]] = [KEYS.c.key_alias.is_not(None)]
    if asked.team_id is not None:
        conditions.append(KEYS.c.team_id == asked.team_id)
    if asked.search:
        conditions.append(contains(KEYS.c.key_alias, asked.search))
    visible = _visible(call, Listing(include_team_keys=True))
    wanted = sa.select(KEYS.c.key_alias).where(visible, *conditions).order_by(KEYS.c.key_alias)
    rows, numbers = await paged(call, wanted, asked.page, asked.size)
    return {"aliases": [row["key_alias"] for row in rows], **numbers, "size": asked.size}


async def _full(call: Call, row: Row, expand: str | None) -> Row:
    told = {"token": row["token"], **await described(call, row), "status": status(call, row)}
    if expand == "user":
        user = await call.one(USERS, user_id=row["user_id"])
        told["user"] = user and {name: user[name] for name in ("user_id", "user_email", "user_alias")}
    return told


async def _deleted(call: Call, asked: Listing) -> Row:
    """List keys that were deleted; administrators only, since whose they were may be gone too."""
    if not call.sees_all:
        raise PermissionDenied("only a proxy admin may list deleted keys")
    wanted = sa.select(DELETED_KEYS).order_by(DELETED_KEYS.c.id.desc())
    for name in ("user_id", "team_id", "key_alias"):
        if getattr(asked, name) is not None:
            wanted = wanted.where(DELETED_KEYS.c[name] == getattr(asked, name))
    rows, numbers = await paged(call, wanted, asked.page, asked.size)
    keys: list[object] = [row["token"] for row in rows]
    if asked.return_full_object:
        keys = [{**shown(row["row"]), "status": "deleted", "deleted_at": row["deleted_at"]} for row in rows]
    return {"keys": keys, **numbers}


def of_caller(call: Call) -> "sa.ColumnElement[bool]":
    """Return the condition that a key is the one that calls, or its owner's; who has no owner shares none."""
    own = KEYS.c.token == call.caller.key
    return own if call.caller.user_id is None else sa.or_(own, KEYS.c.user_id == call.caller.user_id)


def _visible(call: Call, asked: Listing) -> "sa.ColumnElement[bool]":
    """Return the condition that a key is one that the caller may see."""
    if call.sees_all:
        return sa.true()
    caller = call.caller
    seen = [of_caller(call)]
    if caller.user_id is not None and asked.include_created_by_keys:
        seen.append(KEYS.c.created_by == caller.user_id)
    organizations = [name for name, role in caller.organizations.items() if role == Role.ORG_ADMIN]
    if organizations:
        under = sa.select(TEAMS.c.team_id).where(TEAMS.c.organization_id.in_(organizations))
        seen += [KEYS.c.organization_id.in_(organizations), KEYS.c.team_id.in_(under)]
    if asked.include_team_keys or asked.team_id is not None:
        seen.append(KEYS.c.team_id.in_([name for name, role in caller.teams.items() if role == "admin"]))
    return sa.or_(*seen)


def _conditions(call: Call, asked: Listing) -> "list[sa.ColumnElement[bool]]":
    found: list[sa.ColumnElement[bool]] = []
    for name in ("user_id", "team_id", "organization_id", "project_id", "agent_id"):
        value = getattr(asked, name)
        if value is not None:
            found.append(KEYS.c[name] == value)
    if asked.key_hash is not None:
        found.append(KEYS.c.token == key_fields.digest(asked.key_hash))
    if asked.key_alias is not None:
        alias = KEYS.c.key_alias
        found.append(contains(alias, asked.key_alias) if asked.substring_matching else alias == asked.key_alias)
    if asked.search:
        found.append(sa.or_(contains(KEYS.c.key_alias, asked.search), contains(KEYS.c.key_name, asked.search)))
    state = asked.status or asked.expires
    over = sa.and_(KEYS.c.expires.is_not(None), KEYS.c.expires <= call.now)
    if state == "expired":
        found.append(over)
    elif state == "revoked":
        found.append(KEYS.c.blocked)
    elif state == "active":
        found.append(sa.not_(over))
        if asked.status == "active":
            found.append(sa.not_(KEYS.c.blocked))
    return found
