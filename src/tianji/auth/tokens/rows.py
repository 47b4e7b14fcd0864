"""What the database knows of a token's bearer: his user, and the team that the request is for."""

from collections.abc import Iterable
from typing import Any, Final

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from tianji.auth.compiled import Row
from tianji.auth.lookup import one
from tianji.auth.tokens.claims import Bearer
from tianji.config.schema.jwt import JwtAuth
from tianji.errors import ObjectNotFound, PermissionDenied
from tianji.storage.tables import ORGANIZATIONS, TEAM_MEMBERS, TEAMS, USERS

_PREFIX: Final = "Authentication Error, "


class Standing(Struct, frozen=True, kw_only=True):
    """What was found. `missing`: the team that the token names and nobody has made."""

    user: Row | None = None
    memberships: frozenset[str] = frozenset()
    team: Row | None = None
    missing: str | None = None
    organization_id: str | None = None


async def user_of(connection: AsyncConnection, user_id: str | None, email: str | None) -> Row | None:
    """Return a user by his id, by what his provider calls him, or by his e-mail, in this order."""
    found = await one(connection, USERS, user_id=user_id) or await one(connection, USERS, sso_user_id=user_id)
    return found or await one(connection, USERS, user_email=email)


async def standing(connection: AsyncConnection, bearer: Bearer, settings: JwtAuth, chosen: str | None) -> Standing:
    """Look a bearer up. `chosen`: the team that the request asks for.

    Raises PermissionDenied (403) for a team that is not his, ObjectNotFound (404) for one that does not exist.
    """
    user = await user_of(connection, bearer.user_id, bearer.email if bearer.email_is_his else None)
    memberships: frozenset[str] = frozenset()
    if user is not None:
        held = sa.select(TEAM_MEMBERS.c.team_id).where(TEAM_MEMBERS.c.user_id == user["user_id"])
        memberships = frozenset((await connection.execute(held)).scalars())
    if bearer.admin:
        return Standing(user=user, memberships=memberships)
    team, missing = await _team(connection, bearer, settings, chosen, memberships)
    if missing is not None and not settings.team_id_upsert:
        raise ObjectNotFound(
            f"{_PREFIX}the token names the team {missing[:80]!r}, which does not exist; make it with POST /team/new, "
            "or set team_id_upsert"
        )
    return Standing(
        user=user,
        memberships=memberships,
        team=team,
        missing=missing,
        organization_id=await _organization(connection, bearer),
    )


async def _team(
    connection: AsyncConnection, bearer: Bearer, settings: JwtAuth, chosen: str | None, memberships: frozenset[str]
) -> tuple[Row | None, str | None]:
    """Return the team, or the name of the one that is missing."""
    strict = not settings.team_claim_fallback
    if chosen is not None and chosen not in bearer.teams:
        raise PermissionDenied(f"{_PREFIX}x-litellm-team-id names a team that the token does not")
    if chosen is not None or (bearer.team_claimed and strict):
        return await _named(connection, chosen or bearer.teams[0])
    found = None if bearer.team_alias is None else await one(connection, TEAMS, team_alias=bearer.team_alias)
    if found is None and bearer.team_alias is not None and strict:
        return None, bearer.team_alias
    found = found or await _first(connection, bearer.teams)
    if found is not None:
        return found, None
    if settings.team_id_default is not None:
        return await _named(connection, settings.team_id_default)
    if settings.fallback_to_db_teams and len(memberships) == 1:
        return await _named(connection, *memberships)
    return None, bearer.teams[0] if bearer.teams else None


async def _named(connection: AsyncConnection, team_id: str) -> tuple[Row | None, str | None]:
    found = await one(connection, TEAMS, team_id=team_id)
    return found, None if found is not None else team_id


async def _first(connection: AsyncConnection, names: Iterable[str]) -> Row | None:
    """Return the first of these teams that exists and is not blocked; a blocked one where all are."""
    last: Row | None = None
    for name in names:
        found = await one(connection, TEAMS, team_id=name)
        if found is not None and not found["blocked"]:
            return found
        last = last or found
    return last


async def _organization(connection: AsyncConnection, bearer: Bearer) -> str | None:
    where: dict[str, Any] = {}
    if bearer.organization_id is not None:
        where = {"organization_id": bearer.organization_id}
    elif bearer.organization_alias is not None:
        where = {"organization_alias": bearer.organization_alias}
    else:
        return None
    found = await one(connection, ORGANIZATIONS, **where)
    if found is None:
        raise ObjectNotFound(f"{_PREFIX}the token names an organization that does not exist")
    return str(found["organization_id"])
