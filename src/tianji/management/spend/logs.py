"""Single requests out of the ledger: raw, summed up by day, or searched a page at a time."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import sqlalchemy as sa
from msgspec import Struct

from tianji.auth.identity import Role
from tianji.errors import ObjectNotFound, PermissionDenied, SchemaViolation, Unacceptable
from tianji.ledger import spendlogs
from tianji.ledger.books import DAY, microseconds
from tianji.ledger.entry import FAILURE, SUCCESS
from tianji.management.desk import Call, Row
from tianji.management.keys import fields as key_fields
from tianji.management.paging import contains
from tianji.management.spend import finding
from tianji.management.spend.finding import Conditions, Wanted
from tianji.money import to_dollars, to_nanos
from tianji.storage.tables import DAILY, LEDGER, LEDGER_ACCOUNTS, LEDGER_ROWS, PAYLOADS

NEWEST: Final = 1000  # rows of a raw answer
COUNTED: Final = 10_000  # rows that a search counts at most; more are "that many or more"
LARGEST: Final = 1000  # rows of a page
SORTED: Final = {
    "startTime": LEDGER_ROWS.c.started_at,
    "endTime": LEDGER_ROWS.c.ended_at,
    "spend": LEDGER_ROWS.c.cost,
    "total_tokens": LEDGER_ROWS.c.prompt_tokens + LEDGER_ROWS.c.completion_tokens,
}


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
    project_id: str | None = None
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


_SHARED: Final = {
    "user_id": "user_id",
    "team_id": "team_id",
    "project_id": "project_id",
    "model": "model",
    "model_id": "deployment_id",
    "model_group": "model_group",
    "key_alias": "key_alias",
}  # a question: the column of accounts
_NARROW: Final = ("request_id", "end_user", "session_id")  # questions for columns of rows that have an index


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
    start = (asked.page - 1) * asked.page_size
    where = await finding.condition(call, _searched(call, asked))
    page = await finding.ids(call, where, _order(asked), asked.page_size, start)
    ends = len(page) < asked.page_size and (page or not start)  # then all before it are as many as there are
    total = start + len(page) if ends else await finding.count(call, where, COUNTED + 1)
    counted = min(total, COUNTED)
    return {
        "data": [spendlogs.wire(row) for row in await finding.rows(call, page)],
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
    own = sa.select(LEDGER_ACCOUNTS.c.id).where(LEDGER_ACCOUNTS.c.id == row["account"], *visible(call))
    if not await call.all(own):
        raise PermissionDenied("this request is somebody else's; only who made it or an administrator may see it")
    return spendlogs.wire(row, await call.one(PAYLOADS, request_id=name))


def visible(call: Call) -> Conditions:
    """Return the condition that the caller may see requests: his own, of his key, or of what he administers."""
    if call.sees_all:
        return []
    caller, held = call.caller, LEDGER_ACCOUNTS.c
    teams = [name for name, role in caller.teams.items() if role == "admin"]
    organizations = [name for name, role in caller.organizations.items() if role == Role.ORG_ADMIN]
    found: Conditions = [held.key == caller.key]
    if caller.user_id is not None:
        found.append(held.user_id == caller.user_id)
    if teams:
        found.append(held.team_id.in_(teams))
    if organizations:
        found.append(held.organization_id.in_(organizations))
    return [sa.or_(*found)]


def day(text: str, param: str) -> str:
    """Return a day as the ledger has it. Raises Unacceptable (400)."""
    try:
        microseconds(text)
    except ValueError:
        raise Unacceptable(f"{param}: {text[:40]!r} is no day; write it as in 2026-03-01", param=param) from None
    return text


async def _rows(call: Call, asked: Asked) -> list[Row]:
    wanted = Wanted(accounts=visible(call))
    if asked.api_key is not None:
        wanted.accounts.append(LEDGER_ACCOUNTS.c.key == key_fields.digest(asked.api_key))
    if asked.user_id is not None:
        wanted.accounts.append(LEDGER_ACCOUNTS.c.user_id == asked.user_id)
    if asked.request_id is not None:
        wanted.rows.append(LEDGER_ROWS.c.request_id == asked.request_id)
        wanted.narrow = True
    started = LEDGER_ROWS.c.started_at
    if asked.start_date is not None:
        wanted.span.append(started >= microseconds(day(asked.start_date, "start_date")))
    if asked.end_date is not None:
        wanted.span.append(started < microseconds(day(asked.end_date, "end_date")) + DAY)
    where = await finding.condition(call, wanted)
    ids = await finding.ids(call, where, (started.desc(), LEDGER_ROWS.c.id.desc()), NEWEST)
    return [spendlogs.wire(row) for row in await finding.rows(call, ids)]


async def _days(call: Call, asked: Asked) -> list[Row]:
    first, last = day(asked.start_date or "", "start_date"), day(asked.end_date or "", "end_date")
    user = asked.user_id
    if not call.sees_all:
        if user not in (None, call.caller.user_id) or call.caller.user_id is None:
            raise PermissionDenied("these sums are of somebody else; without user_id they are your own")
        user = call.caller.user_id
    where: Conditions = [DAILY.c.day.between(first, last)]
    if asked.api_key is not None:
        where.append(DAILY.c.key == key_fields.digest(asked.api_key))
    of_user: Conditions = [DAILY.c.kind == "user", *([DAILY.c.entity == user] if user is not None else [])]
    whole = of_user if user is not None else [DAILY.c.kind == "all"]
    days = {text: _empty(text) for text in _between(first, last)}
    for row in await _summed(call, (DAILY.c.day,), [*where, *whole]):
        days[row["day"]]["spend"] = row["spend"]
    for part, column, rows in (("models", "model", whole), ("keys", "key", whole), ("users", "entity", of_user)):
        for row in await _summed(call, (DAILY.c.day, DAILY.c[column]), [*where, *rows]):
            days[row["day"]][part][row[column]] = row["spend"]
    return [_in_dollars(told) for told in days.values()]


async def _summed(call: Call, groups: "tuple[sa.ColumnElement[Any], ...]", where: Conditions) -> list[Row]:
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


def _searched(call: Call, asked: Search) -> Wanted:
    started, cost = LEDGER_ROWS.c.started_at, LEDGER_ROWS.c.cost
    span = [started >= _moment(asked.start_date, "start_date"), started <= _moment(asked.end_date, "end_date")]
    wanted = Wanted(accounts=visible(call), span=span)
    for name, column in _SHARED.items():
        if (value := getattr(asked, name)) is not None:
            wanted.accounts.append(LEDGER_ACCOUNTS.c[column] == value)
    if asked.api_key is not None:
        wanted.accounts.append(LEDGER_ACCOUNTS.c.key == key_fields.digest(asked.api_key))
    for name in _NARROW:
        if (value := getattr(asked, name)) is not None:
            wanted.rows.append(LEDGER_ROWS.c[name] == value)
            wanted.narrow = True
    if asked.status_filter == SUCCESS:
        wanted.rows.append(LEDGER_ROWS.c.status == SUCCESS)
    if failures := _failures(asked):
        wanted.rows += failures
        wanted.narrow = True
    if asked.cache_hit_filter is not None:
        wanted.rows.append(finding.hit(asked.cache_hit_filter))
    wanted.rows += [cost >= _nanos(asked.min_spend, "min_spend")] if asked.min_spend is not None else []
    wanted.rows += [cost <= _nanos(asked.max_spend, "max_spend")] if asked.max_spend is not None else []
    return wanted


def _failures(asked: Search) -> "list[sa.ColumnElement[bool]]":
    """Return what is asked of failures; nothing where they are not asked for."""
    found = []
    if asked.error_code is not None:
        found.append(LEDGER_ROWS.c.error_code == asked.error_code)
    if asked.error_message is not None:
        found.append(contains(LEDGER_ROWS.c.error_message, asked.error_message))
    return [finding.failed(), *found] if found or asked.status_filter == FAILURE else []


def _order(asked: Search) -> "list[sa.ColumnElement[Any]]":
    """Return what to order by; the id decides between equals, so that no row is on two pages.

    By time it goes with the time, as the index has it. Else the first rows stay: of many that are equal, all later ones
    would push out what is kept of them for the page.
    """
    falls = asked.sort_order == "desc"
    column, number = SORTED[asked.sort_by], LEDGER_ROWS.c.id
    with_it = falls and asked.sort_by == "startTime"
    return [column.desc() if falls else column.asc(), number.desc() if with_it else number.asc()]


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
