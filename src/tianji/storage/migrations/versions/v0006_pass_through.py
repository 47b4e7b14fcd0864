"""Paths that the database leads elsewhere."""

import sqlalchemy as sa
from alembic import op

from tianji.storage.columns import Moment

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "pass_through_endpoints",
        sa.Column("id", sa.Text, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("path", "endpoint")),
        *(sa.Column(name, Moment, nullable=False) for name in ("created_at", "updated_at")),
        *(sa.Column(name, sa.Text) for name in ("created_by", "updated_by")),
    )
