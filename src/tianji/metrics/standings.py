"""What the database says now: who may spend how much and has spent how much, and how many there are."""

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from tianji.auth.standing import ACTIVE
from tianji.metrics.facts import Names
from tianji.money import to_dollars
from tianji.storage.tables import BUDGETS, CUSTOMERS, KEYS, ORGANIZATIONS, PROJECTS, TEAM_MEMBERS, TEAMS, USERS

MOST: Final = 10_000  # rows of a table that are read
_HOUR: Final = 3600.0
_OF_MODELS: Final = {"requests": "model_rpm_limit", "tokens": "model_tpm_limit"}


class Kind(Struct, frozen=True):
    """Whose budgets: the table, its id, other columns that are labels, and what families call them."""

    whose: str
    table: sa.Table
    id: str
    labels: Mapping[str, str]  # label: column


KINDS: Final = (
    Kind("api_key", KEYS, "token", {"hashed_api_key": "token", "api_key_alias": "key_alias"}),
    Kind("team", TEAMS, "team_id", {"team": "team_id", "team_alias": "team_alias"}),
    Kind("org", ORGANIZATIONS, "organization_id", {"org_id": "organization_id", "org_alias": "organization_alias"}),
    Kind("user", USERS, "user_id", {"user": "user_id", "user_email": "user_email", "user_alias": "user_alias"}),
    Kind("customer", CUSTOMERS, "user_id", {"end_user": "user_id"}),
)


class Standing(Struct, frozen=True):
    """One holder of a budget or of limits: his labels, and what the database says."""

    id: str
    labels: Mapping[str, str]
    spend: int
    most: int | None
    resets: float | None  # seconds since 1970
    requests: int | None
    tokens: int | None
    models: Mapping[str, Mapping[str, int]]  # limits of `requests` and `tokens` by model

    def budget(self, now: float) -> Iterable[tuple[str, float]]:
        """Yield the families of budgets that he has a number in, with it."""
        if self.most is None:
            yield "litellm_remaining_{}_budget_metric", math.inf
            return
        yield "litellm_remaining_{}_budget_metric", to_dollars(self.most - self.spend)
        yield "litellm_{}_max_budget_metric", to_dollars(self.most)
        if self.resets is not None:
            yield "litellm_{}_budget_remaining_hours_metric", max(0.0, self.resets - now) / _HOUR


async def standings(connection: AsyncConnection, kind: Kind, ids: Iterable[str], *, everybody: bool) -> list[Standing]:
    """Return those among `ids` that are known, and everybody else who has a budget where that is wanted."""
    table = kind.table
    source: sa.FromClause = table
    columns: dict[str, sa.ColumnElement[Any]] = {}
    for name in ("max_budget", "budget_reset_at", "rpm_limit", "tpm_limit"):
        own = [table.c[name]] if name in table.c else []
        above = [BUDGETS.c[name]] if "budget_id" in table.c else []
        columns[name] = (
            sa.func.coalesce(*own, *above, sa.null()).label(name) if len(own + above) > 1 else (own + above)[0]
        )
    if "budget_id" in table.c:
        source = table.outerjoin(BUDGETS, BUDGETS.c.budget_id == table.c.budget_id)
    held = columns["max_budget"].is_not(None)
    wanted = table.c[kind.id].in_(list(ids)[:MOST])
    said = [table.c.metadata] if table is KEYS else []
    named = [table.c[column].label(label) for label, column in kind.labels.items()]
    chosen = (column.label(name) for name, column in columns.items())
    query = sa.select(table.c[kind.id].label("id"), table.c.spend, *said, *named, *chosen).select_from(source)
    rows = (await connection.execute(query.where(wanted | held if everybody else wanted).limit(MOST))).mappings()
    return [
        Standing(
            id=row["id"],
            labels={label: row[label] or "" for label in kind.labels},
            spend=row["spend"],
            most=row["max_budget"],
            resets=_seconds(row["budget_reset_at"]),
            requests=row["rpm_limit"],
            tokens=row["tpm_limit"],
            models=_by_model(row.get("metadata")),
        )
        for row in rows
    ]


