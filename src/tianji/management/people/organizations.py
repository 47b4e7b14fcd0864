"""Organizations and their members."""

from typing import Any

import sqlalchemy as sa
from msgspec import UNSET, Struct

from tianji.auth.identity import Role
from tianji.errors import ObjectNotFound, PermissionDenied, SchemaViolation, Unacceptable
from tianji.management.desk import Call, Row, converted
from tianji.management.keys import fields as key_fields
from tianji.management.keys import writing as keys
from tianji.management.keys.fields import Names, Number, Table, Text
from tianji.management.limits import budgets
from tianji.management.people import membership, ownership, teams
from tianji.management.people.team_reading import told_team
from tianji.management.people.user_reading import told_member
from tianji.management.wire import sent, shown, stored
from tianji.storage.tables import KEYS, ORGANIZATION_MEMBERS, ORGANIZATIONS, TEAMS

ROLES = (Role.ORG_ADMIN, Role.INTERNAL_USER, Role.INTERNAL_USER_VIEWER)


class Organization(budgets.Budget, kw_only=True):
    """What may be said of an organization, and of a budget of its own."""

    organization_id: Text = UNSET
    organization_alias: Text = UNSET
    models: Names = UNSET
    metadata: Table = UNSET
    object_permission: Table = UNSET
    spend: Number = UNSET
    model_rpm_limit: dict[str, int] | None = None
    model_tpm_limit: dict[str, int] | None = None


class Several(Struct, kw_only=True):
    """Which organizations are meant."""

    organization_ids: list[str]


class Named(Struct, kw_only=True):
    """Which organizations are meant, by their ids."""

    organizations: list[str]


class Asked(Struct, kw_only=True):
    """Which organization is asked for."""

    organization_id: str


class Wanted(Struct, kw_only=True):
    """Which organizations to list."""

    org_id: str | None = None
    org_alias: str | None = None


class Member(Struct, kw_only=True):
    """Who is meant, and what he is to be."""

    user_id: str | None = None
    user_email: str | None = None
    role: str = Role.INTERNAL_USER.value


class Addition(Struct, kw_only=True):
    """Who is to join an organization."""

    organization_id: str
    member: dict[str, Any] | list[dict[str, Any]]
    max_budget_in_organization: Number = UNSET


class Change(Struct, kw_only=True):
    """What is to change of a member."""

    organization_id: str
    user_id: str | None = None
    user_email: str | None = None
    role: str | None = None
    max_budget_in_organization: Number = UNSET


async def new(call: Call) -> Row:
    """Make an organization."""
    values = _values(call.body(Organization), None)
    if not values.get("organization_alias"):
        raise SchemaViolation("Field required", ("body", "organization_alias"), "missing")
    values["organization_id"] = values.get("organization_id") or key_fields.make_id()
    if await call.one(ORGANIZATIONS, organization_id=values["organization_id"]) is not None:
        raise Unacceptable("this organization_id is taken; choose another one, or none", param="organization_id")
    await budgets.attach(call, values)
    if values.get("budget_id") is None:
        values["budget_id"] = (await budgets.make(call, {}))["budget_id"]
    values["spend"] = values.get("spend") or 0
    call.change("organization", values["organization_id"])
    return await _told(call, await call.insert(ORGANIZATIONS, **values))


def _values(body: Organization, before: Row | None) -> Row:
    values = {name: value for name, value in sent(body).items() if name not in ("model_rpm_limit", "model_tpm_limit")}
    for name in ("model_rpm_limit", "model_tpm_limit"):
        if getattr(body, name) is not None:
            values[name] = getattr(body, name)
    key_fields.into_metadata(values, before["metadata"] if before else None)
    return values


async def update(call: Call) -> Row:
    """Change what was sent of an organization."""
    body = call.body(Organization)
    before = await _found(call, body.organization_id if isinstance(body.organization_id, str) else None)
    values = _values(body, before)
    del values["organization_id"]
    await budgets.attach(call, values, before)
    if "spend" in values:
        values["spend"] = values["spend"] or 0
    call.change("organization", before["organization_id"])
    where = {"organization_id": before["organization_id"]}
    return await _told(call, await call.update(ORGANIZATIONS, where, **values))


async def delete(call: Call) -> list[Row]:
    """Delete organizations with their teams, keys and memberships."""
    if not call.admin:
        raise PermissionDenied("only a proxy admin may delete an organization")
    rows = [await _found(call, name) for name in call.body(Several).organization_ids]
    told = [await _told(call, row) for row in rows]
    for row in rows:
        name = row["organization_id"]
        for team in await call.all(sa.select(TEAMS).where(TEAMS.c.organization_id == name)):
            await teams.remove(call, team)
        for key in await call.all(sa.select(KEYS).where(KEYS.c.organization_id == name)):
            await keys.remove(call, key)
        held = sa.select(ORGANIZATION_MEMBERS).where(ORGANIZATION_MEMBERS.c.organization_id == name)
        for member in await call.all(held):
            call.change("user", member["user_id"])
        call.change("organization", name)
        for table in (ORGANIZATION_MEMBERS, ORGANIZATIONS):
            await call.execute(sa.delete(table).where(table.c.organization_id == name))
    return told


async def info(call: Call) -> Row:
    """Describe an organization with its members and teams."""
    row = await _found(call, call.questions(Asked).organization_id)
    if not call.sees_all and row["organization_id"] not in call.caller.organizations:
        raise PermissionDenied("this organization is somebody else's; only its members may see it")
    return await _told_whole(call, row)


