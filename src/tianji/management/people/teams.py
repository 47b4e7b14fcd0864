"""Teams: made, changed, blocked, deleted."""

from typing import Any, Final

import sqlalchemy as sa
from msgspec import UNSET, Struct, UnsetType

from tianji.auth.tags import MODELS
from tianji.errors import PermissionDenied, Unacceptable
from tianji.management import own_word
from tianji.management.desk import Call, Row
from tianji.management.keys import fields as key_fields
from tianji.management.keys import writing as keys
from tianji.management.keys.fields import Count, Limited, Names, Number, Table, Text
from tianji.management.limits import bounds, budgets
from tianji.management.limits.periods import apply_period
from tianji.management.people import membership, ownership
from tianji.management.people.team_reading import PERMISSIONS, found, told_team
from tianji.management.settings import callback_keeping
from tianji.management.wire import sent, stored
from tianji.storage.tables import BUDGETS, KEYS, ORGANIZATIONS, PROJECTS, TEAM_MEMBERS, TEAMS
from tianji.storage.tables import MODELS as DEPLOYMENTS

# what widens a team: for those above it, not for its own administrators
OF_ABOVE: Final = frozenset(
    {
        "organization_id",
        "models",
        "model_aliases",
        "max_budget",
        "soft_budget",
        "budget_duration",
        "budget_limits",
        "model_max_budget",
        "tpm_limit",
        "rpm_limit",
        "tpd_limit",
        "max_parallel_requests",
        "model_rpm_limit",
        "model_tpm_limit",
        "blocked",
        "policies",
        "access_group_ids",
    }
)
OF_ADMINS: Final = frozenset(
    {
        "spend",
        "allowed_passthrough_routes",
        *key_fields.UNGUARDED,
        "router_settings",
        "object_permission",
        *key_fields.PRIVILEGES,
    }
)
_FOR_MEMBERS: Final = {  # a field of the team: the same in the budget that its members get
    "team_member_budget": "max_budget",
    "team_member_budget_duration": "budget_duration",
    "team_member_rpm_limit": "rpm_limit",
    "team_member_tpm_limit": "tpm_limit",
    "team_member_model_max_budget": "model_max_budget",
}


class TeamFields(Limited, kw_only=True):
    """What may be said of a team."""

    team_id: Text = UNSET
    team_alias: Text = UNSET
    organization_id: Text = UNSET
    model_aliases: dict[str, str] | UnsetType | None = UNSET
    members_with_roles: list[dict[str, Any]] | UnsetType | None = UNSET
    admins: Names = UNSET
    members: Names = UNSET
    router_settings: Table = UNSET
    policies: Names = UNSET
    access_group_ids: Names = UNSET
    team_member_permissions: Names = UNSET
    default_team_member_models: Names = UNSET
    team_member_budget: Number = UNSET
    team_member_budget_duration: Text = UNSET
    team_member_rpm_limit: Count = UNSET
    team_member_tpm_limit: Count = UNSET
    team_member_model_max_budget: Table = UNSET


class One(Struct, kw_only=True):
    """Which team is meant."""

    team_id: str


class Several(Struct, kw_only=True):
    """Which teams are meant."""

    team_ids: list[str]


class Models(Struct, kw_only=True):
    """Models of a team."""

    team_id: str
    models: list[str]


class Granted(Struct, kw_only=True):
    """What members may do."""

    team_id: str
    team_member_permissions: list[str]


class GrantedToMany(Struct, kw_only=True):
    """What members of several teams may do too."""

    team_ids: list[str] | None = None
    permissions: list[str]
    apply_to_all_teams: bool = False


async def new(call: Call) -> Row:
    """Make a team; who makes it administers it."""
    values = sent(call.body(TeamFields))
    people = _people(values)
    row = await make(call, values)
    for one in [{"user_id": call.caller.user_id, "role": "admin"}, *people]:
        await _add(call, row, one)
    return await told_team(call, row)


async def make(call: Call, values: Row) -> Row:
    """Make a team with these fields and the configured ones, and return its row."""
    for name, value in call.config.litellm_settings.default_team_params.items():
        if name in TeamFields.__struct_fields__ and values.get(name) is None and value is not None:
            values[name] = stored(name, value)
    if not ownership.administers_organization(call, values.get("organization_id")):
        raise PermissionDenied("organization_id is required: name one that you administer")
    values["team_id"] = values.get("team_id") or key_fields.make_id()
    if await call.one(TEAMS, team_id=values["team_id"]) is not None:
        raise Unacceptable(f"Team id {values['team_id'][:80]!r} already exists", param="team_id")
    values = await _judged(call, values, None)
    for name, empty in (("blocked", False), ("spend", 0)):
        values[name] = values.get(name) or empty
    row = await call.insert(TEAMS, **values)
    call.change("team", row["team_id"])
    return row


