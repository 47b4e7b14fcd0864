"""Members of teams: added, changed, taken out."""

from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from msgspec import UNSET, Struct

from tianji.errors import ObjectNotFound, PermissionDenied, Unacceptable
from tianji.management.desk import Call, Row, converted
from tianji.management.keys import writing as keys
from tianji.management.keys.fields import Count, Names, Number, Table, Text
from tianji.management.limits import budgets
from tianji.management.people import membership, ownership
from tianji.management.people.team_reading import found, told_membership, told_team
from tianji.management.people.user_reading import told_member
from tianji.management.wire import sent, stored
from tianji.money import to_dollars
from tianji.storage.tables import BUDGETS, KEYS, TEAM_MEMBERS, USERS

_LIMITS: Final = {  # a field of the request: the same in the member's budget
    "max_budget_in_team": "max_budget",
    "budget_duration": "budget_duration",
    "tpm_limit": "tpm_limit",
    "rpm_limit": "rpm_limit",
    "model_max_budget": "model_max_budget",
    "temp_budget_increase": "temp_budget_increase",
    "temp_budget_expiry": "temp_budget_expiry",
}


class Member(Struct, kw_only=True):
    """Who is meant, and what he is to be."""

    user_id: str | None = None
    user_email: str | None = None
    role: str = "user"


class Reset(Struct, kw_only=True):
    """What a member is said to have spent, in dollars."""

    reset_to: float


class Addition(Struct, kw_only=True):
    """Who is to join a team."""

    team_id: str
    member: dict[str, Any] | list[dict[str, Any]]
    max_budget_in_team: Number = UNSET
    budget_duration: Text = UNSET
    allowed_models: Names = UNSET


class BulkAddition(Struct, kw_only=True):
    """Many who are to join a team, or all there are."""

    team_id: str
    members: list[dict[str, Any]] | None = None
    all_users: bool = False
    max_budget_in_team: Number = UNSET


class Change(Struct, kw_only=True):
    """What is to change of a member."""

    team_id: str
    user_id: Text = UNSET
    user_email: Text = UNSET
    role: Text = UNSET
    max_budget_in_team: Number = UNSET
    tpm_limit: Count = UNSET
    rpm_limit: Count = UNSET
    budget_duration: Text = UNSET
    allowed_models: Names = UNSET
    temp_budget_increase: Number = UNSET
    temp_budget_expiry: datetime | None = None
    model_max_budget: Table = UNSET


class Departure(Struct, kw_only=True):
    """Who is to leave a team."""

    team_id: str
    user_id: str | None = None
    user_email: str | None = None


async def add(call: Call) -> Row:
    """Add one member or several; whoever is not there yet is made a plain user."""
    body = call.body(Addition)
    team = await found(call, body.team_id)
    members = body.member if isinstance(body.member, list) else [body.member]
    more = {"allowed_models": body.allowed_models} if isinstance(body.allowed_models, list) else {}
    limits = _limits(body)
    return await _add(call, team, [converted(one, Member, "body") for one in members], limits, more)


def _limits(body: Struct) -> Row:
    values = sent(body)
    limits = {own: values[name] for name, own in _LIMITS.items() if name in values}
    return {name: stored(name, value) for name, value in limits.items()}


async def _add(call: Call, team: Row, members: list[Member], limits: Row, more: Row) -> Row:
    ownership.require_team(call, team)
    users, memberships = [], []
    for member in members:
        user = await membership.user_of(call, member.user_id, member.user_email)
        if await call.one(TEAM_MEMBERS, team_id=team["team_id"], user_id=user["user_id"]) is not None:
            raise Unacceptable(f"user {user['user_id'][:80]!r} is in this team already", param="member")
        row = await membership.join_team(call, team, user["user_id"], member.role, limits, **more)
        users.append(told_member(call, user))
        memberships.append(await told_membership(call, row))
    return {**await told_team(call, team), "updated_users": users, "updated_team_memberships": memberships}


async def add_many(call: Call) -> Row:
    """Add many members; those who are in the team already stay as they are."""
    body = call.body(BulkAddition)
    team = await found(call, body.team_id)
    members = [converted(one, Member, "body") for one in body.members or ()]
    if body.all_users:
        if not call.admin:
            raise Unacceptable("only a proxy admin may add all users", param="all_users")
        members = [Member(user_id=row["user_id"]) for row in await call.all(sa.select(USERS.c.user_id))]
    present = {row["user_id"] for row in await membership.members_of_team(call, team["team_id"])}
    fresh = [one for one in members if one.user_id not in present]
    told = await _add(call, team, fresh, _limits(body), {})
    return {
        "team_id": team["team_id"],
        "results": [{"user_id": row["user_id"], "success": True} for row in told["updated_users"]],
        "total_requested": len(members),
        "successful_additions": len(fresh),
        "failed_additions": 0,
        "updated_team": await told_team(call, team),
    }


