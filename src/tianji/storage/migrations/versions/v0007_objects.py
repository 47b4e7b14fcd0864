"""What callers have had made at upstreams: files, batches and their kin."""

import sqlalchemy as sa
from alembic import op

from tianji.storage.columns import Moment

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "objects",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("payer", sa.Text),
    )
    op.create_index("ix_objects_owner", "objects", ["owner", "kind", "created_at", "id"])
