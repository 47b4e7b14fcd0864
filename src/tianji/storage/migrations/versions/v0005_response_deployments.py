"""Which deployment made a response: what goes on from it has to be asked there, where the upstream keeps it itself."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column."""
    op.add_column("responses", sa.Column("deployment_id", sa.Text))
