"""Rows of the ledger name the client program, and have what is noted of their spend."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

OF_ROWS: Final = (
    "id", "request_id", "call_id", "account", "started_at", "ended_at", "answered_at", "attempt", "status", "end_user",
    "session_id", "ip", "prompt_tokens", "completion_tokens", "cached_tokens", "written_tokens", "reasoning_tokens",
    "cost", "quantities", "flags", "error_code", "error_class", "error_message", "guardrails", "spend_logs_metadata",
)  # fmt: skip
FLAGS: Final = ("stream", "cache_hit", "estimated", "suspect")  # of the lowest bit first
OF_ACCOUNTS: Final = (
    "call_type", "model_group", "model", "provider", "deployment_id", "api_base", "key", "user_id", "team_id",
    "project_id", "key_alias", "organization_id", "agent_id", "user_agent", "tags", "rates",
)  # fmt: skip


def upgrade() -> None:
    """Add the columns, and show them in the view."""
    op.add_column("ledger_accounts", sa.Column("user_agent", sa.Text))
    op.add_column("ledger_rows", sa.Column("spend_logs_metadata", sa.Text))
    named = [f"r.{name}" for name in OF_ROWS]
    named += [f"(r.flags & {1 << bit}) <> 0 AS {name}" for bit, name in enumerate(FLAGS)]
    named += [f"a.{name}" for name in OF_ACCOUNTS]
    both = "ledger_rows r JOIN ledger_accounts a ON a.id = r.account"
    op.execute("DROP VIEW ledger")
    op.execute(f"CREATE VIEW ledger AS SELECT {', '.join(named)} FROM {both}")  # noqa: S608  all names are ours
