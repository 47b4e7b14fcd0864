"""How many tokens the batches under way may have, for whoever has limits by a budget: customers and tags, too."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add the column."""
    op.add_column("budgets", sa.Column("batch_enqueued_token_limit", sa.BigInteger))
