"""What callers have taken of limits that count for longer than a minute."""

import sqlalchemy as sa
from alembic import op

from tianji.storage.columns import Moment

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "allotments",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("holder", sa.Text, primary_key=True),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("taken_at", Moment, nullable=False),
        sa.Column("in_use", sa.Boolean, nullable=False),
    )
    op.create_index("ix_allotments_holder", "allotments", ["holder", "taken_at"])
