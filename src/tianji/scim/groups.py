"""Groups, which are teams here: who is in them, and who is an administrator by being in one."""

from typing import Any, Final

import sqlalchemy as sa

from tianji.auth.identity import MASTER, Role
from tianji.errors import Conflict, ObjectNotFound, Unacceptable
from tianji.management.desk import Call, Row
from tianji.management.keys import fields as key_fields
from tianji.management.people import membership, promotion, team_members, teams, users
from tianji.scim import resources
from tianji.scim.filters import Condition
from tianji.scim.listing import Patch, Wish, found_page
from tianji.scim.patching import Resource, patched
from tianji.storage.tables import TEAM_MEMBERS, TEAMS, USERS

_RAISED: Final = "scim_admin"  # in the metadata of a user: he is an administrator by a group alone


async def listed(call: Call, base: str) -> Resource:
    """List groups, or those that a filter means, the newest first."""
    wish = call.questions(Wish)
    order = (TEAMS.c.created_at.desc(), TEAMS.c.team_id)
    return await found_page(
        call, sa.select(TEAMS).order_by(*order), wish, _condition, lambda row: told(call, row, base)
    )


def _condition(one: Condition) -> "sa.ColumnElement[bool]":
    value = one.value
    if isinstance(value, str):
        if one.name == "displayname":
            return sa.or_(TEAMS.c.team_alias == value, sa.and_(TEAMS.c.team_alias.is_(None), TEAMS.c.team_id == value))
        if one.name == "id":
            return TEAMS.c.team_id == value
        if one.name in ("members", "members.value"):
            return TEAMS.c.team_id.in_(sa.select(TEAM_MEMBERS.c.team_id).where(TEAM_MEMBERS.c.user_id == value))
    raise Unacceptable(f"groups are not found by {one.name[:80]}", param="filter", code="invalidFilter")


async def info(call: Call, base: str) -> Resource:
    """Describe a group."""
    return await told(call, await _found(call), base)


async def new(call: Call, base: str) -> Resource:
    """Put a group here: a team that nobody administers, but who administers all."""
    resource = call.body(dict[str, Any])
    name = resources.text(resource, "displayName")
    if name is None:
        raise Unacceptable("displayName is required", param="displayName", code="invalidValue")
    outside = resources.text(resource, "externalId")
    team_id = resources.text(resource, "id") or outside or key_fields.make_id()
    if await call.one(TEAMS, team_id=team_id) is not None:
        raise Conflict(f"there is a group {team_id[:80]!r} already", param="id", code="uniqueness")
    row = await teams.make(call, {"team_id": team_id, "team_alias": name})
    return await told(call, await _apply(call, row, resource), base)


async def replace(call: Call, base: str) -> Resource:
    """Change a group to what is said; what is not said stays."""
    return await told(call, await _apply(call, await _found(call), call.body(dict[str, Any])), base)


async def patch(call: Call, base: str) -> Resource:
    """Change a group by operations."""
    row = await _found(call)
    before = await told(call, row, base)
    after = patched(before, call.body(Patch).Operations)
    gone: Resource = {"members": []} if "members" not in after else {}
    return await told(call, await _apply(call, row, {**after, **gone}), base)


async def delete(call: Call, _base: str) -> None:
    """Take a group away: the team, with its keys."""
    row = await _found(call)
    members = await membership.members_of_team(call, row["team_id"])
    await teams.remove(call, row)
    for member in members:
        await _set_role(call, member["user_id"])


async def told(call: Call, row: Row, base: str) -> Resource:
    """Return a group's resource."""
    return resources.told_group(row, await membership.members_of_team(call, row["team_id"]), base)


async def admit(call: Call, team: Row, user_id: str) -> None:
    """Have a user in a team, and be what its members are."""
    await membership.join_team(call, team, user_id, "user", {})
    await _set_role(call, user_id)


async def expel(call: Call, team: Row, user_id: str) -> None:
    """Take a user out of a team, with the keys that he has there."""
    await team_members.expel(call, team, user_id)
    await _set_role(call, user_id)


async def _found(call: Call) -> Row:
    row = await call.one(TEAMS, team_id=call.params["group_id"])
    if row is None:
        raise ObjectNotFound("there is no such group")
    return row


async def _apply(call: Call, row: Row, resource: Resource) -> Row:
    """Make a team what its resource says, and return its row."""
    name = resources.text(resource, "displayName") or row["team_alias"]
    metadata = dict(row["metadata"] or {})
    outside = resources.text(resource, "externalId")
    if "externalId" in resource:
        metadata["scim_data"] = {"externalId": outside} if outside else {}
    metadata |= {"scim_managed": True, "scim_name": name}
    call.change("team", row["team_id"])
    row = await call.update(TEAMS, {"team_id": row["team_id"]}, team_alias=name, metadata=metadata)
    held = {member["user_id"] for member in await membership.members_of_team(call, row["team_id"])}
    wanted = held
    if "members" in resource:
        named = resources.values(resource, "members") or []
        wanted = {await _member(call, one) for one in named if one not in held} | (held & set(named))
    for user_id in sorted(wanted - held):
        await membership.join_team(call, row, user_id, "user", {})
    for user_id in sorted(held - wanted):
        await team_members.expel(call, row, user_id)
    for user_id in sorted(held | wanted):
        await _set_role(call, user_id)
    return row


async def _member(call: Call, name: str) -> str:
    """Return the id of a user: by his id, by what the provider calls him, or by his e-mail; made if need be."""
    row = await call.one(USERS, user_id=name) or await call.one(USERS, sso_user_id=name)
    if row is None:
        same = await call.all(sa.select(USERS).where(USERS.c.user_email == name.lower()).limit(2))
        if len(same) > 1:
            raise Unacceptable(f"there are several users {name[:80]!r}", param="members", code="invalidValue")
        row = same[0] if same else None
    if row is None and (name == MASTER.user_id or not call.config.litellm_settings.scim_upsert_user):
        raise Unacceptable(f"there is no user {name[:80]!r}", param="members", code="invalidValue")
    if row is None:
        mail = {"user_email": name.lower()} if resources.is_mail(name) else {}
        row = await users.make(call, {"user_id": name, "user_role": None, **mail})
    return str(row["user_id"])


async def _set_role(call: Call, user_id: str) -> None:
    """Make a proxy admin of who is in `scim_admin_group`, and a plain user of who was one by that alone.

    A group is known by its id, or by the name that it was given here, and by none that its own administrators gave it.
    """
    wanted = call.config.litellm_settings.scim_admin_group
    row = None if wanted is None else await call.one(USERS, user_id=user_id)
    if row is None:
        return
    held = await membership.teams_of_user(call, user_id)
    inside = any(wanted in (team["team_id"], (team["metadata"] or {}).get("scim_name")) for team in held)
    metadata = dict(row["metadata"] or {})
    if inside and row["user_role"] != Role.PROXY_ADMIN:
        await promotion.prepare(call, row, Role.PROXY_ADMIN)
        await _give_role(call, user_id, Role.PROXY_ADMIN.value, {**metadata, _RAISED: True})
    elif not inside and metadata.pop(_RAISED, False):
        usual = call.config.litellm_settings.default_internal_user_params.user_role or Role.INTERNAL_USER.value
        await _give_role(call, user_id, usual, metadata)


async def _give_role(call: Call, user_id: str, role: str, metadata: Row) -> None:
    call.change("user", user_id)
    await call.update(USERS, {"user_id": user_id}, user_role=role, metadata=metadata)
