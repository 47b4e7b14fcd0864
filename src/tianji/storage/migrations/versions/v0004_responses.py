"""Responses that clients may ask for again, or go on from."""

import sqlalchemy as sa
from alembic import op

from tianji.storage.columns import Moment

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "responses",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("created_at", Moment, nullable=False),
        *(sa.Column(name, sa.Text) for name in ("key", "user_id", "team_id", "previous_id", "input", "response")),
        sa.Column("running", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("seen_at", Moment),
    )
    op.create_index("ix_responses_created_at", "responses", ["created_at"])