def _people(values: Row) -> list[Row]:
    """Take the members out of what was sent."""
    people: list[Row] = list(values.pop("members_with_roles", None) or [])
    people += [{"user_id": name, "role": "admin"} for name in values.pop("admins", None) or []]
    people += [{"user_id": name, "role": "user"} for name in values.pop("members", None) or []]
    return people


async def _add(call: Call, team: Row, one: Row) -> None:
    """Make somebody a member unless he is one."""
    if one.get("user_id") is None and one.get("user_email") is None:
        return
    user = await membership.user_of(call, one.get("user_id"), one.get("user_email"))
    if await call.one(TEAM_MEMBERS, team_id=team["team_id"], user_id=user["user_id"]) is None:
        await membership.join_team(call, team, user["user_id"], one.get("role") or "user", {})


async def _judged(call: Call, values: Row, before: Row | None) -> Row:
    """Refuse what the team may not become, and turn fields into what is stored."""
    key_fields.unfold(values)
    key_fields.require_allowed(values, OF_ADMINS, admin=call.admin)
    if values.get("organization_id") is not None and (
        await call.one(ORGANIZATIONS, organization_id=values["organization_id"]) is None
    ):
        raise Unacceptable("there is no organization with this organization_id", param="organization_id")
    unknown = set(values.get("team_member_permissions") or ()) - set(PERMISSIONS)
    if unknown:
        raise Unacceptable(f"no such permission: {', '.join(sorted(unknown))[:200]}", param="team_member_permissions")
    key_fields.into_metadata(values, before["metadata"] if before else None)
    await own_word.require_metadata(call, values, before)
    callback_keeping.seal(call, values, before)
    await _apply_member_budget(call, values, before)
    apply_period(call, values)
    after = {**dict.fromkeys(TEAMS.c.keys()), **(before or {}), **values}
    await bounds.require_team_within(call, after)
    return values


async def _apply_member_budget(call: Call, values: Row, before: Row | None) -> None:
    """Keep what members may spend in a budget of their own, whose id the team's metadata names."""
    said = {own: values.pop(name) for name, own in _FOR_MEMBERS.items() if name in values}
    if not said:
        return
    said = {name: stored(name, value) for name, value in said.items()}
    metadata = dict(values.get("metadata") or (before["metadata"] if before else None) or {})
    named = metadata.get("team_member_budget_id")
    if named is not None and await call.one(BUDGETS, budget_id=named) is not None:
        await budgets.change(call, named, said)
    else:
        metadata["team_member_budget_id"] = (await budgets.make(call, said))["budget_id"]
    values["metadata"] = metadata
    if before is not None:
        bare = sa.and_(TEAM_MEMBERS.c.team_id == before["team_id"], TEAM_MEMBERS.c.budget_id.is_(None))
        budget = metadata["team_member_budget_id"]
        await call.execute(sa.update(TEAM_MEMBERS).where(bare).values(budget_id=budget))


async def update(call: Call) -> Row:
    """Change what was sent of a team."""
    values = sent(call.body(TeamFields))
    row = await _change(call, await found(call, values.pop("team_id", None)), values)
    return {"team_id": row["team_id"], "data": await told_team(call, row)}


async def patch(call: Call) -> Row:
    """Change what was sent of a team; null takes away (RFC 7396)."""
    values = sent(call.body(TeamFields))
    values.pop("team_id", None)
    return await told_team(call, await _change(call, await found(call, call.params["team_id"]), values))


async def _change(call: Call, before: Row, values: Row) -> Row:
    ownership.require_team(call, before)
    above = ownership.administers_organization(call, before["organization_id"])
    key_fields.unfold(values)
    key_fields.require_allowed(values, OF_ABOVE | frozenset(_FOR_MEMBERS), admin=above)
    target = values.get("organization_id", before["organization_id"])
    if target != before["organization_id"] and not ownership.administers_organization(call, target):
        raise PermissionDenied("only who administers both organizations may move a team between them")
    _people(values)  # members come and go by routes of their own
    values = await _judged(call, values, before)
    for name, empty in (("blocked", False), ("spend", 0)):
        if name in values:
            values[name] = values[name] or empty
    call.change("team", before["team_id"])
    return await call.update(TEAMS, {"team_id": before["team_id"]}, **values)


