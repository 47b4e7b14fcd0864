"""Guardrails of the database."""

import sqlalchemy as sa
from alembic import op

from tianji.storage.columns import Moment

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "guardrails",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("guardrail", "status")),
        sa.Column("team_id", sa.Text),
        *(sa.Column(name, Moment) for name in ("submitted_at", "reviewed_at")),
        *(sa.Column(name, Moment, nullable=False) for name in ("created_at", "updated_at")),
        *(sa.Column(name, sa.Text) for name in ("created_by", "updated_by")),
    )
