"""Settings of the database."""

import sqlalchemy as sa
from alembic import op

from tianji.storage.columns import Moment

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "settings",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("settings", sa.Text, nullable=False),
        *(sa.Column(name, Moment, nullable=False) for name in ("created_at", "updated_at")),
        *(sa.Column(name, sa.Text) for name in ("created_by", "updated_by")),
    )