async def projects(connection: AsyncConnection, keys: Iterable[str]) -> list[tuple[Standing, bool]]:
    """Return the projects that have limits of single models, each with whether one of `keys` belongs to it."""
    metadata = PROJECTS.c.metadata
    limited = [metadata[name].as_string().is_not(None) for name in _OF_MODELS.values()]
    query = sa.select(PROJECTS.c.project_id, PROJECTS.c.project_alias, metadata).where(sa.or_(*limited)).limit(MOST)
    rows = (await connection.execute(query)).all()
    wanted = KEYS.c.token.in_(list(keys)[:MOST]) & KEYS.c.project_id.is_not(None)
    busy = set((await connection.execute(sa.select(KEYS.c.project_id).where(wanted).distinct())).scalars())
    return [
        (
            Standing(
                id=row[0],
                labels={"project_id": row[0], "project_alias": row[1] or ""},
                spend=0,
                most=None,
                resets=None,
                requests=None,
                tokens=None,
                models=_by_model(row[2]),
            ),
            row[0] in busy,
        )
        for row in rows
    ]


def _by_model(metadata: Any) -> Mapping[str, Mapping[str, int]]:
    said = metadata if isinstance(metadata, Mapping) else {}
    found = {kind: said.get(name) for kind, name in _OF_MODELS.items()}
    return {
        kind: {model: limit for model, limit in limits.items() if isinstance(limit, int)}
        for kind, limits in found.items()
        if isinstance(limits, Mapping)
    }


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


async def names(connection: AsyncConnection, ways: Mapping[str, tuple[str, ...]], keys: Iterable[str]) -> Names:
    """Return what everybody is called. `ways`: labels, and where in the metadata of `keys` their values are."""
    found = [
        {row[0]: row[1] for row in await connection.execute(sa.select(id, name).where(name.is_not(None)).limit(MOST))}
        for id, name in (  # noqa: A001 - as everywhere
            (TEAMS.c.team_id, TEAMS.c.team_alias),
            (ORGANIZATIONS.c.organization_id, ORGANIZATIONS.c.organization_alias),
            (USERS.c.user_id, USERS.c.user_email),
        )
    ]
    metadata: dict[str, Mapping[str, str]] = {}
    if ways:
        query = sa.select(KEYS.c.token, KEYS.c.metadata).where(KEYS.c.token.in_(list(keys)[:MOST]))
        for token, document in await connection.execute(query):
            metadata[token] = {label: _text(document, way) for label, way in ways.items()}
    return Names(teams=found[0], organizations=found[1], emails=found[2], keys=metadata)


def _text(document: Any, way: tuple[str, ...]) -> str:
    for step in way:
        document = document.get(step) if isinstance(document, Mapping) else None
    return document if isinstance(document, str) else ""


async def counts(connection: AsyncConnection) -> dict[str, int]:
    """Return how many users and teams there are."""
    away = sa.select(sa.func.count()).select_from(USERS).where(USERS.c.metadata[ACTIVE].as_boolean().is_(False))
    found = {
        name: (await connection.execute(query)).scalar() or 0
        for name, query in (
            ("litellm_total_users", sa.select(sa.func.count()).select_from(USERS)),
            ("litellm_teams_count", sa.select(sa.func.count()).select_from(TEAMS)),
            ("litellm_active_users", away),
        )
    }
    found["litellm_active_users"] = found["litellm_total_users"] - found["litellm_active_users"]
    return found


async def members(connection: AsyncConnection) -> dict[str, int]:
    """Return how many members each team has."""
    query = sa.select(TEAM_MEMBERS.c.team_id, sa.func.count()).group_by(TEAM_MEMBERS.c.team_id).limit(MOST)
    return {row[0]: row[1] for row in await connection.execute(query)}
