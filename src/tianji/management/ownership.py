"""Whose object it is: who may read and who may change a key, a team, a user.

Nothing here asks for a route's access column; that was judged before. What is not the caller's is refused with 403.
"""

from collections.abc import Mapping
from typing import Any, Final

from tianji.auth.identity import Role
from tianji.errors import PermissionDenied
from tianji.management.desk import Call, Row
from tianji.storage.tables import TEAMS

_ADMIN: Final = "admin"


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
    return team["team_id"] in call.caller.teams and permission in (team["team_member_permissions"] or ())


def owns(call: Call, user_id: str | None) -> bool:
    """Whether `user_id` is the caller himself; a key without an owner owns nothing."""
    return user_id is not None and user_id == call.caller.user_id


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
