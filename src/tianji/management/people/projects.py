"""Projects: what keys of one team are for, with models, limits and a budget of their own."""

import sqlalchemy as sa
from msgspec import UNSET, Struct, UnsetType

from tianji.errors import ObjectNotFound, PermissionDenied, SchemaViolation, Unacceptable
from tianji.management.desk import Call, Row
from tianji.management.keys import fields as key_fields
from tianji.management.keys.fields import Flag, Names, Number, Table, Text
from tianji.management.limits import bounds, budgets
from tianji.management.people import ownership
from tianji.management.people.team_reading import found as found_team
from tianji.management.wire import sent, shown
from tianji.storage.tables import KEYS, PROJECTS, TEAMS

RATES = ("model_rpm_limit", "model_tpm_limit", "model_itpm_limit", "model_otpm_limit")
_OF_ADMINS = frozenset({"spend", "budget_id", "object_permission"})
Rates = dict[str, int] | UnsetType | None


class Project(budgets.Budget, kw_only=True):
    """What may be said of a project, and of a budget of its own."""

    project_id: Text = UNSET
    project_alias: Text = UNSET
    description: Text = UNSET
    team_id: Text = UNSET
    models: Names = UNSET
    metadata: Table = UNSET
    blocked: Flag = UNSET
    spend: Number = UNSET
    object_permission: Table = UNSET
    # kept inside `metadata`
    tags: Names = UNSET
    model_rpm_limit: Rates = UNSET
    model_tpm_limit: Rates = UNSET
    model_itpm_limit: Rates = UNSET
    model_otpm_limit: Rates = UNSET


class Several(Struct, kw_only=True):
    """Which projects are meant."""

    project_ids: list[str]


class Asked(Struct, kw_only=True):
    """Which project is asked for."""

    project_id: str


async def new(call: Call) -> Row:
    """Make a project of a team."""
    values = sent(call.body(Project))
    if not values.get("team_id"):
        raise SchemaViolation("Field required", ("body", "team_id"), "missing")
    team = await found_team(call, values["team_id"])
    ownership.require_team(call, team)
    values["project_id"] = values.get("project_id") or key_fields.make_id()
    if await call.one(PROJECTS, project_id=values["project_id"]) is not None:
        raise Unacceptable("this project_id is taken; choose another one, or none", param="project_id")
    await _judged(call, values, None, team)
    values |= {"blocked": bool(values.get("blocked")), "spend": values.get("spend") or 0}
    call.change("project", values["project_id"])
    return await told(call, await call.insert(PROJECTS, **values))


async def update(call: Call) -> Row:
    """Change what was sent of a project."""
    values = sent(call.body(Project))
    before = await _mine(call, values.pop("project_id", None))
    team = await found_team(call, values.get("team_id") or before["team_id"])
    ownership.require_team(call, team)
    if team["team_id"] != before["team_id"] and await call.count(_keys(before)):
        raise Unacceptable("a project that has keys stays with their team; move its keys first", param="team_id")
    values["team_id"] = team["team_id"]
    if before["blocked"] and not values.get("blocked", True) and not call.admin:
        raise PermissionDenied("only a proxy admin may unblock a project")
    await _judged(call, values, before, team)
    for name, empty in (("blocked", False), ("spend", 0)):
        if name in values:
            values[name] = values[name] or empty
    call.change("project", before["project_id"])
    return await told(call, await call.update(PROJECTS, {"project_id": before["project_id"]}, **values))


async def _judged(call: Call, values: Row, before: Row | None, team: Row) -> None:
    """Refuse what the team does not have, and turn fields into what is stored."""
    key_fields.require_allowed(values, _OF_ADMINS, admin=call.admin)
    metadata = {**((before["metadata"] if before else None) or {}), **(values.get("metadata") or {})}
    for name in (*RATES, "tags"):
        if name in values:
            metadata[name] = values.pop(name)
    values["metadata"] = {name: value for name, value in metadata.items() if value is not None}
    asked = dict(values)
    await budgets.attach(call, values, before)
    kept = await bounds.project(call, {**dict.fromkeys(PROJECTS.c.keys()), **(before or {}), **values})
    bounds.require_within(call, {**kept, **asked}, team, "its team", team)


async def delete(call: Call) -> list[Row]:
    """Delete projects that have no keys."""
    rows = [await _found(call, name) for name in call.body(Several).project_ids]
    for row in rows:
        if await call.count(_keys(row)):
            raise Unacceptable("a project with keys is not deleted; delete or move its keys first", param="project_ids")
    for row in rows:
        call.change("project", row["project_id"])
        await call.execute(sa.delete(PROJECTS).where(PROJECTS.c.project_id == row["project_id"]))
    return [await told(call, row) for row in rows]


async def info(call: Call) -> Row:
    """Describe a project."""
    row = await _found(call, call.questions(Asked).project_id)
    team = await call.one(TEAMS, team_id=row["team_id"])
    if not (call.sees_all or (team is not None and ownership.may_read_team(call, team))):
        raise PermissionDenied("this project is another team's; only its members may see it")
    return await told(call, row)


async def listed(call: Call) -> list[Row]:
    """List the projects of teams that the caller may see."""
    rows = await call.all(sa.select(PROJECTS).order_by(PROJECTS.c.created_at, PROJECTS.c.project_id))
    if not call.sees_all:
        teams = {row["team_id"]: row for row in await call.all(sa.select(TEAMS))}
        rows = [row for row in rows if row["team_id"] in teams and ownership.may_read_team(call, teams[row["team_id"]])]
    return [await told(call, row) for row in rows]


async def told(call: Call, row: Row) -> Row:
    """Return a project as programs know it, with its budget."""
    metadata = row["metadata"] or {}
    return {
        **shown(row),
        **{name: metadata.get(name) for name in RATES},
        "object_permission_id": None,
        "litellm_budget_table": await budgets.told(call, row["budget_id"]),
    }


async def _found(call: Call, name: str | None) -> Row:
    row = await call.one(PROJECTS, project_id=name)
    if row is None:
        raise ObjectNotFound("this project does not exist; GET /project/list lists those that do", param="project_id")
    return row


async def _mine(call: Call, name: str | None) -> Row:
    """Return a project that the caller may change."""
    row = await _found(call, name)
    ownership.require_team(call, await found_team(call, row["team_id"]))
    return row


def _keys(row: Row) -> "sa.Select[tuple[str]]":
    return sa.select(KEYS.c.token).where(KEYS.c.project_id == row["project_id"])
