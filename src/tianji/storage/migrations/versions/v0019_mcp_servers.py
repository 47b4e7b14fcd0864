"""MCP servers of the database."""

import sqlalchemy as sa
from alembic import op

from tianji.storage.columns import Moment

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "mcp_servers",
        sa.Column("server_id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("server", sa.Text, nullable=False),
        *(sa.Column(name, Moment, nullable=False) for name in ("created_at", "updated_at")),
        *(sa.Column(name, sa.Text) for name in ("created_by", "updated_by")),
    )
