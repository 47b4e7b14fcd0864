"""Keys and everybody above them: budgets, organizations, users, teams, customers, tags.

A row that is here already stays as it is, so that this may be done again. Keys go on working: both of us keep their
SHA-256.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from tianji.money import to_nanos
from tianji.storage.columns import Moment
from tianji.storage.tables import (
    BUDGETS,
    CUSTOMERS,
    DEPRECATED_KEYS,
    KEYS,
    NANOS,
    ORGANIZATION_MEMBERS,
    ORGANIZATIONS,
    PROJECTS,
    TAGS,
    TEAM_MEMBERS,
    TEAMS,
    USERS,
)
from tianji.takeover.inserting import insert_new
from tianji.takeover.report import Part, Report
from tianji.takeover.source import Row, Source, document, moment

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_PERMISSION: Final = "object_permission"
_RATES: Final = ("model_rpm_limit", "model_tpm_limit")  # of a project: ours stand in its metadata
_MEMBER: Final = frozenset({"members_with_roles", "members", "admins", "model_id"})  # of a team: read apart


class Taken(Struct, frozen=True):
    """Which of their tables becomes which of ours. `names`: our column, and theirs where it is called otherwise."""

    table: str
    target: sa.Table
    names: Mapping[str, str] = {}
    apart: frozenset[str] = frozenset()  # columns of theirs that are read elsewhere
    never: frozenset[str] = frozenset()  # columns of ours that theirs of the same name are not taken for


TABLES: Final = (
    Taken("BudgetTable", BUDGETS),
    Taken("OrganizationTable", ORGANIZATIONS),
    Taken("UserTable", USERS, apart=frozenset({"teams"}), never=frozenset({"password", "password_reset_required"})),
    Taken("OrganizationMembership", ORGANIZATION_MEMBERS),
    Taken("TeamTable", TEAMS, apart=_MEMBER),
    Taken("ProjectTable", PROJECTS, apart=frozenset(_RATES)),
    Taken("VerificationToken", KEYS),
    Taken("DeprecatedVerificationToken", DEPRECATED_KEYS, {"active_token": "active_token_id"}, frozenset({"id"})),
    Taken("EndUserTable", CUSTOMERS),
    Taken("TagTable", TAGS, {"name": "tag_name"}),
)


class Takeover:
    """Takes people over, in one transaction of ours."""

    def __init__(self, source: Source, connection: AsyncConnection, report: Report, now: datetime) -> None:
        self._source = source
        self._connection = connection
        self._report = report
        self._now = now
        self._permissions: dict[str, Row] = {}

    async def run(self) -> None:
        """Take all of them. Raises StoreUnavailable."""
        self._permissions = {
            row["object_permission_id"]: {name: value for name, value in row.items() if name != "object_permission_id"}
            for row in await self._source.all("ObjectPermissionTable")
        }
        aliases = {row["id"]: document(row.get("aliases")) for row in await self._source.all("ModelTable")}
        for taken in TABLES:
            if taken.table not in self._source.tables:
                self._report.absent.append(taken.table)
                continue
            rows = await self._source.all(taken.table)
            if taken.target is TEAMS:
                for row in rows:
                    row["model_aliases"] = aliases.get(row.get("model_id"))
            await self._take(taken, rows)
            if taken.target is TEAMS:
                await self._take_members(rows)

    async def _take(self, taken: Taken, rows: list[Row]) -> None:
        part = self._report.part(taken.table)
        part.read += len(rows)
        columns = {
            column.name: theirs
            for column in taken.target.c
            if (theirs := taken.names.get(column.name, column.name)) and column.name not in taken.never
        }
        used = frozenset({*columns.values(), *taken.apart, "object_permission_id"})
        made: list[Row] = []
        for row in rows:
            part.miss(row, used)
            name = row.get(next(columns[column.name] for column in taken.target.primary_key))
            try:
                one = self._made(taken.target, row, columns)
            except ValueError as error:
                part.leave_out(str(error), name)
                continue
            made.append(one)
        await insert_new(self._connection, taken.target, await self._fit(taken.target, made, part), part)

    def _made(self, table: sa.Table, row: Row, columns: Mapping[str, str]) -> Row:
        """Return our row. Raises ValueError for a value that has no place here."""
        made = {ours: _value(table.c[ours], row.get(theirs)) for ours, theirs in columns.items()}
        if _PERMISSION in table.c:
            made[_PERMISSION] = self._permissions.get(row.get("object_permission_id") or "")
        if table is PROJECTS:
            rates = {name: rate for name in _RATES if (rate := document(row.get(name)))}
            made["metadata"] = {**(made["metadata"] or {}), **rates}
        if table is USERS and made["user_email"]:
            made["user_email"] = made["user_email"].lower()  # it is looked for so
        for name in ("created_at", "updated_at"):
            if name in table.c:
                made[name] = made.get(name) or self._now
        return made

    async def _fit(self, table: sa.Table, rows: list[Row], part: Part) -> list[Row]:
        """Return the rows that may be inserted: what others name is there, and what is unique is so."""
        if table is KEYS:
            return await self._with_own_alias(_sound_keys(rows, part), part)
        if table is ORGANIZATION_MEMBERS:
            users, organizations = (
                await self._names(USERS.c.user_id),
                await self._names(ORGANIZATIONS.c.organization_id),
            )
            return _kept(rows, part, lambda row: row["user_id"] in users and row["organization_id"] in organizations)
        if table is DEPRECATED_KEYS:
            keys = await self._names(KEYS.c.token)
            return _kept(rows, part, lambda row: row["active_token"] in keys)
        return rows

    async def _with_own_alias(self, rows: list[Row], part: Part) -> list[Row]:
        """Give keys of one alias several: an alias names one key here."""
        held = {
            alias: token for token, alias in await self._connection.execute(sa.select(KEYS.c.token, KEYS.c.key_alias))
        }
        for row in rows:
            alias = row["key_alias"]
            if alias is not None and held.setdefault(alias, row["token"]) != row["token"]:
                row["key_alias"] = f"{alias}-{row['token'][:8]}"
                held[row["key_alias"]] = row["token"]
                part.change("a key_alias that several keys have", alias)
        return rows

    async def _take_members(self, teams: list[Row]) -> None:
        """Take over who belongs to teams, out of the teams and out of the table of memberships."""
        part = self._report.part("TeamMembership")
        spent = {(row["team_id"], row["user_id"]): row for row in await self._source.all("TeamMembership")}
        part.read += len(spent)
        known = await self._names(TEAMS.c.team_id)
        rows: dict[tuple[str, str], Row] = {}
        for team in teams:
            for user_id, role in _members(team, part):
                rows[team["team_id"], user_id] = {"role": role}
        for place, row in spent.items():
            part.miss(row, frozenset({"user_id", "team_id", "spend", "total_spend", "budget_id", "allowed_models"}))
            if place[0] in known:
                rows.setdefault(place, {"role": "user"})
            else:
                part.leave_out("its team is not there", place)
        await self._make_users([user_id for _, user_id in rows], part)
        columns = {column.name: column.name for column in TEAM_MEMBERS.c if column.name != "role"}
        made = []
        for (team_id, user_id), row in rows.items():
            theirs = {**spent.get((team_id, user_id), {}), "team_id": team_id, "user_id": user_id}
            try:
                made.append({**self._made(TEAM_MEMBERS, theirs, columns), "role": row["role"]})
            except ValueError as error:
                part.leave_out(str(error), (team_id, user_id))
        await insert_new(self._connection, TEAM_MEMBERS, made, part)

    async def _make_users(self, names: Iterable[str], part: Part) -> None:
        known = await self._names(USERS.c.user_id)
        missing = sorted(set(names) - known)
        for name in missing:
            part.change("a member without a row of his own, who was made a user", name)
        base = {column.name: None for column in USERS.c} | {"spend": 0, "password_reset_required": False}
        made = {"created_at": self._now, "updated_at": self._now, "user_role": "internal_user"}
        await insert_new(self._connection, USERS, [{**base, **made, "user_id": name} for name in missing], Part())

    async def _names(self, column: "sa.Column[Any]") -> set[str]:
        return set((await self._connection.execute(sa.select(column))).scalars())


def _value(column: "sa.Column[Any]", value: Any) -> Any:
    """Return a value as our column has it. Raises ValueError for one that it cannot have."""
    if value is None:
        return (
            None
            if column.nullable
            else 0
            if column.name in NANOS or isinstance(column.type, sa.Integer)
            else (False if isinstance(column.type, sa.Boolean) else None)
        )
    if column.name in NANOS:
        try:
            return to_nanos(value)
        except ValueError as error:
            raise ValueError(f"{column.name} is no amount: {error}") from None
    if isinstance(column.type, Moment):
        return moment(value)
    if isinstance(column.type, sa.Text | sa.String):
        return str(value)
    return document(value) if isinstance(column.type, sa.JSON) else value


def _sound_keys(rows: list[Row], part: Part) -> list[Row]:
    """Return the keys that a request can be made with."""
    for row in rows:
        if not _DIGEST.fullmatch(str(row["token"])):
            part.leave_out("its token is no SHA-256", row["key_name"])
    return [row for row in rows if _DIGEST.fullmatch(str(row["token"]))]


def _kept(rows: list[Row], part: Part, fits: Callable[[Row], bool]) -> list[Row]:
    for row in rows:
        if not fits(row):
            part.leave_out("what it names is not there", tuple(row.values())[:2])
    return [row for row in rows if fits(row)]


def _members(team: Row, part: Part) -> Iterable[tuple[str, str]]:
    """Yield who belongs to a team, and his role there."""
    told = document(team.get("members_with_roles")) or []
    found: dict[str, str] = dict.fromkeys(team.get("members") or (), "user")
    found |= dict.fromkeys(team.get("admins") or (), "admin")
    for one in told if isinstance(told, list) else ():
        name = one.get("user_id") if isinstance(one, dict) else None
        if name is None:
            part.leave_out("a member who is named by e-mail only", team["team_id"])
        else:
            found[name] = "admin" if one.get("role") == "admin" else "user"
    yield from found.items()
