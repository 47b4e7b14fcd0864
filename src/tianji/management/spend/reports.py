"""What was spent, out of the sums by day: by key, user, team, model, provider, tag and customer."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import sqlalchemy as sa
from msgspec import Struct

from tianji.management.desk import Call, Row
from tianji.management.keys import fields as key_fields
from tianji.management.spend.logs import day
from tianji.management.wire import shown
from tianji.money import to_dollars
from tianji.storage.tables import DAILY, KEYS, TEAMS, USERS

MONTH: Final = timedelta(days=30)  # what a report covers when nobody says
MOST: Final = 1000  # entries of a ranking
_HIDDEN: Final = frozenset({"password"})

_Conditions = list["sa.ColumnElement[bool]"]
_Groups = tuple["sa.ColumnElement[Any]", ...]


class Span(Struct, kw_only=True):
    """The days of a report, both included; without them the last thirty."""

    start_date: str | None = None
    end_date: str | None = None


class Ranking(Span, kw_only=True):
    """How many to name at most, and whose."""

    limit: int = MOST
    user_id: str | None = None
    api_key: str | None = None


class Report(Span, kw_only=True):
    """A report in detail."""

    group_by: Literal["team", "customer", "api_key"] = "team"


class OfCustomers(Struct, kw_only=True):
    """The body of a question for customers."""

    api_key: str | None = None
    startTime: str | None = None  # noqa: N815  as programs send it
    endTime: str | None = None  # noqa: N815


async def keys(call: Call) -> list[Row]:
    """List the keys that the caller may see, the dearest first."""
    own = sa.true() if call.sees_all else KEYS.c.user_id == call.caller.user_id
    wanted = sa.select(KEYS).where(own).order_by(KEYS.c.spend.desc(), KEYS.c.token).limit(_limit(call))
    return [shown(row) for row in await call.all(wanted)]


async def users(call: Call) -> list[Row]:
    """List the users that the caller may see, the dearest first."""
    asked = call.questions(Ranking)
    own = sa.true() if call.sees_all else USERS.c.user_id == call.caller.user_id
    named = sa.true() if asked.user_id is None else USERS.c.user_id == asked.user_id
    wanted = sa.select(USERS).where(own, named).order_by(USERS.c.spend.desc(), USERS.c.user_id).limit(_limit(call))
    return [
        {name: value for name, value in shown(row).items() if name not in _HIDDEN} for row in await call.all(wanted)
    ]


async def tags(call: Call) -> list[Row]:
    """Say what requests with each tag cost. Whoever does not see all sees those of his own keys."""
    rows = await _ranked(call, (DAILY.c.entity,), [DAILY.c.kind == "tag", *_own(call)])
    return [
        {"individual_request_tag": row["entity"], "log_count": row["requests"], "total_spend": to_dollars(row["spend"])}
        for row in rows
    ]


async def whole(call: Call) -> Row:
    """Say what everything cost so far."""
    (row,) = await _sums(call, (), [DAILY.c.kind == "all"])
    return {"spend": to_dollars(row["spend"] or 0), "max_budget": call.config.litellm_settings.max_budget}


async def by_day(call: Call) -> list[Row]:
    """Say what each day cost."""
    named = call.questions(Ranking).api_key
    only = [] if named is None else [DAILY.c.key == key_fields.digest(named)]
    rows = await _sums(call, (DAILY.c.day,), [*_all(call), *only])
    return [{"date": row["day"], "spend": to_dollars(row["spend"])} for row in rows]


async def by_key(call: Call) -> list[Row]:
    """Name the dearest keys."""
    rows = await _ranked(call, (DAILY.c.key,), _all(call))
    known = await _known(call, KEYS, "token", [row["key"] for row in rows])
    return [
        {
            "api_key": row["key"],
            "key_alias": known.get(row["key"], {}).get("key_alias"),
            "key_name": known.get(row["key"], {}).get("key_name"),
            "total_spend": to_dollars(row["spend"]),
        }
        for row in rows
    ]


async def by_team(call: Call) -> Row:
    """Say what each team spent on each day, and altogether."""
    rows = await _sums(call, (DAILY.c.day, DAILY.c.entity), [*_within(call), DAILY.c.kind == "team"])
    names = await _team_names(call, [row["entity"] for row in rows])
    days: dict[str, Row] = {}
    totals: dict[str, int] = {}
    for row in rows:
        team = names[row["entity"]]
        days.setdefault(row["day"], {"date": row["day"]})[team] = to_dollars(row["spend"])
        totals[team] = totals.get(team, 0) + row["spend"]
    dearest = sorted(totals, key=lambda team: (-totals[team], team))
    return {
        "daily_spend": list(days.values()),
        "teams": dearest,
        "total_spend_per_team": [{"team_id": team, "total_spend": to_dollars(totals[team])} for team in dearest],
    }


async def by_model(call: Call) -> list[Row]:
    """Name the dearest models."""
    rows = await _ranked(call, (DAILY.c.model,), _all(call))
    return [{"model": row["model"], "total_spend": to_dollars(row["spend"])} for row in rows]


async def by_provider(call: Call) -> list[Row]:
    """Name the dearest providers."""
    rows = await _ranked(call, (DAILY.c.provider,), _all(call))
    return [{"provider": row["provider"], "spend": to_dollars(row["spend"])} for row in rows]


async def provider_budgets(call: Call) -> Row:
    """Say how the budgets stand that providers have in the configuration."""
    standings = call.office.fleet.snapshot().provider_budgets(call.now.timestamp())
    told = {
        name: {
            "budget_limit": to_dollars(one.budget.limit),
            "time_period": one.budget.period,
            "spend": to_dollars(one.spent),
            "budget_reset_at": datetime.fromtimestamp(one.ends, UTC),
        }
        for name, one in standings.items()
    }
    return {"providers": told}


async def by_tag(call: Call) -> Row:
    """Name the dearest tags."""
    rows = await _ranked(call, (DAILY.c.entity,), [*_within(call), DAILY.c.kind == "tag"])
    told = [{"name": row["entity"], "spend": to_dollars(row["spend"]), "log_count": row["requests"]} for row in rows]
    return {"spend_per_tag": told}


async def tag_names(call: Call) -> Row:
    """Name all tags that requests had."""
    wanted = sa.select(DAILY.c.entity).where(DAILY.c.kind == "tag").distinct().order_by(DAILY.c.entity)
    return {"tag_names": [row["entity"] for row in await call.all(wanted)]}


async def by_customer(call: Call) -> list[Row]:
    """Name the dearest customers."""
    asked = call.body(OfCustomers)
    where: _Conditions = [DAILY.c.kind == "customer"]
    if asked.api_key is not None:
        where.append(DAILY.c.key == key_fields.digest(asked.api_key))
    if asked.startTime is not None:
        where.append(DAILY.c.day >= day(asked.startTime[:10], "startTime"))
    if asked.endTime is not None:
        where.append(DAILY.c.day <= day(asked.endTime[:10], "endTime"))
    rows = await _ranked(call, (DAILY.c.entity,), where)
    return [
        {"end_user": row["entity"], "total_count": row["requests"], "total_spend": to_dollars(row["spend"])}
        for row in rows
    ]


async def report(call: Call) -> list[Row]:
    """Say in detail what teams, customers or keys spent."""
    asked = call.questions(Report)
    if asked.group_by == "api_key":
        return await _report_by_key(call)
    kind, listed, label = {
        "team": ("team", "teams", "team_name"),
        "customer": ("customer", "customers", "customer"),
    }[asked.group_by]
    groups = (DAILY.c.day, DAILY.c.entity, DAILY.c.model, DAILY.c.key)
    rows = await _sums(call, groups, [*_within(call), DAILY.c.kind == kind])
    names = await _team_names(call, [row["entity"] for row in rows] if kind == "team" else [])
    days: dict[str, dict[str, list[Row]]] = {}
    for row in rows:
        entity: str = row["entity"]
        days.setdefault(row["day"], {}).setdefault(names.get(entity, entity), []).append(row)
    return [
        {
            "group_by_day": f"{text}T00:00:00+00:00",
            listed: [
                {
                    label: name,
                    "total_spend": to_dollars(sum(row["spend"] for row in found)),
                    "metadata": [
                        {
                            "model": row["model"],
                            "spend": to_dollars(row["spend"]),
                            "total_tokens": row["prompt_tokens"] + row["completion_tokens"],
                            "api_key": row["key"],
                        }
                        for row in found
                    ],
                }
                for name, found in entities.items()
            ],
        }
        for text, entities in days.items()
    ]


async def activity(call: Call) -> Row:
    """Count requests and tokens of each day."""
    rows = await _sums(call, (DAILY.c.day,), _all(call))
    return _activity(rows)


async def activity_by_model(call: Call) -> list[Row]:
    """Count requests and tokens of each day, for each model apart."""
    models: dict[str, list[Row]] = {}
    for row in await _sums(call, (DAILY.c.model, DAILY.c.day), _all(call)):
        models.setdefault(row["model"], []).append(row)
    told = [{"model": model, **_activity(rows)} for model, rows in models.items()]
    return sorted(told, key=lambda one: (-one["sum_api_requests"], one["model"]))


def _activity(rows: list[Row]) -> Row:
    days = [
        {
            "date": row["day"],
            "api_requests": row["requests"],
            "total_tokens": row["prompt_tokens"] + row["completion_tokens"],
        }
        for row in rows
    ]
    return {
        "daily_data": days,
        "sum_api_requests": sum(one["api_requests"] for one in days),
        "sum_total_tokens": sum(one["total_tokens"] for one in days),
    }


async def _report_by_key(call: Call) -> list[Row]:
    keys: dict[str, list[Row]] = {}
    for row in await _sums(call, (DAILY.c.key, DAILY.c.model), _all(call)):
        keys.setdefault(row["key"], []).append(row)
    return [
        {"api_key": key, **_cost(rows), "model_details": [_detail(row) for row in rows]} for key, rows in keys.items()
    ]


def _cost(rows: list[Row]) -> Row:
    return {
        "total_cost": to_dollars(sum(row["spend"] for row in rows)),
        "total_input_tokens": sum(row["prompt_tokens"] for row in rows),
        "total_output_tokens": sum(row["completion_tokens"] for row in rows),
    }


def _detail(row: Row) -> Row:
    return {"model": row["model"], **_cost([row])}


async def _sums(call: Call, groups: _Groups, where: _Conditions) -> list[Row]:
    return await call.all(_summed(groups, where).order_by(*groups))


async def _ranked(call: Call, groups: _Groups, where: _Conditions) -> list[Row]:
    """Return the sums of what cost most, the dearest first."""
    ranked = _summed(groups, where).order_by(sa.func.sum(DAILY.c.spend).desc(), *groups)
    return await call.all(ranked.limit(_limit(call)))


def _summed(groups: _Groups, where: _Conditions) -> "sa.Select[Any]":
    figures = (DAILY.c.spend, DAILY.c.requests, DAILY.c.prompt_tokens, DAILY.c.completion_tokens)
    summed = [sa.cast(sa.func.sum(column), sa.BigInteger).label(column.name) for column in figures]
    found = sa.select(*groups, *summed).where(*where)
    return found.group_by(*groups) if groups else found


def _within(call: Call) -> _Conditions:
    """Return the condition of the days that are asked for."""
    asked = call.questions(Span)
    last = call.now.strftime("%Y-%m-%d") if asked.end_date is None else day(asked.end_date, "end_date")
    first = (call.now - MONTH).strftime("%Y-%m-%d") if asked.start_date is None else day(asked.start_date, "start_date")
    return [DAILY.c.day >= first, DAILY.c.day <= last]


def _all(call: Call) -> _Conditions:
    """Return the condition that takes each request once."""
    return [*_within(call), DAILY.c.kind == "all"]


def _own(call: Call) -> _Conditions:
    where = _within(call)
    if call.sees_all:
        return where
    mine = sa.select(KEYS.c.token).where(KEYS.c.user_id == call.caller.user_id)
    return [*where, sa.or_(DAILY.c.key == call.caller.key, DAILY.c.key.in_(mine))]


def _limit(call: Call) -> int:
    return max(1, min(call.questions(Ranking).limit, MOST))


async def _known(call: Call, table: sa.Table, column: str, names: list[str]) -> Mapping[str, Row]:
    rows = await call.all(sa.select(table).where(table.c[column].in_(names)))
    return {row[column]: row for row in rows}


async def _team_names(call: Call, teams: list[str]) -> dict[str, str]:
    """Return what teams are called: the alias, else the id."""
    known = await _known(call, TEAMS, "team_id", sorted(set(teams)))
    return {team: known.get(team, {}).get("team_alias") or team for team in teams}
