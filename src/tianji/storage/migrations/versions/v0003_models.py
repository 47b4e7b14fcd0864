"""What the database adds to the configuration: deployments and fallbacks."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from tianji.storage.columns import Moment, document

revision = "0003"
down_revision = "0002"

_Columns = Iterator["sa.Column[Any]"]


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "models",
        sa.Column("model_id", sa.Text, primary_key=True),
        sa.Column("model_name", sa.Text, nullable=False),
        *(sa.Column(name, document()) for name in ("litellm_params", "model_info")),
        sa.Column("blocked", sa.Boolean, nullable=False, server_default=sa.false()),
        *_history(),
    )
    op.create_table(
        "fallbacks",
        sa.Column("model", sa.Text, primary_key=True),
        sa.Column("fallback_type", sa.Text, primary_key=True),
        sa.Column("fallback_models", document()),
        *_history(),
    )


def _history() -> _Columns:
    yield from (sa.Column(name, Moment, nullable=False) for name in ("created_at", "updated_at"))
    yield from (sa.Column(name, sa.Text) for name in ("created_by", "updated_by"))
