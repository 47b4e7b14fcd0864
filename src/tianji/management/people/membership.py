"""Who belongs to a team or an organization, and how he got there."""

from typing import Any, Final

import sqlalchemy as sa

from tianji.auth.identity import Role
from tianji.errors import ObjectNotFound, Unacceptable
from tianji.management.desk import Call, Row
from tianji.management.keys import fields as key_fields
from tianji.management.limits import budgets
from tianji.management.people import ownership
from tianji.storage.tables import ORGANIZATION_MEMBERS, TEAM_MEMBERS, TEAMS, USERS

TEAM_ROLES: Final = ("admin", "user")


async def user_of(call: Call, user_id: str | None, email: str | None) -> Row:
    """Return the user of an id or an e-mail, made as a plain one when he is not there yet."""
    row = await call.one(USERS, user_id=user_id)
    if row is None and user_id is None and email is not None:
        row = await call.one(USERS, user_email=email.lower())
    if row is not None:
        return row
    if user_id is None and email is None:
        raise Unacceptable("a member is named by user_id or by user_email", param="member")
    ownership.require_ordinary(call, user_id)
    made = user_id or key_fields.make_id()
    call.change("user", made)
    role = Role.INTERNAL_USER.value
    return await call.insert(USERS, user_id=made, user_email=email.lower() if email else None, user_role=role)


async def existing(call: Call, user_id: str | None, email: str | None) -> str:
    """Return the id of a member who is named by either. Raises ObjectNotFound (404)."""
    if user_id is not None:
        return user_id
    row = await call.one(USERS, user_email=None if email is None else email.lower())
    if row is None:
        raise ObjectNotFound("there is no such user", param="user_email")
    return str(row["user_id"])


async def join_team(call: Call, team: Row, user_id: str, role: str, limits: Row, **more: Any) -> Row:
    """Make somebody a member of a team, with limits of his own there or those that the team gives its members."""
    if role not in TEAM_ROLES:
        raise Unacceptable("the role in a team is admin or user", param="role")
    own = {name: value for name, value in limits.items() if value is not None}
    budget_id = (await budgets.make(call, own))["budget_id"] if own else None
    if budget_id is None:
        budget_id = (team["metadata"] or {}).get("team_member_budget_id")
    call.change("user", user_id)
    values = {"role": role, "budget_id": budget_id, "spend": 0, "total_spend": 0, **more}
    if "allowed_models" not in more and team["default_team_member_models"]:
        values["allowed_models"] = team["default_team_member_models"]
    return await call.insert(TEAM_MEMBERS, team_id=team["team_id"], user_id=user_id, **values)


async def join_organization(call: Call, organization_id: str, user_id: str, role: str, **more: Any) -> Row:
    """Make somebody a member of an organization."""
    call.change("user", user_id)
    values = {"user_role": role, "spend": 0, **more}
    return await call.insert(ORGANIZATION_MEMBERS, organization_id=organization_id, user_id=user_id, **values)


async def members_of_team(call: Call, team_id: str) -> list[Row]:
    """Return the members of a team, with their e-mail."""
    joined = sa.select(TEAM_MEMBERS, USERS.c.user_email).join(USERS, USERS.c.user_id == TEAM_MEMBERS.c.user_id)
    order = (TEAM_MEMBERS.c.created_at, TEAM_MEMBERS.c.user_id)
    return await call.all(joined.where(TEAM_MEMBERS.c.team_id == team_id).order_by(*order))


async def teams_of_user(call: Call, user_id: str) -> list[Row]:
    """Return the teams that a user is a member of."""
    joined = sa.select(TEAMS).join(TEAM_MEMBERS, TEAMS.c.team_id == TEAM_MEMBERS.c.team_id)
    return await call.all(joined.where(TEAM_MEMBERS.c.user_id == user_id).order_by(TEAMS.c.team_id))


async def organizations_of_user(call: Call, user_id: str) -> list[Row]:
    """Return a user's memberships in organizations."""
    held = sa.select(ORGANIZATION_MEMBERS).where(ORGANIZATION_MEMBERS.c.user_id == user_id)
    return await call.all(held.order_by(ORGANIZATION_MEMBERS.c.organization_id))
