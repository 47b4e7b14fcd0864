"""Rows of the ledger without what they have in common, which is kept once; `ledger` is a view of both."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from alembic import op

from tianji.storage.columns import nanos

revision = "0012"
down_revision = "0011"

AT_ONCE: Final = 5000  # rows
REMEMBERED: Final = 100_000  # accounts
COMMON: Final = (
    "call_type", "model_group", "model", "provider", "deployment_id", "api_base", "key", "user_id", "team_id",
    "key_alias", "organization_id", "agent_id", "tags",
)  # fmt: skip
OWN: Final = (
    "request_id", "call_id", "started_at", "ended_at", "answered_at", "attempt", "status", "end_user", "session_id",
    "ip", "prompt_tokens", "completion_tokens", "cached_tokens", "written_tokens", "reasoning_tokens", "cost",
    "error_code", "error_class", "error_message",
)  # fmt: skip
FLAGS: Final = ("stream", "cache_hit", "estimated", "suspect")  # of the lowest bit first
LISTED: Final = ("started_at", "id", "account", "cost", "ended_at", "prompt_tokens", "completion_tokens", "flags")
INDEXED: Final = {
    "end_user": (("end_user", "started_at", "id"), "end_user IS NOT NULL"),
    "session_id": (("session_id", "started_at", "id"), "session_id IS NOT NULL"),
    "failed": (("started_at", "id"), "status = 'failure'"),
    "hit": (("started_at", "id"), "flags & 2 = 2"),
}

_Row = dict[str, Any]
_Common = tuple[Any, ...]
"""The values of COMMON, and what rates come of."""


def upgrade() -> None:
    """Make both tables, fill them, and put the view in the place of the table."""
    accounts, rows = _accounts(), _rows()
    fill(op.get_bind(), accounts, rows)
    op.drop_table("ledger")
    for name in ("key", "user_id", "team_id"):
        op.create_index(f"ix_ledger_accounts_{name}", "ledger_accounts", [name])
    op.create_index("ix_ledger_rows_listed", "ledger_rows", LISTED)
    op.create_index("ix_ledger_rows_account", "ledger_rows", ["account", "started_at", "id"])
    for name, (columns, where) in INDEXED.items():
        only = sa.text(where)
        op.create_index(f"ix_ledger_rows_{name}", "ledger_rows", columns, sqlite_where=only, postgresql_where=only)
    named = [f"r.{column.name}" for column in rows.c]
    named += [f"(r.flags & {1 << bit}) <> 0 AS {name}" for bit, name in enumerate(FLAGS)]
    named += [f"a.{column.name}" for column in accounts.c if column.name not in ("id", "digest")]
    both = "ledger_rows r JOIN ledger_accounts a ON a.id = r.account"
    op.execute(f"CREATE VIEW ledger AS SELECT {', '.join(named)} FROM {both}")  # noqa: S608  all names are ours


def fill(connection: sa.Connection, accounts: sa.Table, rows: sa.Table) -> None:
    """Take the rows over, in the order in which requests began: a million in a minute, most of it their indexes."""
    known: dict[_Common, int] = {}
    count = 0
    inserting = _inserting(connection, rows.name)
    for page in _pages(connection):
        if len(known) > REMEMBERED:
            known.clear()
        split = [_split(row) for row in page]
        count = _number(connection, accounts, known, count, (common for common, _ in split))
        connection.exec_driver_sql(inserting, [(*own, known[common]) for common, own in split])
    if connection.dialect.name == "postgresql":  # what was numbered here is unknown to the sequence
        connection.execute(
            sa.text("SELECT setval(pg_get_serial_sequence('ledger_accounts', 'id'), :count, false)"),
            {"count": count + 1},
        )


def _number(
    connection: sa.Connection, accounts: sa.Table, known: dict[_Common, int], count: int, given: Iterable[_Common]
) -> int:
    """See to it that what rows have in common is known by its number; return how many there are now."""
    unknown = dict.fromkeys(common for common in given if common not in known)
    missing = {_digest(account): (common, account) for common in unknown if (account := _account(common))}
    numbers: dict[str, int] = {}
    for names in _parts(list(missing)):
        there = sa.select(accounts.c.digest, accounts.c.id).where(accounts.c.digest.in_(names))
        numbers |= dict(connection.execute(there).all())
    fresh = [name for name in missing if name not in numbers]
    if fresh:
        numbers |= {name: count + at for at, name in enumerate(fresh, 1)}
        made = [{"id": numbers[name], "digest": name, **missing[name][1]} for name in fresh]
        connection.execute(sa.insert(accounts), made)
    known.update((common, numbers[name]) for name, (common, _) in missing.items())
    return count + len(fresh)


def _inserting(connection: sa.Connection, table: str) -> str:
    """Return the statement for the driver itself: to look at each value takes longer than all that the driver does."""
    names = (*OWN, "quantities", "guardrails", "flags", "account")
    places = range(1, len(names) + 1)
    marks = [f"${place}" if connection.dialect.name == "postgresql" else "?" for place in places]
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(marks)})"  # noqa: S608  all names are ours


def _pages(connection: sa.Connection) -> Iterator[Sequence[sa.Row[Any]]]:
    old = sa.table("ledger", *(sa.column(name) for name in (*OWN, *FLAGS, *COMMON, "facts")))
    order = (old.c.started_at, old.c.request_id)
    wanted = sa.select(old).order_by(*order).limit(AT_ONCE)
    page = connection.execute(wanted).all()
    while page:
        yield page
        last = sa.tuple_(sa.literal(page[-1].started_at), sa.literal(page[-1].request_id))
        page = connection.execute(wanted.where(sa.tuple_(*order) > last)).all()


class _Facts(msgspec.Struct, frozen=True):
    """What a cost comes of, as rows had it."""

    items: tuple[tuple[str, int, int], ...] | None = None
    factors: tuple[tuple[int, ...], ...] | None = None
    catalogue: str | None = None
    reported: bool | None = None
    guardrails: Any = None


_facts: Final = msgspec.json.Decoder(_Facts).decode


def _split(row: Sequence[Any]) -> tuple[_Common, tuple[Any, ...]]:
    """Return what a row has in common with others, and what is its own."""
    facts = _facts(row[-1] or "{}")
    items = facts.items or ()
    rates = (tuple((kind, rate) for kind, _, rate in items), facts.factors, facts.catalogue or "", bool(facts.reported))
    flags = sum(bool(value) << bit for bit, value in enumerate(row[len(OWN) : len(OWN) + len(FLAGS)]))
    own = row[: len(OWN)]
    quantities = _json([quantity for _, quantity, _ in items])
    guardrails = _json(facts.guardrails) if facts.guardrails else None
    return (*row[len(OWN) + len(FLAGS) : -1], rates), (*own, quantities, guardrails, flags)


def _account(common: _Common) -> _Row:
    """Return the row of an account, without its number."""
    items, factors, catalogue, reported = common[-1]
    rates = {"items": items, "factors": factors, "catalogue": catalogue, "reported": reported}
    return dict(zip(COMMON, common[:-1], strict=True)) | {"rates": _json(rates)}


def _digest(account: _Row) -> str:
    return hashlib.sha256(_json([*account.values()]).encode()).hexdigest()[:32]


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _parts(names: list[str]) -> Iterator[list[str]]:
    rest = iter(names)
    while part := list(islice(rest, AT_ONCE)):
        yield part


def _text(names: str) -> "Iterator[sa.Column[Any]]":
    return (sa.Column(name, sa.Text) for name in names.split())


def _counts(names: str) -> "Iterator[sa.Column[Any]]":
    return (sa.Column(name, sa.BigInteger, nullable=False, server_default="0") for name in names.split())


def _numbered() -> "sa.Column[Any]":
    return sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True)


def _accounts() -> sa.Table:
    return op.create_table(
        "ledger_accounts",
        _numbered(),
        sa.Column("digest", sa.Text, nullable=False, unique=True),
        *_text("call_type model_group model provider deployment_id api_base key user_id team_id"),
        *_text("key_alias organization_id agent_id tags rates"),
    )


def _rows() -> sa.Table:
    return op.create_table(
        "ledger_rows",
        _numbered(),
        sa.Column("request_id", sa.Text, nullable=False, unique=True),
        sa.Column("call_id", sa.Text, nullable=False),
        sa.Column("account", sa.BigInteger, nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger, nullable=False),
        sa.Column("answered_at", sa.BigInteger),
        *_counts("attempt"),
        *_text("status end_user session_id ip"),
        *_counts("prompt_tokens completion_tokens cached_tokens written_tokens reasoning_tokens"),
        sa.Column("cost", nanos(), nullable=False),
        *_text("quantities"),
        *_counts("flags"),
        *_text("error_code error_class error_message guardrails"),
    )
