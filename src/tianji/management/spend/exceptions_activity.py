"""How often upstreams and limits said 429, by the day: out of the failures in the ledger."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa
from msgspec import Struct

from tianji.management.desk import Call, Row
from tianji.management.spend.cache_activity import days
from tianji.storage.tables import LEDGER

_REFUSED: Final = "429"
_DAY: Final = 86_400_000_000  # microseconds


class Wanted(Struct, kw_only=True):
    """Which failures: of these days, both included, of one model or of all."""

    model_group: str | None = None
    start_date: str | None = None
    end_date: str | None = None


async def of_model(call: Call) -> Row:
    """Count them by the day."""
    return _told(await _counted(call))


async def by_deployment(call: Call) -> list[Row]:
    """Count them by the day, for each address of an upstream apart, and not those that no upstream was asked for."""
    rows: dict[str, list[Row]] = {}
    for row in await _counted(call, LEDGER.c.api_base):
        if row["api_base"]:
            rows.setdefault(row["api_base"], []).append(row)
    return [{"api_base": address, **_told(found)} for address, found in rows.items()]


async def _counted(call: Call, *groups: Any) -> list[Row]:
    asked = call.questions(Wanted)
    group = sa.true() if asked.model_group is None else LEDGER.c.model_group == asked.model_group
    where = (LEDGER.c.status == "failure", LEDGER.c.error_code == _REFUSED, group)
    day = (LEDGER.c.started_at - LEDGER.c.started_at % _DAY).label("day")  # integers on both engines
    count = sa.func.count().label("count")
    found = sa.select(*groups, day, count).where(*where, *days(asked.start_date, asked.end_date, call.now.date()))
    return await call.all(found.group_by(*groups, day).order_by(*groups, day))


def _told(rows: Iterable[Row]) -> Row:
    counted = [
        {
            "date": datetime.fromtimestamp(row["day"] // 1_000_000, UTC).strftime("%Y-%m-%d"),
            "num_rate_limit_exceptions": row["count"],
        }
        for row in rows
    ]
    return {
        "daily_data": counted,
        "sum_num_rate_limit_exceptions": sum(one["num_rate_limit_exceptions"] for one in counted),
    }