async def _member(call: Call, team: Row, user_id: str | None, email: str | None) -> Row:
    name = await membership.existing(call, user_id, email)
    row = await call.one(TEAM_MEMBERS, team_id=team["team_id"], user_id=name)
    if row is None:
        raise ObjectNotFound("there is no such member in this team", param="user_id")
    return row


async def update(call: Call) -> Row:
    """Change the role, the limits or the models of a member."""
    body = call.body(Change)
    team = await found(call, body.team_id)
    ownership.require_team(call, team)
    user_id = body.user_id if isinstance(body.user_id, str) else None
    email = body.user_email if isinstance(body.user_email, str) else None
    member = await _member(call, team, user_id, email)
    values: Row = {}
    if isinstance(body.role, str):
        if body.role not in membership.TEAM_ROLES:
            raise Unacceptable("the role in a team is admin or user", param="role")
        values["role"] = body.role
    if isinstance(body.allowed_models, list):
        values["allowed_models"] = body.allowed_models
    limits = _limits(body)
    if body.temp_budget_expiry is None:
        limits.pop("temp_budget_expiry", None)
    if limits:
        values["budget_id"] = await _own_budget(call, team, member, limits)
    call.change("user", member["user_id"])
    where = {"team_id": team["team_id"], "user_id": member["user_id"]}
    await call.update(TEAM_MEMBERS, where, **values)
    return {**_said(body), "user_id": member["user_id"]}


async def reset_spend(call: Call) -> Row:
    """Set what a member has spent in a team, downwards only, and not by himself."""
    team = await found(call, call.params["team_id"])
    ownership.require_team(call, team)
    member = await _member(call, team, call.params["user_id"], None)
    if member["user_id"] == call.caller.user_id and not call.admin:
        raise PermissionDenied("what you have spent is for somebody else to say: ask another administrator")
    wanted = stored("spend", call.body(Reset).reset_to)
    if not 0 <= wanted <= member["spend"]:
        raise Unacceptable("reset_to is from 0 to what was spent", param="reset_to")
    call.change("user", member["user_id"])
    where = {"team_id": team["team_id"], "user_id": member["user_id"]}
    await call.update(TEAM_MEMBERS, where, spend=wanted)
    budget = await call.one(BUDGETS, budget_id=member["budget_id"])
    most = None if budget is None else budget["max_budget"]
    return {
        **where,
        "spend": to_dollars(wanted),
        "previous_spend": to_dollars(member["spend"]),
        "max_budget": None if most is None else to_dollars(most),
    }


def _said(body: Struct) -> Row:
    members = ((name, getattr(body, name)) for name in body.__struct_fields__)
    return {name: None if value is UNSET else value for name, value in members}


async def _own_budget(call: Call, team: Row, member: Row, limits: Row) -> str:
    """Change the budget that is the member's alone; the one that all members share is left to them."""
    shared = (team["metadata"] or {}).get("team_member_budget_id")
    if member["budget_id"] is not None and member["budget_id"] != shared:
        await budgets.change(call, member["budget_id"], limits)
        return str(member["budget_id"])
    return str((await budgets.make(call, limits))["budget_id"])


async def delete(call: Call) -> Row:
    """Take a member out of a team, with the keys that he has there."""
    body = call.body(Departure)
    team = await found(call, body.team_id)
    ownership.require_team(call, team)
    member = await _member(call, team, body.user_id, body.user_email)
    await expel(call, team, member["user_id"])
    return await told_team(call, team)


async def expel(call: Call, team: Row, user_id: str) -> None:
    """Take somebody out of a team, with the keys that he has there."""
    for key in await call.all(sa.select(KEYS).where(KEYS.c.team_id == team["team_id"], KEYS.c.user_id == user_id)):
        await keys.remove(call, key)
    call.change("user", user_id)
    gone = sa.and_(TEAM_MEMBERS.c.team_id == team["team_id"], TEAM_MEMBERS.c.user_id == user_id)
    await call.execute(sa.delete(TEAM_MEMBERS).where(gone))
