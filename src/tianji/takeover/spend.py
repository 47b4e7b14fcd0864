"""What requests cost: their rows into the ledger, and the sums of days whose rows they have no more.

Sums are made of rows where there are rows. Their own sums are taken for the days before the first row, so that nothing
counts twice; how far both agree stands in the report.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from tianji.ledger import posting
from tianji.ledger.entry import FAILURE, SUCCESS, Entry, Payload
from tianji.ledger.names import name
from tianji.ledger.rows import SUMS, day, sheet_of
from tianji.money import NANOS, to_nanos
from tianji.storage.tables import DAILY, LEDGER_ROWS
from tianji.takeover.report import Report
from tianji.takeover.source import PREFIX, Row, Source, document, moment

LOGS: Final = "SpendLogs"
KINDS: Final[Mapping[str, tuple[str, str]]] = {  # table: kind of our sums, and the column that names whose they are
    "DailyUserSpend": ("user", "user_id"),
    "DailyTeamSpend": ("team", "team_id"),
    "DailyOrganizationSpend": ("organization", "organization_id"),
    "DailyEndUserSpend": ("customer", "end_user_id"),
    "DailyAgentSpend": ("agent", "agent_id"),
    "DailyTagSpend": ("tag", "tag"),
}
_CALLS: Final[Mapping[str, str]] = {
    "/chat/completions": "acompletion",
    "/completions": "atext_completion",
    "/embeddings": "aembedding",
    "/moderations": "amoderation",
}
_SAME: Final = ("call_type", "model", "model_group", "api_base")
_OPTIONAL: Final = ("team_id", "organization_id", "end_user", "agent_id", "session_id")
_SAID: Final[Mapping[str, str]] = {"messages": "messages", "response": "response", "request": "proxy_server_request"}
_USED: Final = frozenset(
    {
        *_SAME,
        *_OPTIONAL,
        *_SAID.values(),
        *("request_id", "litellm_call_id", "startTime", "endTime", "completionStartTime", "request_duration_ms"),
        *("status", "model_id", "custom_llm_provider", "api_key", "user", "requester_ip_address", "request_tags"),
        *("spend", "total_tokens", "prompt_tokens", "completion_tokens", "metadata", "cache_hit"),
    }
)
_SUMMED: Final = frozenset(
    {
        *("id", "created_at", "updated_at", "request_id", "timed_requests"),  # what says nothing that is not known
        *("date", "api_key", "model", "model_group", "custom_llm_provider", "endpoint", "total_response_time_ms"),
        *("spend", "prompt_tokens", "completion_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"),
        *("api_requests", "successful_requests", "failed_requests"),
    }
)
FUZZ: Final = 1000  # nano-dollars by which sums of fractions may differ, beside one for each row
_EVERYTHING: Final = "DailyUserSpend"  # every request is in one of its rows


async def first_day(source: Source, connection: AsyncConnection) -> str | None:
    """Return the first day that has rows, theirs or ours; None where there are none."""
    days = []
    if LOGS in source.tables:
        theirs = await source.least(LOGS, "startTime")
        days += [] if theirs is None else [theirs.strftime("%Y-%m-%d")]
    ours = (await connection.execute(sa.select(sa.func.min(LEDGER_ROWS.c.started_at)))).scalar()
    return min([*days, *([] if ours is None else [day(ours)])], default=None)


async def take_rows(connection: AsyncConnection, rows: list[Row], report: Report) -> None:
    """Take requests over, in a transaction of ours; those that are here stay as they are."""
    part = report.part(LOGS)
    entries = []
    for row in rows:
        part.read += 1
        part.miss(row, _USED)
        try:
            entries.append(entry_of(row))
        except (ValueError, TypeError) as error:
            part.leave_out(f"{type(error).__name__}: {error}"[:120], row["request_id"])
    fresh = await posting.keep(connection, sheet_of(entries), logged=True)
    part.taken += len(fresh)
    part.known += len(entries) - len(fresh)
    report.of_rows += sum(entry.cost for entry in entries)


def entry_of(row: Row) -> Entry:
    """Return the entry of one of their rows. Raises ValueError for a cost that is no amount."""
    told = document(row.get("metadata"))
    metadata: Mapping[str, Any] = told if isinstance(told, dict) else {}
    fault = metadata.get("error_information") or {}
    failed = row.get("status") == FAILURE
    started = _microseconds(row["startTime"])
    texts: dict[str, Any] = {field: row.get(field) or "" for field in _SAME}
    texts |= {field: row.get(field) or None for field in _OPTIONAL}
    return Entry(
        request_id=row["request_id"],
        call_id=row.get("litellm_call_id") or row["request_id"],
        started_at=started,
        ended_at=max(started, _microseconds(row.get("endTime") or row["startTime"])),
        answered_at=None if row.get("completionStartTime") is None else _microseconds(row["completionStartTime"]),
        status=FAILURE if failed else SUCCESS,
        deployment_id=row.get("model_id") or "",
        provider=row.get("custom_llm_provider") or "",
        key=row.get("api_key") or "",
        key_alias=metadata.get("user_api_key_alias"),
        user_id=row.get("user") or None,
        ip=row.get("requester_ip_address") or None,
        tags=_tags(row.get("request_tags")),
        prompt_tokens=_count(row.get("prompt_tokens")),
        completion_tokens=_count(row.get("completion_tokens")),
        cached_tokens=_cached(metadata, "cache_read_input_tokens"),
        written_tokens=_cached(metadata, "cache_creation_input_tokens"),
        cost=to_nanos(row.get("spend") or 0.0),
        reported=True,  # what it comes of, only they know
        cache_hit=str(row.get("cache_hit")).lower() == "true",
        error_code=_text(fault.get("error_code")) if failed else None,
        error_class=_text(fault.get("error_class")) if failed else None,
        error_message=_text(fault.get("error_message")) if failed else None,
        payload=_payload(row),
        **texts,
    )


async def take_sums(source: Source, connection: AsyncConnection, report: Report, before: str | None) -> None:
    """Take the sums of the days before `before` over, in a transaction of ours; of all days when it is None."""
    for table, (kind, entity) in KINDS.items():
        if table not in source.tables:
            report.absent.append(table)
            continue
        part = report.part(table)
        sums: dict[tuple[str, ...], list[int]] = {}
        for row in await source.all(table):
            part.read += 1
            part.miss(row, _SUMMED | {entity})
            try:
                figures = _figures(row)
            except ValueError as error:
                part.leave_out(str(error), row["date"])
                continue
            if before is not None and row["date"] >= before:
                part.leave_out("the day has rows, which its sums are made of", row["date"])
                report.of_sums += figures[0] if table == _EVERYTHING else 0
                continue
            place = (row["date"], *(_name(row.get(field)) for field in ("api_key", "model", "model_group")))
            place += (
                _name(row.get("custom_llm_provider")),
                _name(_CALLS.get(row.get("endpoint") or "", row.get("endpoint"))),
            )
            owners = [("all", "")] if table == _EVERYTHING else []
            owners += [(kind, _name(row.get(entity)))] if row.get(entity) else []
            for owner in owners:
                held = sums.setdefault((*owner, *place), [0] * len(SUMS))
                held[:] = [one + more for one, more in zip(held, figures, strict=True)]
            report.of_days += figures[0] if table == _EVERYTHING else 0
            part.taken += 1
        await _add(connection, sums)


def compare(report: Report) -> None:
    """Say where their sums by day and their rows do not agree: what is missing there is missing here."""
    rows, sums = report.of_rows, report.of_sums
    if abs(sums - rows) > FUZZ + report.part(LOGS).read:
        report.part(_EVERYTHING).change(
            f"the days that have rows: {sums / NANOS:.6f} US dollars in their sums, {rows / NANOS:.6f} in their rows, "
            "which were taken",
            PREFIX + LOGS,
        )


async def _add(connection: AsyncConnection, sums: Mapping[tuple[str, ...], list[int]]) -> None:
    """Insert sums; those that are here stay as they are."""
    names = ("kind", "entity", "day", "key", "model", "model_group", "provider", "call_type")
    rows = [
        {**dict(zip(names, place, strict=True)), "logged": False, **dict(zip(SUMS, figures, strict=True))}
        for place, figures in sorted(sums.items())
    ]
    insert = postgresql.insert(DAILY) if connection.dialect.name == "postgresql" else sqlite.insert(DAILY)
    for start in range(0, len(rows), 500):
        await connection.execute(insert.on_conflict_do_nothing(), rows[start : start + 500])


def _figures(row: Row) -> list[int]:
    """Return what a row adds, in the order of SUMS."""
    return [
        to_nanos(row.get("spend") or 0.0),
        _count(row.get("prompt_tokens")),
        _count(row.get("completion_tokens")),
        _count(row.get("cache_read_input_tokens")),
        _count(row.get("cache_creation_input_tokens")),
        _count(row.get("api_requests")),
        _count(row.get("successful_requests")),
        _count(row.get("failed_requests")),
        0,
        int(row.get("total_response_time_ms") or 0),
        0,
    ]


def _name(value: object) -> str:
    return name(str(value)) if value else ""


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _count(value: Any) -> int:
    return max(0, int(value or 0))


def _cached(metadata: Mapping[str, Any], figure: str) -> int:
    for place in ("additional_usage_values", "usage_object"):
        held = metadata.get(place)
        if isinstance(held, dict) and isinstance(held.get(figure), int):
            return _count(held[figure])
    return 0


def _tags(value: object) -> tuple[str, ...]:
    found = document(value)
    return tuple(str(tag) for tag in found) if isinstance(found, list) else ()


def _microseconds(value: datetime) -> int:
    at = moment(value)
    return 0 if at is None else round(at.timestamp() * 1_000_000)


def _payload(row: Row) -> Payload | None:
    said = {part: document(row.get(theirs)) for part, theirs in _SAID.items()}
    if not any(said.values()):
        return None
    kept = {part: msgspec.json.encode(value) if value else b"" for part, value in said.items()}
    return Payload(kept["messages"], kept["response"], kept["request"])
