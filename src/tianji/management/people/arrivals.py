"""Whom an identity provider knows, put into the database: his user, his role, his teams."""

import functools
from typing import Any

import sqlalchemy as sa

from tianji.auth.arrivals import Arrival
from tianji.auth.identity import MASTER
from tianji.errors import PermissionDenied
from tianji.management import desk
from tianji.management.desk import Call, Row
from tianji.management.office import Office
from tianji.management.people import membership, promotion, teams, users
from tianji.management.wire import stored
from tianji.storage.tables import TEAM_MEMBERS, TEAMS, USERS


async def greet(office: Office, arrival: Arrival) -> str | None:
    """Put somebody into the database in a transaction of its own, as `welcome` does."""
    found = await desk.perform(office, MASTER, functools.partial(welcome, arrival))
    return found if isinstance(found, str) else None


async def welcome(arrival: Arrival, call: Call) -> str | None:
    """Make or change the user, and have him in his teams. Returns his id here, None where there is no such user."""
    call.act_for(arrival.user_id or arrival.provider_id or arrival.email or "identity provider")
    user = await _user(call, arrival)
    names = [await _team(call, arrival, name) for name in arrival.teams]
    if user is None:
        return None
    held = {team["team_id"] for team in await membership.teams_of_user(call, user["user_id"])}
    for team in names:
        if team is not None and team["team_id"] not in held:
            await membership.join_team(call, team, user["user_id"], "user", {})
    if arrival.leaves_others:
        await _leave(call, user["user_id"], held - set(arrival.teams))
    return str(user["user_id"])


async def found(call: Call, arrival: Arrival) -> Row | None:
    """Return his row: by his id, by what the provider calls him, or by his e-mail, in this order."""
    row = await call.one(USERS, user_id=arrival.user_id)
    for name in (arrival.provider_id, arrival.user_id):
        row = row or await call.one(USERS, sso_user_id=name)
    return row or await call.one(USERS, user_email=arrival.email)


async def _user(call: Call, arrival: Arrival) -> Row | None:
    if arrival.user_id == MASTER.user_id:  # people may choose what their provider calls them
        raise PermissionDenied("this name is the administrator's; no identity provider speaks for him")
    row = await found(call, arrival)
    if row is None:
        return await _make(call, arrival) if arrival.makes_user else None
    changes: dict[str, Any] = {}
    if arrival.role is not None and row["user_role"] != arrival.role:
        changes["user_role"] = arrival.role
    if arrival.name and not row["user_alias"]:
        changes["user_alias"] = arrival.name
    if arrival.provider_id is not None and row["sso_user_id"] is None and row["user_id"] != arrival.provider_id:
        changes["sso_user_id"] = arrival.provider_id
    if arrival.email is not None and row["user_email"] != arrival.email:
        holder = await call.one(USERS, user_email=arrival.email)
        changes |= {} if holder is not None else {"user_email": arrival.email}
    if not changes:
        return row
    await promotion.prepare(call, row, changes.get("user_role"))
    call.change("user", row["user_id"])
    return await call.update(USERS, {"user_id": row["user_id"]}, **changes)


async def _make(call: Call, arrival: Arrival) -> Row:
    defaults = call.config.litellm_settings.default_internal_user_params
    values: dict[str, Any] = {
        "user_id": arrival.user_id,
        "user_email": arrival.email,
        "user_alias": arrival.name,
        "sso_user_id": arrival.provider_id if arrival.provider_id != arrival.user_id else None,
        "user_role": arrival.role or defaults.user_role or arrival.role_when_new,
        "models": list(arrival.models) or None,
        "max_budget": stored("max_budget", arrival.max_budget),
        "budget_duration": arrival.budget_duration,
        "metadata": {"auth_provider": arrival.provider} if arrival.provider else None,
    }
    row = await users.make(call, {name: value for name, value in values.items() if value is not None})
    for team in defaults.teams:
        await users.join(call, team, row["user_id"])
    return row


async def _team(call: Call, arrival: Arrival, name: str) -> Row | None:
    row = await call.one(TEAMS, team_id=name)
    if row is None and arrival.makes_teams:
        row = await teams.make(call, {"team_id": name, "team_alias": name})
    return row


async def _leave(call: Call, user_id: str, names: set[str]) -> None:
    gone = sa.and_(TEAM_MEMBERS.c.user_id == user_id, TEAM_MEMBERS.c.team_id.in_(names))
    if await call.execute(sa.delete(TEAM_MEMBERS).where(gone)):
        call.change("user", user_id)
