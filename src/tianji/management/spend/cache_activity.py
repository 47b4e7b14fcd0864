"""How often the cache answered, and what that spared: out of the sums by day, for a chart of some days."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from msgspec import Struct

from tianji.management.desk import Call, Row
from tianji.management.spend.logs import day
from tianji.storage.tables import DAILY, LEDGER, LEDGER_ACCOUNTS, LEDGER_ROWS

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
    """Say for each type of call how many requests the cache answered, how many failed, and by what.

    A key's name leads to all that the key did, also under another name.
    """
    asked = call.questions(Wanted)
    aliases, models = _names(asked.key_aliases), _names(asked.models)
    everything = await _sums(call, asked, [])
    sums = await _sums(call, asked, aliases) if aliases else everything
    kinds: dict[str, Row] = {}
    for row in sums:
        if not models or row["model_group"] in models:
            kind = kinds.setdefault(row["call_type"], {"call_type": row["call_type"], **dict.fromkeys(_COUNTS, 0)})
            for name in _COUNTS:
                kind[name] += int(row[name])
    totals: Row = {name: sum(kind[name] for kind in kinds.values()) for name in _COUNTS}
    totals["cache_hit_ratio"] = totals["cache_hits"] / totals["api_requests"] if totals["api_requests"] else 0.0
    return {
        "groups": [kinds[name] for name in sorted(kinds)],
        "totals": totals,
        "filter_options": {
            "key_aliases": await _aliases(call, asked),
            "models": sorted({row["model_group"] for row in everything if row["model_group"]})[:_MOST],
        },
        "error_breakdown": await _failures(call, asked, aliases, models),
    }


async def _sums(call: Call, asked: Wanted, aliases: list[str]) -> list[Row]:
    """Return the counts of each type of call and each model, of all keys or of those with one of these names."""
    first, last = _ends(asked.start_date, asked.end_date, call.now.date())
    named = sa.select(LEDGER_ACCOUNTS.c.key).where(LEDGER_ACCOUNTS.c.key_alias.in_(aliases))
    where = [DAILY.c.kind == "all", DAILY.c.day >= first.isoformat(), DAILY.c.day <= last.isoformat()]
    where += [DAILY.c.key.in_(named)] if aliases else []
    counts = (
        DAILY.c.requests,
        DAILY.c.cache_hits,
        DAILY.c.failures,
        DAILY.c.spared_tokens,
        DAILY.c.completion_tokens - DAILY.c.spared_tokens,
    )
    summed = [sa.func.sum(one).label(name) for one, name in zip(counts, _COUNTS, strict=True)]
    kinds = (DAILY.c.call_type, DAILY.c.model_group)
    return await call.all(sa.select(*kinds, *summed).where(*where).group_by(*kinds))


async def _aliases(call: Call, asked: Wanted) -> list[str]:
    """Return the names of keys that there are requests of, by which accounts have rows."""
    first, last = _ends(asked.start_date, asked.end_date, call.now.date())
    began = LEDGER_ROWS.c.started_at
    within = (began >= _begins(first), began < _begins(last + timedelta(days=1)))
    used = sa.select(LEDGER_ROWS.c.id).where(LEDGER_ROWS.c.account == LEDGER_ACCOUNTS.c.id, *within)
    alias = LEDGER_ACCOUNTS.c.key_alias
    found = sa.select(alias).where(alias != "", used.exists()).distinct().order_by(alias).limit(_MOST)
    return [row["key_alias"] for row in await call.all(found)]


async def _failures(call: Call, asked: Wanted, aliases: list[str], models: list[str]) -> list[Row]:
    """Return how many requests failed by what, out of the rows of those: they have an index of their own."""
    kinds = (LEDGER.c.call_type, LEDGER.c.error_code, LEDGER.c.error_class)
    count = sa.func.count().label("count")
    where = [LEDGER.c.status == "failure", *days(asked.start_date, asked.end_date, call.now.date())]
    where += [*_any_of(LEDGER.c.key_alias, aliases), *_any_of(LEDGER.c.model_group, models)]
    found = sa.select(*kinds, count).where(*where).group_by(*kinds).order_by(count.desc(), *kinds).limit(_MOST)
    return await call.all(found)


def days(start: str | None, end: str | None, today: date) -> list["sa.ColumnElement[bool]"]:
    """Return the condition that a request began on these days, both included; without them in the last week."""
    first, last = _ends(start, end, today)
    return [LEDGER.c.started_at >= _begins(first), LEDGER.c.started_at < _begins(last + timedelta(days=1))]


def _ends(start: str | None, end: str | None, today: date) -> tuple[date, date]:
    last = today if end is None else date.fromisoformat(day(end[:10], "end_date"))
    return last - _WEEK if start is None else date.fromisoformat(day(start[:10], "start_date")), last


def _begins(at: date) -> int:
    return int(datetime(at.year, at.month, at.day, tzinfo=UTC).timestamp()) * _MICROSECONDS


def _names(text: str | None) -> list[str]:
    return [name.strip() for name in (text or "").split(",") if name.strip()][:_MOST]


def _any_of(column: "sa.ColumnElement[Any]", names: list[str]) -> list["sa.ColumnElement[bool]"]:
    return [column.in_(names)] if names else []
