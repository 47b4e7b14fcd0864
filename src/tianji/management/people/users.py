"""Users: made, changed, told, deleted.

A proxy admin manages everybody. An administrator of organizations manages plain users who belong to no organization
and no team but his: whoever belongs elsewhere too, or is above him, is not his to change.
"""

import asyncio
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from msgspec import UNSET, Struct, UnsetType

from tianji.auth.identity import Role
from tianji.errors import Conflict, ObjectNotFound, PermissionDenied, SchemaViolation, TianjiError, Unacceptable
from tianji.lazy import load
from tianji.management.desk import Call, Row
from tianji.management.keys import fields as key_fields
from tianji.management.keys import writing as keys
from tianji.management.keys.fields import KeyFields, Text
from tianji.management.limits.periods import apply_period
from tianji.management.people import membership, ownership, promotion, user_reading
from tianji.management.wire import sent, stored
from tianji.storage.tables import KEYS, ORGANIZATION_MEMBERS, ORGANIZATIONS, TEAM_MEMBERS, TEAMS, USERS

_PLAIN: Final = (Role.INTERNAL_USER, Role.INTERNAL_USER_VIEWER)
_ROLES: Final = (*_PLAIN, Role.PROXY_ADMIN, Role.PROXY_ADMIN_VIEWER)
# what only a proxy admin says of a user: his own limits are not his organization's to widen
OF_ADMINS: Final = frozenset({"spend", "password", "sso_user_id", "user_email", "object_permission", "policies"})
_OF_USER: Final = frozenset(USERS.c.keys()) - {"password_reset_required", "model_spend"}
# of the key that is made with a user; models, rates and metadata are his as well
_OF_KEY: Final = (
    "key", "key_alias", "duration", "aliases", "allowed_routes", "permissions", "tpm_limit", "rpm_limit", "metadata",
)  # fmt: skip


class UserFields(KeyFields, kw_only=True):
    """What may be said of a user when he is made."""

    user_email: Text = UNSET
    user_alias: Text = UNSET
    user_role: Text = UNSET
    teams: list[str | dict[str, Any]] | UnsetType | None = UNSET
    organizations: list[str] | UnsetType | None = UNSET
    auto_create_key: bool = True
    sso_user_id: Text = UNSET
    password: Text = UNSET


class Several(Struct, kw_only=True):
    """Which users are meant."""

    user_ids: list[str]


class Bulk(Struct, kw_only=True):
    """Changes of several users, or one change of all."""

    users: list[dict[str, Any]] = []
    all_users: bool = False
    user_updates: dict[str, Any] = {}


async def new(call: Call) -> Row:
    """Make a user, and a key for him unless `auto_create_key` is false."""
    body = call.body(UserFields)
    values = sent(body)
    organizations, teams = values.pop("organizations", None) or [], values.pop("teams", None) or []
    await _judge_new(call, values, organizations)
    row = await make(call, values)
    if body.send_invite_email is True:
        await load("tianji.management.letters").invite(call, row)
    for organization in organizations:
        await membership.join_organization(call, organization, row["user_id"], Role.INTERNAL_USER)
    for team in teams:
        await join(call, team, row["user_id"])
    made: Row = {"key": "", "token": None, "token_id": None, "key_type": None}
    if body.auto_create_key:
        made = await _make_key(call, body, row, None if call.admin else organizations[0])
    blank: Row = dict.fromkeys(KeyFields.__struct_fields__)
    told = user_reading.shown_user(row)
    return {
        **blank,
        **{name: told[name] for name in told.keys() & blank.keys()},
        **{name: made[name] for name in ("key", "key_alias", "key_name", "expires") if name in made},
        **dict.fromkeys(("token", "token_id", "key_type")),
        "user_id": row["user_id"],
        "user_email": row["user_email"],
        "user_role": row["user_role"],
        "user_alias": row["user_alias"],
        "teams": [team if isinstance(team, str) else team["team_id"] for team in teams],
        "litellm_budget_table": None,
        **{name: row[name] for name in ("created_by", "updated_by", "created_at", "updated_at")},
    }