async def several(call: Call) -> list[Row]:
    """Describe organizations with their members and teams: those that are named and that the caller may see."""
    rows = [await _found(call, name) for name in call.body(Named).organizations]
    hidden = [row for row in rows if not call.sees_all and row["organization_id"] not in call.caller.organizations]
    if hidden:
        raise PermissionDenied("one of these organizations is somebody else's; only its members may see it")
    return [await _told_whole(call, row) for row in rows]


async def listed(call: Call) -> list[Row]:
    """List the organizations that the caller belongs to, or all."""
    asked = call.questions(Wanted)
    wanted = sa.select(ORGANIZATIONS).order_by(ORGANIZATIONS.c.created_at, ORGANIZATIONS.c.organization_id)
    if not call.sees_all:
        wanted = wanted.where(ORGANIZATIONS.c.organization_id.in_(list(call.caller.organizations)))
    if asked.org_id is not None:
        wanted = wanted.where(ORGANIZATIONS.c.organization_id == asked.org_id)
    if asked.org_alias is not None:
        wanted = wanted.where(ORGANIZATIONS.c.organization_alias.icontains(asked.org_alias, autoescape=True))
    return [await _told_whole(call, row) for row in await call.all(wanted)]


async def add_members(call: Call) -> Row:
    """Add one member or several; whoever is not there yet is made a plain user."""
    body = call.body(Addition)
    row = await _administered(call, body.organization_id)
    members = body.member if isinstance(body.member, list) else [body.member]
    budget = sent(body).get("max_budget_in_organization")
    users, memberships = [], []
    for one in (converted(member, Member, "body") for member in members):
        _require_role(one.role)
        user = await membership.user_of(call, one.user_id, one.user_email)
        where = {"organization_id": row["organization_id"], "user_id": user["user_id"]}
        if await call.one(ORGANIZATION_MEMBERS, **where) is not None:
            raise Unacceptable(f"user {user['user_id'][:80]!r} is in this organization already", param="member")
        more = {"budget_id": await _budget(call, None, budget)} if budget is not None else {}
        held = await membership.join_organization(call, row["organization_id"], user["user_id"], one.role, **more)
        users.append(told_member(call, user))
        memberships.append(shown(held))
    return {
        "organization_id": row["organization_id"],
        "updated_users": users,
        "updated_organization_memberships": memberships,
    }


async def update_member(call: Call) -> Row:
    """Change the role or the budget of a member."""
    body = call.body(Change)
    held = await _membership(call, body)
    values: Row = {}
    if body.role is not None:
        _require_role(body.role)
        values["user_role"] = body.role
    budget = sent(body).get("max_budget_in_organization")
    if budget is not None:
        values["budget_id"] = await _budget(call, held["budget_id"], budget)
    where = {"organization_id": held["organization_id"], "user_id": held["user_id"]}
    return shown(await call.update(ORGANIZATION_MEMBERS, where, **values))


async def delete_member(call: Call) -> Row:
    """Take a member out of an organization."""
    held = await _membership(call, call.body(Change))
    gone = sa.and_(
        ORGANIZATION_MEMBERS.c.organization_id == held["organization_id"],
        ORGANIZATION_MEMBERS.c.user_id == held["user_id"],
    )
    await call.execute(sa.delete(ORGANIZATION_MEMBERS).where(gone))
    return shown(held)


async def _membership(call: Call, body: Change) -> Row:
    row = await _administered(call, body.organization_id)
    user_id = await membership.existing(call, body.user_id, body.user_email)
    held = await call.one(ORGANIZATION_MEMBERS, organization_id=row["organization_id"], user_id=user_id)
    if held is None:
        raise ObjectNotFound("there is no such member in this organization", param="user_id")
    call.change("user", user_id)
    return held


async def _budget(call: Call, budget_id: str | None, dollars: float) -> str:
    limits = {"max_budget": stored("max_budget", dollars)}
    if budget_id is not None:
        await budgets.change(call, budget_id, limits)
        return budget_id
    return str((await budgets.make(call, limits))["budget_id"])


def _require_role(role: str) -> None:
    if role not in ROLES:
        raise Unacceptable(f"the role in an organization is one of {', '.join(ROLES)}", param="user_role")


async def _administered(call: Call, organization_id: str) -> Row:
    row = await _found(call, organization_id)
    if not ownership.administers_organization(call, organization_id):
        raise PermissionDenied("only an administrator of this organization may do that", param="organization_id")
    return row


async def _found(call: Call, organization_id: str | None) -> Row:
    row = await call.one(ORGANIZATIONS, organization_id=organization_id)
    if row is None:
        raise ObjectNotFound("this organization does not exist", param="organization_id")
    return row


async def _told(call: Call, row: Row) -> Row:
    told = shown(row)
    return {**told, "object_permission_id": None, "litellm_budget_table": await budgets.told(call, row["budget_id"])}


async def _told_whole(call: Call, row: Row) -> Row:
    held = sa.select(ORGANIZATION_MEMBERS).where(ORGANIZATION_MEMBERS.c.organization_id == row["organization_id"])
    under = sa.select(TEAMS).where(TEAMS.c.organization_id == row["organization_id"]).order_by(TEAMS.c.team_id)
    return {
        **await _told(call, row),
        "members": [shown(one) for one in await call.all(held.order_by(ORGANIZATION_MEMBERS.c.user_id))],
        "teams": [await told_team(call, team) for team in await call.all(under)],
    }
