"""How many tokens of completions the cache gave, among the sums by day."""

import json
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

KINDS: Final = ("user", "team", "organization", "customer", "agent")
ENTITIES: Final = ("user_id", "team_id", "organization_id", "end_user", "agent_id")
REST: Final = ("key", "model", "model_group", "provider", "call_type")
_DAY: Final = 86_400_000_000  # microseconds


def upgrade() -> None:
    """Add the column, and sum up what hits have rows."""
    op.add_column("daily_spend", sa.Column("spared_tokens", sa.BigInteger, nullable=False, server_default="0"))
    connection = op.get_bind()
    named = (*REST, *ENTITIES, "tags", "started_at", "completion_tokens")
    rows = sa.table("ledger", *(sa.column(name) for name in (*named, "flags")))
    day = (rows.c.started_at - rows.c.started_at % _DAY).label("began")  # integers on both engines
    groups = (day, *(rows.c[name] for name in (*REST, *ENTITIES, "tags")))
    hits = sa.select(*groups, sa.func.sum(rows.c.completion_tokens).label("more")).group_by(*groups)
    sums: dict[tuple[str, ...], int] = {}
    for found in connection.execute(hits.where(sa.text("flags & 2 = 2"))).mappings():
        for group in _groups(found):
            sums[group] = sums.get(group, 0) + int(found["more"])
    _add(connection, sums)


def _groups(found: Any) -> list[tuple[str, ...]]:
    """Return the sums by day that rows which are alike are part of."""
    of = [("all", "")]
    of += [(kind, found[name]) for kind, name in zip(KINDS, ENTITIES, strict=True) if found[name]]
    of += [("tag", tag) for tag in json.loads(found["tags"] or "[]")]
    when = datetime.fromtimestamp(found["began"] // 1_000_000, UTC).strftime("%Y-%m-%d")
    rest = tuple(found[name] for name in REST)
    return [(kind, when, entity, *rest) for kind, entity in of]


def _add(connection: sa.Connection, sums: dict[tuple[str, ...], int]) -> None:
    place = ("kind", "day", "entity", *REST)
    daily = sa.table("daily_spend", *(sa.column(name) for name in (*place, "logged", "spared_tokens")))
    here = [daily.c[name] == sa.bindparam(f"of_{name}") for name in place]
    grown = sa.update(daily).where(*here, daily.c.logged == sa.true()).values(spared_tokens=sa.bindparam("more"))
    if sums:
        of = [f"of_{name}" for name in place]
        connection.execute(grown, [{**dict(zip(of, group, strict=True)), "more": n} for group, n in sums.items()])
