"""How often the cache answered, and what that spared: out of the rows of the ledger, for a chart of some days."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from msgspec import Struct

from tianji.management.desk import Call, Row
from tianji.management.spend_logs import day
from tianji.storage.tables import LEDGER

_WEEK: Final = timedelta(days=7)  # what is told of when nobody says
_MICROSECONDS: Final = 1_000_000
_MOST: Final = 1000  # names to filter by, and kinds of failures
_COUNTS: Final = (
    "api_requests", "cache_hits", "failed_requests", "cached_completion_tokens", "generated_completion_tokens",
)  # fmt: skip


class Wanted(Struct, kw_only=True):
    """Which requests: of these days, both included, keys and models; names by comma."""

    start_date: str | None = None
    end_date: str | None = None
    key_aliases: str | None = None
    models: str | None = None


async def hits(call: Call) -> Row:
    """Say for each type of call how many requests the cache answered, how many failed, and by what."""
    asked = call.questions(Wanted)
    within = days(asked.start_date, asked.end_date, call.now.date())
    where = [*within, *_named(LEDGER.c.key_alias, asked.key_aliases), *_named(LEDGER.c.model_group, asked.models)]
    failed, hit = LEDGER.c.status != "success", LEDGER.c.cache_hit
    tokens = LEDGER.c.completion_tokens
    counted = (
        sa.func.count(),
        _sum(hit, 1),
        _sum(failed, 1),
        _sum(hit, tokens),
        _sum(sa.not_(hit), tokens),
    )
    groups = await call.all(
        sa.select(LEDGER.c.call_type, *(one.label(name) for one, name in zip(counted, _COUNTS, strict=True)))
        .where(*where)
        .group_by(LEDGER.c.call_type)
        .order_by(LEDGER.c.call_type)
    )
    kinds = (LEDGER.c.call_type, LEDGER.c.error_code, LEDGER.c.error_class)
    count = sa.func.count().label("count")
    errors = await call.all(
        sa.select(*kinds, count).where(*where, failed).group_by(*kinds).order_by(count.desc(), *kinds).limit(_MOST)
    )
    groups = [{name: value if name == "call_type" else int(value) for name, value in row.items()} for row in groups]
    totals: Row = {name: sum(row[name] for row in groups) for name in _COUNTS}
    totals["cache_hit_ratio"] = totals["cache_hits"] / totals["api_requests"] if totals["api_requests"] else 0.0
    return {
        "groups": groups,
        "totals": totals,
        "filter_options": {
            "key_aliases": await _options(call, LEDGER.c.key_alias, within),
            "models": await _options(call, LEDGER.c.model_group, within),
        },
        "error_breakdown": errors,
    }


def days(start: str | None, end: str | None, today: date) -> list["sa.ColumnElement[bool]"]:
    """Return the condition that a request began on these days, both included; without them in the last week."""
    last = today if end is None else date.fromisoformat(day(end[:10], "end_date"))
    first = last - _WEEK if start is None else date.fromisoformat(day(start[:10], "start_date"))
    return [LEDGER.c.started_at >= _begins(first), LEDGER.c.started_at < _begins(last + timedelta(days=1))]


def _begins(at: date) -> int:
    return int(datetime(at.year, at.month, at.day, tzinfo=UTC).timestamp()) * _MICROSECONDS


def _named(column: "sa.ColumnElement[Any]", names: str | None) -> list["sa.ColumnElement[bool]"]:
    wanted = [name.strip() for name in (names or "").split(",") if name.strip()]
    return [column.in_(wanted[:_MOST])] if wanted else []


def _sum(condition: "sa.ColumnElement[bool]", value: Any) -> "sa.ColumnElement[Any]":
    return sa.func.coalesce(sa.func.sum(sa.case((condition, value), else_=0)), 0)


async def _options(call: Call, column: Any, where: list["sa.ColumnElement[bool]"]) -> list[str]:
    wanted = sa.select(column.label("name")).where(*where, column != "").distinct().order_by(column).limit(_MOST)
    return [row["name"] for row in await call.all(wanted)]