async def _judge_new(call: Call, values: Row, organizations: list[str]) -> None:
    key_fields.unfold(values)
    _require_role(call, values)
    for organization in organizations:
        if await call.one(ORGANIZATIONS, organization_id=organization) is None:
            raise Unacceptable(f"there is no organization {organization[:80]!r}", param="organizations")
    ownership.require_ordinary(call, values.get("user_id"))
    if call.admin:
        return
    key_fields.require_allowed(values, (OF_ADMINS - {"user_email"}) | key_fields.OF_ADMINS, admin=False)
    if not organizations or not all(ownership.administers_organization(call, name) for name in organizations):
        raise PermissionDenied("organizations is required: name those that you administer, and no others")


def _require_role(call: Call, values: Row) -> None:
    role = values.get("user_role")
    if role is None:
        return
    if role not in _ROLES:
        raise Unacceptable(f"user_role is one of {', '.join(_ROLES)}", param="user_role")
    if role not in _PLAIN and not call.admin:
        raise PermissionDenied("only a proxy admin may give a role above internal_user")


def _fill(call: Call, values: Row) -> None:
    """Give a plain user what the configuration says that he gets."""
    settings = call.config.litellm_settings
    defaults = settings.default_internal_user_params
    values["user_role"] = values.get("user_role") or defaults.user_role or Role.INTERNAL_USER.value
    if values["user_role"] not in _PLAIN:
        return
    if not call.admin and values["user_role"] == defaults.user_role not in _PLAIN:
        values["user_role"] = Role.INTERNAL_USER.value
    budget = defaults.max_budget if defaults.max_budget is not None else settings.max_internal_user_budget
    if values.get("max_budget") is None and budget is not None:
        values["max_budget"] = stored("max_budget", budget)
    span = defaults.budget_duration or settings.internal_user_budget_duration
    for name, value in (("budget_duration", span), ("models", list(defaults.models) or None)):
        if values.get(name) is None and value is not None:
            values[name] = value


async def make(call: Call, values: Row) -> Row:
    """Make a user with these fields and those that the configuration gives a plain user; return his row."""
    _fill(call, values)
    values["user_id"] = values.get("user_id") or key_fields.make_id()
    if await call.one(USERS, user_id=values["user_id"]) is not None:
        raise Conflict(f"User with id {values['user_id'][:80]!r} already exists", param="user_id")
    await _require_free_email(call, values.get("user_email"), None)
    await promotion.prepare(call, {"user_id": values["user_id"], "user_role": None}, values["user_role"])
    return await call.insert(USERS, **await _columns(call, values, None))


async def _require_free_email(call: Call, email: str | None, of: str | None) -> None:
    other = await call.one(USERS, user_email=None if email is None else email.lower())
    if other is not None and other["user_id"] != of:
        raise Conflict("a user with this user_email already exists", param="user_email")


async def _columns(call: Call, values: Row, before: Row | None) -> Row:
    """Turn fields into what is stored of a user."""
    key_fields.into_metadata(values, before["metadata"] if before else None)
    apply_period(call, values)
    columns = {name: value for name, value in values.items() if name in _OF_USER}
    if columns.get("user_email"):
        columns["user_email"] = columns["user_email"].lower()
    if "spend" in columns:
        columns["spend"] = columns["spend"] or 0
    if columns.get("password") is not None:
        columns["password"] = await keep_password(call, columns["password"])
    call.change("user", before["user_id"] if before else values["user_id"])
    return columns


async def keep_password(call: Call, password: str) -> str:
    """Return what is kept of a password. Raises Unacceptable (400) for one that is not good enough here."""
    passwords = load("tianji.auth.passwords")
    passwords.require_acceptable(password, call.config.general_settings)
    kept: str = await asyncio.to_thread(passwords.hashed, password)
    return kept


async def join(call: Call, team: str | dict[str, Any], user_id: str) -> None:
    """Put a new user into a team: its id, or with a budget and a role."""
    said = {"team_id": team} if isinstance(team, str) else team
    row = await call.one(TEAMS, team_id=said.get("team_id"))
    if row is None:
        raise Unacceptable(f"there is no team {str(said.get('team_id'))[:80]!r}", param="teams")
    ownership.require_team(call, row)
    role = "admin" if said.get("user_role") == "admin" else "user"
    limits = {"max_budget": stored("max_budget", said.get("max_budget_in_team"))}
    await membership.join_team(call, row, user_id, role, limits)


