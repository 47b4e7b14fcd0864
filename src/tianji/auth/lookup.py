"""Reads what is stored of a key and of those above it. Loads SQLAlchemy."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tianji.auth.compiled import Record, Row
from tianji.storage.engine import Database
from tianji.storage.tables import (
    BUDGETS,
    DEPRECATED_KEYS,
    KEYS,
    ORGANIZATION_MEMBERS,
    ORGANIZATIONS,
    PROJECTS,
    TEAM_MEMBERS,
    TEAMS,
    USERS,
)


async def look_up(database: Database, digest: str, now: datetime) -> Record | None:
    """Return what is stored of the key with this SHA-256, None for one that nobody has. Raises StoreUnavailable."""
    async with database.reading() as connection:
        until: datetime | None = None
        key = await one(connection, KEYS, token=digest)
        if key is None:
            replaced = await one(connection, DEPRECATED_KEYS, token=digest)
            if replaced is None or replaced["revoke_at"] <= now:
                return None
            until = replaced["revoke_at"]
            key = await one(connection, KEYS, token=replaced["active_token"])
            if key is None:
                return None
        return await record(connection, key, until)


async def record(connection: AsyncConnection, key: Row, until: datetime | None = None) -> Record:
    """Return what is stored of whoever stands above the row of a key."""
    user_id, team_id = key["user_id"], key["team_id"]
    team = await one(connection, TEAMS, team_id=team_id)
    member = await one(connection, TEAM_MEMBERS, team_id=team_id, user_id=user_id)
    organization_id = key["organization_id"] or (team and team["organization_id"])
    organization = await one(connection, ORGANIZATIONS, organization_id=organization_id)
    project = await one(connection, PROJECTS, project_id=key["project_id"])
    return Record(
        key=key,
        key_budget=await one(connection, BUDGETS, budget_id=key["budget_id"]),
        user=await one(connection, USERS, user_id=user_id),
        team=team,
        member=member,
        member_budget=await one(connection, BUDGETS, budget_id=member and member["budget_id"]),
        organization=organization,
        organization_budget=await one(connection, BUDGETS, budget_id=organization and organization["budget_id"]),
        project=project,
        project_budget=await one(connection, BUDGETS, budget_id=project and project["budget_id"]),
        teams=await _roles(connection, TEAM_MEMBERS.c.team_id, TEAM_MEMBERS.c.role, user_id),
        organizations=await _roles(
            connection, ORGANIZATION_MEMBERS.c.organization_id, ORGANIZATION_MEMBERS.c.user_role, user_id
        ),
        until=until,
    )


async def one(connection: AsyncConnection, table: sa.Table, **where: Any) -> Row | None:
    """Return the row with these values; None without one, and where a value is None."""
    if None in where.values():
        return None
    found = await connection.execute(sa.select(table).filter_by(**where))
    row = found.mappings().first()
    return None if row is None else dict(row)


async def _roles(
    connection: AsyncConnection, name: "sa.Column[str]", role: "sa.Column[str]", user_id: str | None
) -> dict[str, str]:
    if user_id is None:
        return {}
    rows = await connection.execute(sa.select(name, role).where(name.table.c.user_id == user_id))
    return {found: held or "" for found, held in rows}
