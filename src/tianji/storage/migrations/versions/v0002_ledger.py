"""The ledger, its sums by day, and how far each journal is in it."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from tianji.storage.columns import Moment, nanos

revision = "0002"
down_revision = "0001"

_Columns = Iterator["sa.Column[Any]"]


def _text(names: str) -> _Columns:
    return (sa.Column(name, sa.Text) for name in names.split())


def _counts(names: str) -> _Columns:
    return (sa.Column(name, sa.BigInteger, nullable=False, server_default="0") for name in names.split())


def upgrade() -> None:
    """Make all tables."""
    _ledger()
    _sums()
    op.create_table("payloads", sa.Column("request_id", sa.Text, primary_key=True), *_text("messages response request"))
    op.create_table(
        "journals",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("moved_at", Moment, nullable=False),
    )
    op.create_table(
        "ledger_state",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )


def _ledger() -> None:
    flags = ("stream", "cache_hit", "estimated", "suspect")
    op.create_table(
        "ledger",
        sa.Column("request_id", sa.Text, primary_key=True),
        sa.Column("call_id", sa.Text, nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger, nullable=False),
        sa.Column("answered_at", sa.BigInteger),
        *_counts("attempt"),
        *_text("status call_type model_group model provider deployment_id api_base"),
        *_text("key key_alias user_id team_id organization_id end_user agent_id session_id ip tags"),
        *_counts("prompt_tokens completion_tokens cached_tokens written_tokens reasoning_tokens"),
        sa.Column("cost", nanos(), nullable=False),
        *_text("facts"),
        *(sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false()) for name in flags),
        *_text("error_code error_class error_message"),
    )
    op.create_index("ix_ledger_session_id", "ledger", ["session_id"])
    op.create_index("ix_ledger_started_at", "ledger", ["started_at", "request_id"])
    for name in ("key", "user_id", "team_id", "end_user", "model", "model_group", "status"):
        op.create_index(f"ix_ledger_{name}", "ledger", [name, "started_at", "request_id"])


def _sums() -> None:
    names = ("kind", "day", "entity", "key", "model", "model_group", "provider", "call_type")
    op.create_table(
        "daily_spend",
        *(sa.Column(name, sa.Text, primary_key=True) for name in names),
        sa.Column("logged", sa.Boolean, primary_key=True),
        sa.Column("spend", nanos(), nullable=False, server_default="0"),
        *_counts("prompt_tokens completion_tokens cached_tokens written_tokens"),
        *_counts("requests successes failures cache_hits milliseconds"),
    )
    op.create_index("ix_daily_spend_entity", "daily_spend", ["kind", "entity", "day"])
