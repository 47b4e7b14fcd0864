"""Single requests out of the ledger: raw, summed up by day, or searched a page at a time."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import sqlalchemy as sa
from msgspec import Struct

from tianji.auth.identity import Role
from tianji.errors import ObjectNotFound, PermissionDenied, SchemaViolation, Unacceptable
from tianji.ledger import spendlogs
from tianji.ledger.books import DAY, microseconds
from tianji.ledger.entry import FAILURE
from tianji.management import key_fields
from tianji.management.desk import Call, Row
from tianji.management.paging import contains
from tianji.money import to_dollars, to_nanos
from tianji.storage.tables import DAILY, LEDGER, PAYLOADS

NEWEST: Final = 1000  # rows of a raw answer
COUNTED: Final = 10_000  # rows that a search counts at most; more are "that many or more"
LARGEST: Final = 1000  # rows of a page
SORTED: Final = {
    "startTime": (LEDGER.c.started_at,),
    "endTime": (LEDGER.c.ended_at,),
    "spend": (LEDGER.c.cost,),
    "total_tokens": (LEDGER.c.prompt_tokens + LEDGER.c.completion_tokens,),
}

_Conditions = list["sa.ColumnElement[bool]"]


class Asked(Struct, kw_only=True):
    """Which requests: newest ones, or of some days."""

    api_key: str | None = None
    user_id: str | None = None
    request_id: str | None = None
    start_date: str | None = None
    end_date: str | None = None
    summarize: bool = True


class Search(Struct, kw_only=True):
    """What a page of requests is searched by."""

    start_date: str | None = None
    end_date: str | None = None
    page: int = 1
    page_size: int = 50
    api_key: str | None = None
    user_id: str | None = None
    team_id: str | None = None
    end_user: str | None = None
    request_id: str | None = None
    session_id: str | None = None
    model: str | None = None
    model_id: str | None = None
    model_group: str | None = None
    key_alias: str | None = None
    status_filter: Literal["success", "failure"] | None = None
    error_code: str | None = None
    error_message: str | None = None
    min_spend: float | None = None
    max_spend: float | None = None
    cache_hit_filter: bool | None = None
    sort_by: Literal["startTime", "endTime", "spend", "total_tokens"] = "startTime"
    sort_order: Literal["asc", "desc"] = "desc"


_EQUAL: Final = {
    "user_id": "user_id",
    "team_id": "team_id",
    "end_user": "end_user",
    "request_id": "request_id",
    "session_id": "session_id",
    "model": "model",
    "model_id": "deployment_id",
    "model_group": "model_group",
    "key_alias": "key_alias",
    "status_filter": "status",
    "error_code": "error_code",
    "cache_hit_filter": "cache_hit",
}  # a question: the column


async def logs(call: Call) -> list[Row]:
    """List requests that the caller may see, or with both dates what was spent on each day."""
    asked = call.questions(Asked)
    if asked.start_date is None or asked.end_date is None or asked.request_id is not None or not asked.summarize:
        return await _rows(call, asked)
    return await _days(call, asked)


async def search(call: Call) -> Row:
    """List requests that the caller may see, a page at a time."""
    asked = call.questions(Search)
    for name, value, most in (("page", asked.page, 2**31), ("page_size", asked.page_size, LARGEST)):
        if not 1 <= value <= most:
            raise SchemaViolation(f"Input should be from 1 to {most}", ("query", name))
    wanted = sa.select(LEDGER).where(visible(call), *_searched(asked))
    capped = wanted.with_only_columns(LEDGER.c.request_id).limit(COUNTED + 1)
    total = await call.count(capped)
    order = [column.desc() if asked.sort_order == "desc" else column for column in _order(asked)]
    page = wanted.order_by(*order).limit(asked.page_size).offset((asked.page - 1) * asked.page_size)
    counted = min(total, COUNTED)
    return {
        "data": [spendlogs.wire(row) for row in await call.all(page)],
        "total": counted,
        "page": asked.page,
        "page_size": asked.page_size,
        "total_pages": -(-counted // asked.page_size),
        "total_is_capped": total > COUNTED,
    }


async def one(call: Call) -> Row:
    """Describe one request with what was said, where that was kept."""
    name = call.params["request_id"]
    row = await call.one(LEDGER, request_id=name)
    if row is None:
        raise ObjectNotFound(
            "this request is not in the ledger; GET /spend/logs lists those that are", param="request_id"
        )
    if not await call.all(sa.select(LEDGER.c.request_id).where(LEDGER.c.request_id == name, visible(call))):
        raise PermissionDenied("this request is somebody else's; only who made it or an administrator may see it")
    return spendlogs.wire(row, await call.one(PAYLOADS, request_id=name))


def visible(call: Call) -> "sa.ColumnElement[bool]":
    """Return the condition that the caller may see a request: his own, of his key, or of what he administers."""
    if call.sees_all:
        return sa.true()
    caller = call.caller
    teams = [name for name, role in caller.teams.items() if role == "admin"]
    organizations = [name for name, role in caller.organizations.items() if role == Role.ORG_ADMIN]
    found: _Conditions = [LEDGER.c.key == caller.key]
    if caller.user_id is not None:
        found.append(LEDGER.c.user_id == caller.user_id)
    if teams:
        found.append(LEDGER.c.team_id.in_(teams))
    if organizations:
        found.append(LEDGER.c.organization_id.in_(organizations))
    return sa.or_(*found)


def day(text: str, param: str) -> str:
    """Return a day as the ledger has it. Raises Unacceptable (400)."""
    try:
        microseconds(text)
    except ValueError:
        raise Unacceptable(f"{param}: {text[:40]!r} is no day; write it as in 2026-03-01", param=param) from None
    return text


async def _rows(call: Call, asked: Asked) -> list[Row]:
    where: _Conditions = [visible(call)]
    if asked.api_key is not None:
        where.append(LEDGER.c.key == key_fields.digest(asked.api_key))
    if asked.user_id is not None:
        where.append(LEDGER.c.user_id == asked.user_id)
    if asked.request_id is not None:
        where.append(LEDGER.c.request_id == asked.request_id)
    if asked.start_date is not None:
        where.append(LEDGER.c.started_at >= microseconds(day(asked.start_date, "start_date")))
    if asked.end_date is not None:
        where.append(LEDGER.c.started_at < microseconds(day(asked.end_date, "end_date")) + DAY)
    newest = (LEDGER.c.started_at.desc(), LEDGER.c.request_id.desc())
    wanted = sa.select(LEDGER).where(*where).order_by(*newest).limit(NEWEST)
    return [spendlogs.wire(row) for row in await call.all(wanted)]


async def _days(call: Call, asked: Asked) -> list[Row]:
    first, last = day(asked.start_date or "", "start_date"), day(asked.end_date or "", "end_date")
    user = asked.user_id
    if not call.sees_all:
        if user not in (None, call.caller.user_id) or call.caller.user_id is None:
            raise PermissionDenied("these sums are of somebody else; without user_id they are your own")
        user = call.caller.user_id
    where: _Conditions = [DAILY.c.day.between(first, last)]
    if asked.api_key is not None:
        where.append(DAILY.c.key == key_fields.digest(asked.api_key))
    of_user: _Conditions = [DAILY.c.kind == "user", *([DAILY.c.entity == user] if user is not None else [])]
    whole = of_user if user is not None else [DAILY.c.kind == "all"]
    days = {text: _empty(text) for text in _between(first, last)}
    for row in await _summed(call, (DAILY.c.day, DAILY.c.key, DAILY.c.model), [*where, *whole]):
        told, spend = days[row["day"]], row["spend"]
        told["spend"] += spend
        told["models"][row["model"]] = told["models"].get(row["model"], 0) + spend
        told["keys"][row["key"]] = told["keys"].get(row["key"], 0) + spend
    for row in await _summed(call, (DAILY.c.day, DAILY.c.entity), [*where, *of_user]):
        days[row["day"]]["users"][row["entity"]] = row["spend"]
    return [_in_dollars(told) for told in days.values()]


async def _summed(call: Call, groups: "tuple[sa.ColumnElement[Any], ...]", where: _Conditions) -> list[Row]:
    spend = sa.cast(sa.func.sum(DAILY.c.spend), sa.BigInteger).label("spend")
    return await call.all(sa.select(*groups, spend).where(*where).group_by(*groups).order_by(*groups))


def _between(first: str, last: str) -> list[str]:
    start, end = (datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC) for text in (first, last))
    if (end - start).days > 3660:
        raise Unacceptable("ten years at once are too many days; ask for fewer", param="start_date")
    return [f"{start + timedelta(days=number):%Y-%m-%d}" for number in range((end - start).days + 1)]


def _empty(text: str) -> Row:
    return {"startTime": text, "spend": 0, "users": {}, "models": {}, "keys": {}}


def _in_dollars(told: Row) -> Row:
    def dollars(sums: dict[str, int]) -> dict[str, float]:
        return {name: to_dollars(spend) for name, spend in sums.items()}

    return {
        **dollars(told["keys"]),
        "startTime": told["startTime"],
        "spend": to_dollars(told["spend"]),
        "users": dollars(told["users"]),
        "models": dollars(told["models"]),
    }


def _searched(asked: Search) -> _Conditions:
    where: _Conditions = [
        LEDGER.c.started_at >= _moment(asked.start_date, "start_date"),
        LEDGER.c.started_at <= _moment(asked.end_date, "end_date"),
    ]
    for name, column in _EQUAL.items():
        value = getattr(asked, name)
        if value is not None:
            where.append(LEDGER.c[column] == value)
    if asked.api_key is not None:
        where.append(LEDGER.c.key == key_fields.digest(asked.api_key))
    if asked.error_code is not None or asked.error_message is not None:
        where.append(LEDGER.c.status == FAILURE)  # they are few, and an index has them
    if asked.error_message is not None:
        where.append(contains(LEDGER.c.error_message, asked.error_message))
    for name, dollars in (("min_spend", asked.min_spend), ("max_spend", asked.max_spend)):
        if dollars is not None:
            nanos = _nanos(dollars, name)
            where.append(LEDGER.c.cost >= nanos if name == "min_spend" else LEDGER.c.cost <= nanos)
    return where


def _order(asked: Search) -> "tuple[sa.ColumnElement[Any], ...]":
    """Return what to order by; the id decides between equals, so that no row is on two pages."""
    return (*SORTED[asked.sort_by], LEDGER.c.request_id)


def _moment(text: str | None, param: str) -> int:
    for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d"):
        try:
            at = datetime.strptime(text or "", form).replace(tzinfo=UTC)
        except ValueError:
            continue
        return int(at.timestamp()) * 1_000_000
    raise Unacceptable(f"{param} is needed, UTC, written as in 2026-03-01 00:00:00", param=param)


def _nanos(dollars: float, param: str) -> int:
    try:
        return to_nanos(dollars)
    except ValueError as error:
        raise Unacceptable(f"{param}: {error}", param=param) from error
