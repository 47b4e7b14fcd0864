"""Rows of the ledger name the project, and spend says since when it counts."""

from typing import Final

import sqlalchemy as sa
from alembic import op

from tianji.storage.columns import Moment

revision = "0016"
down_revision = "0015"

SPENDERS: Final = (
    "organizations", "users", "organization_members", "teams", "team_members", "projects", "keys", "customers", "tags",
)  # fmt: skip
BUDGETS: Final = ("budgets", "users", "teams", "keys")
OF_ROWS: Final = (
    "id", "request_id", "call_id", "account", "started_at", "ended_at", "answered_at", "attempt", "status", "end_user",
    "session_id", "ip", "prompt_tokens", "completion_tokens", "cached_tokens", "written_tokens", "reasoning_tokens",
    "cost", "quantities", "flags", "error_code", "error_class", "error_message", "guardrails",
)  # fmt: skip
FLAGS: Final = ("stream", "cache_hit", "estimated", "suspect")  # of the lowest bit first
OF_ACCOUNTS: Final = (
    "call_type", "model_group", "model", "provider", "deployment_id", "api_base", "key", "user_id", "team_id",
    "project_id", "key_alias", "organization_id", "agent_id", "tags", "rates",
)  # fmt: skip


def upgrade() -> None:
    """Add the columns, show the project in the view, and find what is due by an index."""
    op.add_column("ledger_accounts", sa.Column("project_id", sa.Text))
    op.create_index("ix_ledger_accounts_project_id", "ledger_accounts", ["project_id"])
    for table in SPENDERS:
        op.add_column(table, sa.Column("spend_since", Moment))
    for table in BUDGETS:
        op.create_index(f"ix_{table}_budget_reset_at", table, ["budget_reset_at"])
    named = [f"r.{name}" for name in OF_ROWS]
    named += [f"(r.flags & {1 << bit}) <> 0 AS {name}" for bit, name in enumerate(FLAGS)]
    named += [f"a.{name}" for name in OF_ACCOUNTS]
    both = "ledger_rows r JOIN ledger_accounts a ON a.id = r.account"
    op.execute("DROP VIEW ledger")
    op.execute(f"CREATE VIEW ledger AS SELECT {', '.join(named)} FROM {both}")  # noqa: S608  all names are ours
