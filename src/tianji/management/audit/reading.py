"""The log, read by administrators: a page of it, or one entry."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import sqlalchemy as sa
from msgspec import Struct

from tianji.errors import ObjectNotFound, SchemaViolation, Unacceptable
from tianji.management.desk import Call, Row
from tianji.management.keys.fields import digest
from tianji.management.paging import LARGEST
from tianji.storage.tables import ABOUT, AUDIT_LOG

COUNTED: Final = 10_000  # entries that a total counts at most
_EQUAL: Final = ("changed_by", "changed_by_api_key", "action", "table_name", "object_id")
_OWN: Final = frozenset({"number", *ABOUT})  # columns that nobody is told
_DAY: Final = 10  # characters of a date without a time


Sorted = Literal["updated_at", "changed_by", "changed_by_api_key", "action", "table_name", "object_id"]


class Asked(Struct, kw_only=True):
    """Which entries: with these values, of some time; times are UTC, and a day is meant whole.

    object_team_id: of a team, and of what belongs to it or did so before; object_key_hash: of a key, which may be
    another one since
    """

    page: int = 1
    page_size: int = 10
    changed_by: str | None = None
    changed_by_api_key: str | None = None
    action: str | None = None
    table_name: str | None = None
    object_id: str | None = None
    object_team_id: str | None = None
    object_key_hash: str | None = None
    start_date: str | None = None
    end_date: str | None = None
    sort_by: Sorted = "updated_at"
    sort_order: Literal["asc", "desc"] = "desc"


async def listed(call: Call) -> Row:
    """List entries, the latest first unless the query says otherwise.

    The page is found in an index first, so that of entries before it nothing is read.
    """
    asked = call.questions(Asked)
    for name, value, most in (("page", asked.page, 2**31), ("page_size", asked.page_size, LARGEST)):
        if not 1 <= value <= most:
            raise SchemaViolation(f"Input should be from 1 to {most}", ("query", name))
    order = [AUDIT_LOG.c[name] for name in dict.fromkeys((asked.sort_by, "updated_at", "number"))]
    placed = [column.desc() if asked.sort_order == "desc" else column.asc() for column in order]
    parts, total = [], 0
    for where in _parts(asked):
        count = await call.count(sa.select(AUDIT_LOG.c.number).where(*where).limit(COUNTED + 1))
        total += count
        parts += [where] if count else []
    numbers = [row["number"] for row in await call.all(_page(asked, parts, order))] if parts else []
    rows = await call.all(sa.select(AUDIT_LOG).where(AUDIT_LOG.c.number.in_(numbers)).order_by(*placed))
    counted = min(total, COUNTED)
    return {
        "audit_logs": [_told(row) for row in rows],
        "total": counted,
        "page": asked.page,
        "page_size": asked.page_size,
        "total_pages": -(-counted // asked.page_size),
        "total_is_capped": total > COUNTED,
    }


async def one(call: Call) -> Row:
    """Describe one entry."""
    row = await call.one(AUDIT_LOG, id=call.params["id"])
    if row is None:
        raise ObjectNotFound("this entry is not in the audit log; GET /audit lists those that are", param="id")
    return _told(row)


def _page(asked: Asked, parts: "list[list[sa.ColumnElement[bool]]]", order: "list[sa.Column[Any]]") -> "sa.Select[Any]":
    """Return the query for the numbers of a page; of each part no more is read than all pages up to it may hold."""
    start, descends = (asked.page - 1) * asked.page_size, asked.sort_order == "desc"
    columns: sa.FromClause = AUDIT_LOG
    wanted = sa.select(AUDIT_LOG.c.number).where(*parts[0])
    if len(parts) > 1:
        placed = [column.desc() if descends else column.asc() for column in order]
        most = start + asked.page_size
        each = (sa.select(*order).where(*where).order_by(*placed).limit(most).subquery() for where in parts)
        columns = sa.union_all(*map(sa.select, each)).subquery()
        wanted = sa.select(columns.c.number)
    last = [columns.c[column.name].desc() if descends else columns.c[column.name].asc() for column in order]
    return wanted.order_by(*last).limit(asked.page_size).offset(start)


def _parts(asked: Asked) -> "list[list[sa.ColumnElement[bool]]]":
    """Return conditions of which an entry meets one at the most, so that each part is read in the order of an index."""
    log = AUDIT_LOG.c
    of_team = [[column == asked.object_team_id] for column in (log.object_team_id, log.former_team_id)]
    key = digest(asked.object_key_hash) if asked.object_key_hash is not None else None
    of_key = [[column == key] for column in (log.object_id, log.renamed_to)]
    teams = of_team if asked.object_team_id is not None else [[]]
    keys = of_key if key is not None else [[]]
    where = _where(asked)
    return [[*where, *team, *one] for team in teams for one in keys]


def _where(asked: Asked) -> "list[sa.ColumnElement[bool]]":
    values = {name: value for name in _EQUAL if (value := getattr(asked, name)) is not None}
    if asked.changed_by_api_key is not None:
        values["changed_by_api_key"] = digest(asked.changed_by_api_key)  # management takes both
    where: list[sa.ColumnElement[bool]] = [AUDIT_LOG.c[name] == value for name, value in values.items()]
    if asked.start_date is not None:
        where.append(AUDIT_LOG.c.updated_at >= _moment(asked.start_date, "start_date"))
    if asked.end_date is not None:
        at = _moment(asked.end_date, "end_date")
        day = len(asked.end_date.strip()) == _DAY
        end = AUDIT_LOG.c.updated_at < at + timedelta(days=1) if day else AUDIT_LOG.c.updated_at <= at
        where.append(end)
    return where


def _moment(text: str, param: str) -> datetime:
    """Return a time as ISO 8601 has it; without a zone it is UTC. Raises Unacceptable (400)."""
    try:
        at = datetime.fromisoformat(text.strip())
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        said = f"{param}: {text[:40]!r} is no time; write it as in 2026-03-01T12:00:00Z"
        raise Unacceptable(said, param=param) from None


def _told(row: Row) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _OWN}
