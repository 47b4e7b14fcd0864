"""What rules want to know of the database."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from tianji.alerts.alert import Alert
from tianji.alerts.rules.budgets import Holder
from tianji.alerts.rules.events import event
from tianji.alerts.rules.people import Days
from tianji.alerts.rules.reports import TOP, Spend
from tianji.auth.durations import length
from tianji.errors import Unacceptable
from tianji.storage.tables import (
    BUDGETS,
    CUSTOMERS,
    DAILY,
    DELETED_KEYS,
    KEYS,
    MODELS,
    ORGANIZATION_MEMBERS,
    ORGANIZATIONS,
    PROJECTS,
    TAGS,
    TEAM_MEMBERS,
    TEAMS,
    USERS,
)

AT_ONCE: Final = 500  # rows of one question
Addresses = Mapping[str, tuple[str, ...]]


class _Kind(Struct, frozen=True):
    table: sa.Table
    id: str
    name: str  # the column that people know it by
    of: Mapping[str, str] = {}  # members of events, and their columns
    within: str = ""  # the column of what somebody is a member of; ids are pairs then, that first


_KINDS: Final = {
    "key": _Kind(KEYS, "token", "key_alias", {"key_alias": "key_alias", "user_id": "user_id", "team_id": "team_id"}),
    "team": _Kind(TEAMS, "team_id", "team_alias", {"team_alias": "team_alias", "organization_id": "organization_id"}),
    "user": _Kind(USERS, "user_id", "user_email", {"user_email": "user_email"}),
    "organization": _Kind(ORGANIZATIONS, "organization_id", "organization_alias"),
    "customer": _Kind(CUSTOMERS, "user_id", "alias"),
    "tag": _Kind(TAGS, "name", "name"),
    "project": _Kind(PROJECTS, "project_id", "project_alias", {"team_id": "team_id"}),
    "team_member": _Kind(
        TEAM_MEMBERS, "user_id", "user_id", {"team_id": "team_id", "user_id": "user_id"}, within="team_id"
    ),
    "organization_member": _Kind(
        ORGANIZATION_MEMBERS,
        "user_id",
        "user_id",
        {"organization_id": "organization_id", "user_id": "user_id"},
        within="organization_id",
    ),
}
KINDS: Final = tuple(_KINDS)
_EVENTS: Final = (  # kind of alert, table, its id, when that happened
    ("new_virtual_key_created", KEYS, "token", "created_at"),
    ("virtual_key_updated", KEYS, "token", "settings_updated_at"),
    ("virtual_key_updated", KEYS, "token", "last_rotation_at"),
    ("virtual_key_deleted", DELETED_KEYS, "token", "deleted_at"),
    ("new_team_created", TEAMS, "team_id", "created_at"),
    ("team_updated", TEAMS, "team_id", "updated_at"),
    ("new_internal_user_created", USERS, "user_id", "created_at"),
    ("internal_user_updated", USERS, "user_id", "updated_at"),
    ("new_model_added", MODELS, "model_id", "created_at"),
)
_GONE: Final = (
    ("team_deleted", TEAMS, "team_id", "team_alias"),
    ("internal_user_deleted", USERS, "user_id", "user_email"),
)
EVENTS: Final = frozenset(kind for kind, *_ in (*_EVENTS, *_GONE))
_SECRETS: Final = frozenset({"password", "litellm_params", "row"})


Id = str | tuple[str, str]
"""Of a holder; of a member what it belongs to, and its own."""


async def holders(connection: AsyncConnection, touched: Mapping[str, Iterable[Id]]) -> list[Holder]:
    """Return those of the ids, by kind, who have a budget of money."""
    found: list[Holder] = []
    for kind, ids in touched.items():
        one, wanted = _KINDS[kind], list(ids)
        for start in range(0, len(wanted), AT_ONCE):
            rows = await _with_budgets(connection, one, wanted[start : start + AT_ONCE])
            people = await _people(connection, kind, rows)
            found += [_holder(kind, one, row, people.get(row[one.id], ())) for row in rows]
    return found


async def proxy(connection: AsyncConnection, most: int, duration: str | None, now: float) -> Holder:
    """Return who spends for all. `most`: nano-dollars of a period, which is counted in whole days that end now."""
    period = _seconds(duration)
    sums = sa.select(sa.func.sum(DAILY.c.spend)).where(DAILY.c.kind == "all", DAILY.c.entity == "")
    if period is not None:
        sums = sums.where(DAILY.c.day >= datetime.fromtimestamp(now - period, UTC).date().isoformat())
    spent = int((await connection.execute(sums)).scalar() or 0)
    return Holder(kind="proxy", id="proxy", name="of all", spend=spent, most=most)


async def _with_budgets(connection: AsyncConnection, kind: _Kind, ids: list[Id]) -> list[Mapping[str, Any]]:
    table, source = kind.table, kind.table.outerjoin(BUDGETS, sa.false())
    if "budget_id" in table.c:
        source = table.outerjoin(BUDGETS, BUDGETS.c.budget_id == table.c.budget_id)
    figures = [
        (sa.func.coalesce(table.c[name], BUDGETS.c[name]) if name in table.c else BUDGETS.c[name]).label(f"of_{name}")
        for name in ("max_budget", "soft_budget", "budget_duration", "budget_reset_at")
    ]
    held = sa.or_(*(figure.element.is_not(None) for figure in figures[:2]))
    id: sa.ColumnElement[Any] = table.c[kind.id]  # noqa: A001 - as everywhere
    if kind.within:
        id = sa.tuple_(table.c[kind.within], id)  # noqa: A001
    query = sa.select(table, *figures).select_from(source).where(id.in_(ids), held)
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def _people(connection: AsyncConnection, kind: str, rows: list[Mapping[str, Any]]) -> Addresses:
    """Return the addresses of those whom the budgets of these rows concern, by the ids of the rows."""
    if kind in ("team_member", "organization_member"):
        users = [row["user_id"] for row in rows]
        query = sa.select(USERS.c.user_id, USERS.c.user_email).where(USERS.c.user_id.in_(users))
        return {user: (mail,) for user, mail in await connection.execute(query) if mail}
    if kind == "user":
        return {row["user_id"]: (row["user_email"],) for row in rows if row["user_email"]}
    if kind == "team":
        query = (
            sa.select(TEAM_MEMBERS.c.team_id, USERS.c.user_email)
            .join(USERS, USERS.c.user_id == TEAM_MEMBERS.c.user_id)
            .where(TEAM_MEMBERS.c.team_id.in_([row["team_id"] for row in rows]), USERS.c.user_email.is_not(None))
        )
        members: dict[str, tuple[str, ...]] = {}
        for team, mail in await connection.execute(query):
            members[team] = (*members.get(team, ()), mail)
        return members
    if kind != "key":
        return {}
    owners = {row["user_id"]: row["token"] for row in rows if row["user_id"]}
    query = sa.select(USERS.c.user_id, USERS.c.user_email).where(USERS.c.user_id.in_(list(owners)))
    mails = {user: mail for user, mail in await connection.execute(query) if mail}
    return {row["token"]: (mails[row["user_id"]],) for row in rows if row["user_id"] in mails}


def _holder(kind: str, one: _Kind, row: Mapping[str, Any], people: tuple[str, ...]) -> Holder:
    said = _table(row.get("metadata"))
    percents = {
        float(percent): mails
        for percent, written in _table(said.get("max_budget_alert_emails")).items()
        if percent.replace(".", "", 1).isdigit() and (mails := _mails(written))
    }
    resets = row["of_budget_reset_at"]
    return Holder(
        kind=kind,
        id=f"{row[one.within]}:{row[one.id]}" if one.within else row[one.id],
        name=f"{row[one.name]} of {row[one.within]}" if one.within else row[one.name] or row[one.id],
        spend=row["spend"],
        most=row["of_max_budget"],
        soft=row["of_soft_budget"],
        resets=None if resets is None else resets.timestamp(),
        period=_seconds(row["of_budget_duration"]),
        of={member: row[column] for member, column in one.of.items()},
        percents=percents,
        people=people,
        softly=_mails(said.get("soft_budget_alerting_emails")),
    )


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _mails(value: object) -> tuple[str, ...]:
    found = value if isinstance(value, list | tuple) else [value]
    return tuple(one for one in found if isinstance(one, str) and "@" in one)


def _seconds(duration: str | None) -> float | None:
    try:
        return None if duration is None else length(duration, "budget_duration").total_seconds()
    except Unacceptable:
        return None


async def spend(connection: AsyncConnection, since: str, until: str) -> Spend:
    """Return what was spent on the days, in UTC, from one up to, and without, another one."""
    spent = sa.func.sum(DAILY.c.spend)
    here = (DAILY.c.day >= since, DAILY.c.day < until)

    async def top(kind: str, column: sa.Column[str]) -> list[tuple[str, int]]:
        query = sa.select(column, spent).where(DAILY.c.kind == kind, *here).group_by(column).order_by(spent.desc())
        return [(row[0], int(row[1])) for row in await connection.execute(query.limit(TOP)) if row[1]]

    sums = (sa.func.sum(DAILY.c[name]) for name in ("spend", "requests", "failures", "milliseconds"))
    whole = (await connection.execute(sa.select(*sums).where(DAILY.c.kind == "all", *here))).one()
    names = {
        table: {row[0]: row[1] for row in await connection.execute(sa.select(id, name).where(name.is_not(None)))}
        for table, id, name in (  # noqa: A001 - as everywhere
            ("keys", KEYS.c.token, KEYS.c.key_alias),
            ("teams", TEAMS.c.team_id, TEAMS.c.team_alias),
        )
    }
    teams = [(names["teams"].get(team, team), sum) for team, sum in await top("team", DAILY.c.entity)]  # noqa: A001
    keys = [(names["keys"].get(key, key[:16]), sum) for key, sum in await top("all", DAILY.c.key)]  # noqa: A001
    total, requests, failures, milliseconds = (int(figure or 0) for figure in whole)
    tags, models = await top("tag", DAILY.c.entity), await top("all", DAILY.c.model_group)
    return Spend(total, requests, failures, milliseconds, teams, tags, keys, models)


async def users(connection: AsyncConnection, since: str) -> dict[str, Days]:
    """Return what users spent on each day from one on."""
    spent = sa.func.sum(DAILY.c.spend)
    query = sa.select(DAILY.c.entity, DAILY.c.day, spent).where(DAILY.c.kind == "user", DAILY.c.day >= since)
    found: dict[str, dict[str, int]] = {}
    for user, day, sum in await connection.execute(query.group_by(DAILY.c.entity, DAILY.c.day)):  # noqa: A001
        found.setdefault(user, {})[day] = int(sum)
    return dict(found)


async def events(connection: AsyncConnection, kinds: frozenset[str], since: float) -> list[Alert]:
    """Return what was made, changed or deleted since a moment, of these kinds of alerts."""
    moment = datetime.fromtimestamp(since, UTC)
    found: list[Alert] = []
    for kind, table, id, column in _EVENTS:  # noqa: A001 - as everywhere
        if kind not in kinds:
            continue
        at = table.c[column]
        changed = at > table.c.created_at if column == "updated_at" else sa.true()
        shown = [one for one in table.c if one.name not in _SECRETS]
        query = sa.select(*shown).where(at > moment, changed).order_by(at).limit(AT_ONCE)
        found += [
            event(kind, row[id], dict(row), row[column].isoformat(), rotated=column == "last_rotation_at")
            for row in (await connection.execute(query)).mappings()
        ]
    return found


async def present(connection: AsyncConnection, kinds: frozenset[str]) -> dict[str, dict[str, str]]:
    """Return the teams and users that there are, by the kind of alert that tells when one is not any more."""
    return {
        kind: {row[0]: row[1] or row[0] for row in await connection.execute(sa.select(table.c[id], table.c[name]))}
        for kind, table, id, name in _GONE  # noqa: A001 - as everywhere
        if kind in kinds
    }


def gone(before: Mapping[str, Mapping[str, str]], after: Mapping[str, Mapping[str, str]]) -> list[Alert]:
    """Return what there is to tell of those that were there before."""
    names = {kind: name for kind, _, _, name in _GONE}
    return [
        event(kind, id, {names[kind]: rows[id]}, "gone")
        for kind, rows in before.items()
        for id in rows.keys() - after.get(kind, rows).keys()  # noqa: A001 - as everywhere
    ]
