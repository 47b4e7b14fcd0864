"""Projects, which stand between a team and its keys."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from tianji.storage.columns import Moment, document, nanos

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Make the table, and find keys by their project."""
    op.create_table(
        "projects",
        sa.Column("project_id", sa.Text, primary_key=True),
        sa.Column("team_id", sa.Text, index=True),
        *_text("project_alias description budget_id"),
        sa.Column("blocked", sa.Boolean, nullable=False, server_default=sa.false()),
        *(sa.Column(name, document()) for name in ("models", "metadata", "object_permission", "model_spend")),
        sa.Column("spend", nanos(), nullable=False, server_default="0"),
        *(sa.Column(name, Moment, nullable=False) for name in ("created_at", "updated_at")),
        *_text("created_by updated_by"),
    )
    op.create_index("ix_keys_project_id", "keys", ["project_id"])


def _text(names: str) -> Iterator["sa.Column[Any]"]:
    return (sa.Column(name, sa.Text) for name in names.split())
