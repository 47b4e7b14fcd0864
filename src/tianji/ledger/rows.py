"""From entries to rows: of the ledger itself, and of the sums by day and by whose spend it is."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from operator import add
from types import MappingProxyType
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from tianji._core.journal.sheet import Sheet, Sum
from tianji.ledger import terms
from tianji.ledger.entry import Entry, decoded, encoded
from tianji.ledger.names import LONGEST, name
from tianji.ledger.terms import Terms
from tianji.storage.tables import (
    CUSTOMERS,
    KEYS,
    ORGANIZATION_MEMBERS,
    ORGANIZATIONS,
    PROJECTS,
    TAGS,
    TEAM_MEMBERS,
    TEAMS,
    USERS,
)

Row = dict[str, Any]
LONGEST_RUNS: Final = 32768  # bytes of what guardrails did
_OF_RUNS: Final = (
    "guardrail_name",
    "guardrail_provider",
    "guardrail_mode",
    "guardrail_status",
    "guardrail_action",
    "duration",
)
"""What a row keeps of each run where all of it is too much."""
COLUMNS: Final = (  # of `ledger_rows`, in the order in which a sheet has them
    "request_id", "call_id", "account", "started_at", "ended_at", "answered_at", "attempt", "status", "end_user",
    "session_id", "ip", "prompt_tokens", "completion_tokens", "cached_tokens", "written_tokens", "reasoning_tokens",
    "cost", "quantities", "flags", "error_code", "error_class", "error_message", "guardrails", "spend_logs_metadata",
)  # fmt: skip
GROUPS: Final = ("kind", "day", "entity", "key", "model", "model_group", "provider", "call_type")
SUMS: Final = (
    "spend", "prompt_tokens", "completion_tokens", "cached_tokens", "written_tokens", "requests", "successes",
    "failures", "cache_hits", "milliseconds", "spared_tokens",
)  # fmt: skip
KINDS: Final = ("all", "user", "team", "organization", "customer", "agent", "project", "tag")
_DAY: Final = 86_400  # seconds
_FLAGS: Final = ("stream", "cache_hit", "estimated", "suspect")  # bits of `flags`, the lowest first
_TRANSLATED: Final = frozenset({"account", "quantities", "flags", "guardrails"})
_OWN: Final = (*(column for column in COLUMNS if column not in _TRANSLATED), *_FLAGS)


def sheet() -> Sheet:
    """Return an empty sheet."""
    return Sheet(terms.opened, _mended, _runs, terms.shortened, name, LONGEST)


def sheet_of(entries: Iterable[Entry]) -> Sheet:
    """Return a sheet with these entries on it."""
    made = sheet()
    made.take([encoded(entry) for entry in entries])
    return made


def _runs(said: bytes) -> str | None:
    """Return the runs of guardrails as they are kept: without what vendors said, where that is too much.

    said: the member of the entry, as msgpack. Raises ValueError for what is none.
    """
    try:
        runs = msgspec.msgpack.decode(said, type=bytes)
        if len(runs) > LONGEST_RUNS:
            known: list[Row] = msgspec.json.decode(runs)
            runs = msgspec.json.encode([{key: one[key] for key in _OF_RUNS if key in one} for one in known])
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error
    return None if runs in (b"", b"[]") else runs.decode().replace("\0", "")


def entry_of(row: Mapping[str, Any]) -> Entry:
    """Return the entry that a row of the view was made of, as far as the row says."""
    runs = (row["guardrails"] or "").encode()
    return Entry(**{column: row[column] for column in _OWN}, **terms.of_row(row), guardrails=runs)


def payload(entry: Entry) -> Row | None:
    """Return the row of what was said, if that is to be kept."""
    said = entry.payload
    if said is None or not (said.messages or said.response or said.request):
        return None
    return {
        "request_id": name(entry.request_id),
        **{part: _document(getattr(said, part)) for part in ("messages", "response", "request")},
    }


def day(microseconds: int) -> str:
    """Return the day in UTC, YYYY-MM-DD."""
    return datetime.fromtimestamp(microseconds // 1_000_000, UTC).strftime("%Y-%m-%d")


def daily(sums: Iterable[Sum], *, logged: bool) -> list[Row]:
    """Return what entries add to the sums by day, in the order of the key, so that nobody waits crosswise."""
    made: dict[tuple[str, ...], tuple[int, ...]] = {}
    for one in sums:
        held: Terms = one.account.shared.terms
        rest = (held.key, held.model, held.model_group, held.provider, held.call_type)
        when, figures = day(one.day * _DAY * 1_000_000), one.figures
        for kind, entity in _entities(held, one.end_user):
            group = (kind, when, entity, *rest)
            known = made.get(group)
            made[group] = figures if known is None else tuple(map(add, known, figures))
    return [
        {**dict(zip(GROUPS, group, strict=True)), "logged": logged, **dict(zip(SUMS, made[group], strict=True))}
        for group in sorted(made)
    ]


def spent(
    sums: Iterable[Sum], heirs: Mapping[str, str] = MappingProxyType({})
) -> Iterator[tuple[sa.Table, tuple[str, ...], dict[tuple[str, ...], int]]]:
    """Yield tables, the columns that name a row there, and what each row's spend grows by.

    heirs: what keys are called now whose secret was replaced, see `periods.heirs`
    """
    paid = [(one.account.shared.terms, one.end_user, cost) for one in sums if (cost := one.figures[0])]
    for table, columns, names in _SPENDERS:
        grown: dict[tuple[str, ...], int] = {}
        for held, end_user, cost in paid:
            for found in names(held, end_user):
                if table is KEYS and heirs:
                    found = tuple(heirs.get(name, name) for name in found)  # noqa: PLW2901
                grown[found] = grown.get(found, 0) + cost
        if grown:
            yield table, columns, dict(sorted(grown.items()))


_Names = Callable[[Terms, str | None], Iterable[tuple[str, ...]]]


def _one(*fields: str) -> _Names:
    def names(held: Terms, _end_user: str | None) -> Iterable[tuple[str, ...]]:
        found = tuple(getattr(held, field) for field in fields)
        return (found,) if all(found) else ()

    return names


_SPENDERS: Final[tuple[tuple[sa.Table, tuple[str, ...], _Names], ...]] = (
    (KEYS, ("token",), _one("key")),
    (USERS, ("user_id",), _one("user_id")),
    (TEAMS, ("team_id",), _one("team_id")),
    (TEAM_MEMBERS, ("team_id", "user_id"), _one("team_id", "user_id")),
    (ORGANIZATIONS, ("organization_id",), _one("organization_id")),
    (ORGANIZATION_MEMBERS, ("organization_id", "user_id"), _one("organization_id", "user_id")),
    (PROJECTS, ("project_id",), _one("project_id")),
    (CUSTOMERS, ("user_id",), lambda _, end_user: [(end_user,)] if end_user else []),
    (TAGS, ("name",), lambda held, _: [(tag,) for tag in held.tags]),
)


def _entities(held: Terms, end_user: str | None) -> Iterator[tuple[str, str]]:
    yield "all", ""
    fields = (held.user_id, held.team_id, held.organization_id, end_user, held.agent_id, held.project_id)
    for kind, entity in zip(KINDS[1:], fields, strict=False):
        if entity:
            yield kind, entity
    for tag in held.tags:
        yield "tag", tag


def _mended(body: bytes) -> bytes:
    """Encode an entry of an older release as this one does. Raises ValueError for what is none."""
    try:
        return encoded(decoded(body))
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error


def _document(data: bytes) -> str | None:
    return data.decode("utf-8", "replace").replace("\0", "") or None