async def _make_key(call: Call, body: UserFields, user: Row, organization: str | None) -> Row:
    """Make the key that comes with a user; what he may spend stands with him.

    `organization`: the one by which the caller may make keys for somebody else.
    """
    asked: dict[str, Any] = {name: getattr(body, name) for name in _OF_KEY}
    asked |= {"user_id": user["user_id"], "models": user["models"] or UNSET}
    return await keys.make(call, KeyFields(**asked, organization_id=organization or UNSET))


async def update(call: Call) -> Row:
    """Change what was sent of a user, who is named by id or by e-mail."""
    row = await change(call, call.body(UserFields))
    return {"user_id": row["user_id"], "data": await user_reading.with_memberships(call, row)}


async def change(call: Call, body: UserFields) -> Row:
    """Change a user by the fields of a request, and return his row."""
    values = sent(body)
    for name in ("teams", "organizations", "auto_create_key"):
        values.pop(name, None)
    named = values.pop("user_id", None)
    if named is not None:
        before = await call.one(USERS, user_id=named)
    elif values.get("user_email") is not None:
        before = await call.one(USERS, user_email=values.pop("user_email").lower())
    else:
        raise SchemaViolation("Field required: user_id, or user_email", ("body", "user_id"), "missing")
    if before is None:
        raise ObjectNotFound("this user does not exist; GET /user/list lists those that do", param="user_id")
    await require_manageable(call, before)
    key_fields.unfold(values)
    key_fields.require_allowed(values, OF_ADMINS | key_fields.OF_ADMINS, admin=call.admin)
    _require_role(call, values)
    if "user_email" in values:
        await _require_free_email(call, values["user_email"], before["user_id"])
    await promotion.prepare(call, before, values.get("user_role"))
    return await call.update(USERS, {"user_id": before["user_id"]}, **await _columns(call, values, before))


async def require_manageable(call: Call, user: Row) -> None:
    """Let the caller change `user`, by the rule at the top of this module."""
    if call.admin:
        return
    held = sa.select(ORGANIZATION_MEMBERS).where(ORGANIZATION_MEMBERS.c.user_id == user["user_id"])
    memberships = await call.all(held)
    below = user["user_role"] in _PLAIN and user["user_id"] != call.caller.user_id
    his = [ownership.administers_organization(call, row["organization_id"]) for row in memberships]
    teams = [ownership.administers_team(call, team) for team in await membership.teams_of_user(call, user["user_id"])]
    if not (below and his and all(his) and all(teams)):
        raise PermissionDenied("this user is not yours to manage; ask a proxy admin")


async def update_many(call: Call) -> Row:
    """Change several users, each for himself: what is wrong with one does not stop the others."""
    body = call.body(Bulk)
    items = body.users
    if body.all_users:
        if not call.admin:
            raise PermissionDenied("only a proxy admin may change all users")
        names = await call.all(sa.select(USERS.c.user_id))
        items = [{**body.user_updates, "user_id": row["user_id"]} for row in names]
    results: list[Row] = []
    for item in items:
        told = {"user_id": item.get("user_id"), "user_email": item.get("user_email")}
        try:
            row = await change(call, msgspec.convert(item, UserFields, strict=False))
        except (TianjiError, msgspec.ValidationError) as error:
            results.append({**told, "success": False, "error": str(error)})
        else:
            results.append({**told, "success": True, "updated_user": user_reading.shown_user(row)})
    good = sum(result["success"] for result in results)
    return {
        "results": results,
        "total_requested": len(items),
        "successful_updates": good,
        "failed_updates": len(items) - good,
    }


async def delete(call: Call) -> int:
    """Delete users with their keys and memberships; returns how many."""
    names = call.body(Several).user_ids
    rows = []
    for name in names:
        row = await call.one(USERS, user_id=name)
        if row is None:
            raise ObjectNotFound(f"User {name[:80]!r} does not exist; nobody was deleted", param="user_ids")
        await require_manageable(call, row)
        rows.append(row)
    for row in rows:
        await remove(call, row)
    return len(rows)


async def remove(call: Call, user: Row) -> None:
    """Delete a user with his keys and memberships."""
    for key in await call.all(sa.select(KEYS).where(KEYS.c.user_id == user["user_id"])):
        await keys.remove(call, key)
    call.change("user", user["user_id"])
    for table in (TEAM_MEMBERS, ORGANIZATION_MEMBERS, USERS):
        await call.execute(sa.delete(table).where(table.c.user_id == user["user_id"]))
