"""Whose object it is: who may read and who may change a key, a team, a user.

Nothing here asks for a route's access column; that was judged before. What is not the caller's is refused with 403.
"""

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa

from tianji.auth.identity import MASTER, Role
from tianji.errors import PermissionDenied
from tianji.management.desk import Call, Row
from tianji.storage.tables import ORGANIZATION_MEMBERS, TEAM_MEMBERS, TEAMS, USERS

_ADMIN: Final = "admin"
_BASELINE: Final = ("/key/info", "/key/health")  # what every member may do with the keys of his team
_PLAIN: Final = (Role.INTERNAL_USER, Role.INTERNAL_USER_VIEWER, None)


def administers_team(call: Call, team: Mapping[str, Any] | None) -> bool:
    """Whether the caller administers `team`, or the organization above it."""
    if call.admin:
        return True
    if team is None:
        return False
    return call.caller.teams.get(team["team_id"]) == _ADMIN or administers_organization(call, team["organization_id"])


def administers_organization(call: Call, organization_id: str | None) -> bool:
    """Whether the caller administers the organization."""
    if call.admin:
        return True
    return organization_id is not None and call.caller.organizations.get(organization_id) == Role.ORG_ADMIN


def granted(call: Call, team: Mapping[str, Any], permission: str) -> bool:
    """Whether the caller may do what the path `permission` does for the team's keys."""
    if administers_team(call, team):
        return True
    if team["team_id"] not in call.caller.teams:
        return False
    return permission in _BASELINE or permission in (team["team_member_permissions"] or ())


def owns(call: Call, user_id: str | None) -> bool:
    """Whether `user_id` is the caller himself; a key without an owner owns nothing."""
    return user_id is not None and user_id == call.caller.user_id


def require_ordinary(call: Call, user_id: str | None) -> None:
    """Keep from all but proxy admins the name that the administrator of the environment has when he signs in.

    Whoever had made a user of that name, or a key for him, would be the administrator from then on.
    """
    if not call.admin and user_id in (MASTER.user_id, call.office.environ().get("PROXY_ADMIN_ID") or MASTER.user_id):
        raise PermissionDenied("this user_id is the administrator's; choose another one")


async def require_stand_in(call: Call, user_id: str | None) -> None:
    """Let the caller have a key of somebody else's, which can do what its owner can: only where he can do all that.

    A key of a proxy admin would make him one; one of somebody with other teams would show him those.
    """
    if call.admin or user_id is None or owns(call, user_id):
        return
    require_ordinary(call, user_id)
    user = await call.one(USERS, user_id=user_id)
    teams = sa.select(TEAMS).join(TEAM_MEMBERS, TEAM_MEMBERS.c.team_id == TEAMS.c.team_id)
    held = sa.select(ORGANIZATION_MEMBERS).where(ORGANIZATION_MEMBERS.c.user_id == user_id)
    below = (user is None or user["user_role"] in _PLAIN) and all(
        administers_team(call, team) for team in await call.all(teams.where(TEAM_MEMBERS.c.user_id == user_id))
    )
    for one in await call.all(held):
        name = one["organization_id"]
        plain = one["user_role"] != Role.ORG_ADMIN and name in call.caller.organizations
        below = below and (plain or administers_organization(call, name))
    if not below:
        raise PermissionDenied("the owner may do what you may not, so that you cannot have a key of his")


async def require_key(call: Call, key: Row, permission: str) -> None:
    """Let the caller change `key`: an admin, its owner, who administers its team or organization, or by permission."""
    if call.admin or administers_organization(call, key["organization_id"]):
        return
    team = await call.one(TEAMS, team_id=key["team_id"])
    if team is not None:
        if owns(call, key["user_id"]) and team["team_id"] in call.caller.teams:
            return
        if granted(call, team, permission):
            return
    elif owns(call, key["user_id"]):
        return
    raise PermissionDenied("this key belongs to somebody else; only its owner or an administrator above it may do that")


async def may_read_key(call: Call, key: Row) -> bool:
    """Whether the caller may see `key`: it is the very key that he calls with, or his to change, or his team's."""
    if call.sees_all or key["token"] == call.caller.key or owns(call, key["user_id"]):
        return True
    if administers_organization(call, key["organization_id"]):
        return True
    team = await call.one(TEAMS, team_id=key["team_id"])
    return team is not None and granted(call, team, "/key/info")


def require_team(call: Call, team: Row) -> None:
    """Let the caller change `team`."""
    if not administers_team(call, team):
        raise PermissionDenied("only an administrator of this team or above it may do that")


def may_read_team(call: Call, team: Row) -> bool:
    """Whether the caller may see `team`: a member, or with a key of it."""
    if call.sees_all or call.caller.team_id == team["team_id"]:
        return True
    return team["team_id"] in call.caller.teams or administers_organization(call, team["organization_id"])