async def block(call: Call) -> Row:
    """Refuse the keys of a team."""
    return await _set_blocked(call, blocked=True)


async def unblock(call: Call) -> Row:
    """Let the keys of a team in again."""
    return await _set_blocked(call, blocked=False)


async def _set_blocked(call: Call, *, blocked: bool) -> Row:
    row = await found(call, call.body(One).team_id)
    if not ownership.administers_organization(call, row["organization_id"]):
        raise PermissionDenied("only an administrator above this team may do that")
    call.change("team", row["team_id"])
    return await told_team(call, await call.update(TEAMS, {"team_id": row["team_id"]}, blocked=blocked))


async def delete(call: Call) -> Row:
    """Delete teams with their keys and memberships."""
    rows = [await found(call, name) for name in call.body(Several).team_ids]
    for row in rows:
        if not ownership.administers_organization(call, row["organization_id"]):
            raise PermissionDenied("only an administrator above a team may delete it")
    for row in rows:
        await remove(call, row)
    return {"deleted_teams": [row["team_id"] for row in rows]}


async def remove(call: Call, team: Row) -> None:
    """Delete a team with all that is its own."""
    for key in await call.all(sa.select(KEYS).where(KEYS.c.team_id == team["team_id"])):
        await keys.remove(call, key)
    for member in await membership.members_of_team(call, team["team_id"]):
        call.change("user", member["user_id"])
    call.change("team", team["team_id"])
    await _forget_models(call, team["team_id"])
    for table in (PROJECTS, TEAM_MEMBERS, TEAMS):
        await call.execute(sa.delete(table).where(table.c.team_id == team["team_id"]))


async def _forget_models(call: Call, team_id: str) -> None:
    """Delete the deployments of a team: another team of this id must not find them."""
    for row in await call.all(sa.select(DEPLOYMENTS)):
        if (row["model_info"] or {}).get("team_id") == team_id:
            call.changed.add(MODELS)
            await call.execute(sa.delete(DEPLOYMENTS).where(DEPLOYMENTS.c.model_id == row["model_id"]))


async def add_models(call: Call) -> Row:
    """Let a team use more models."""
    body = call.body(Models)
    row = await found(call, body.team_id)
    return await set_models(call, row, [*(row["models"] or []), *body.models])


async def remove_models(call: Call) -> Row:
    """Take models from a team."""
    body = call.body(Models)
    row = await found(call, body.team_id)
    left = [name for name in row["models"] or [] if name not in body.models]
    if row["models"] and not left:  # an empty list would allow all of them
        left = ["no-default-models"]
    return await set_models(call, row, left)


async def set_models(call: Call, row: Row, models: list[str]) -> Row:
    """Say which models a team may use."""
    values = await _judged(call, {"models": list(dict.fromkeys(models))}, row)
    call.change("team", row["team_id"])
    return await told_team(call, await call.update(TEAMS, {"team_id": row["team_id"]}, **values))


async def grant(call: Call) -> Row:
    """Say what members may do with the keys of their team."""
    body = call.body(Granted)
    row = await found(call, body.team_id)
    ownership.require_team(call, row)
    values = await _judged(call, {"team_member_permissions": body.team_member_permissions}, row)
    call.change("team", row["team_id"])
    return await told_team(call, await call.update(TEAMS, {"team_id": row["team_id"]}, **values))


async def grant_to_many(call: Call) -> Row:
    """Let members of several teams do more."""
    body = call.body(GrantedToMany)
    if body.apply_to_all_teams and not call.admin:
        raise PermissionDenied("only a proxy admin may change all teams")
    rows = (
        await call.all(sa.select(TEAMS))
        if body.apply_to_all_teams
        else [await found(call, name) for name in body.team_ids or ()]
    )
    for row in rows:
        ownership.require_team(call, row)
        both = list(dict.fromkeys([*(row["team_member_permissions"] or []), *body.permissions]))
        values = await _judged(call, {"team_member_permissions": both}, row)
        call.change("team", row["team_id"])
        await call.update(TEAMS, {"team_id": row["team_id"]}, **values)
    return {"teams_updated": len(rows), "permissions_appended": body.permissions}
