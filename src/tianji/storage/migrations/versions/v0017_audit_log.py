"""What management changed, and how far each destination was told of it."""

from typing import Final

import sqlalchemy as sa
from alembic import op

from tianji.storage.columns import Moment, document

revision = "0017"
down_revision = "0016"

INDEXES: Final = (
    ("updated_at", "number", "action", "table_name"),
    ("changed_by", "updated_at", "number", "action", "table_name"),
    ("changed_by_api_key", "updated_at", "number", "action", "table_name"),
    ("action", "updated_at", "number", "table_name"),
    ("table_name", "updated_at", "number", "action"),
    ("object_id", "updated_at", "number"),
)


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "audit_log",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("updated_at", Moment, nullable=False),
        *(sa.Column(name, sa.Text) for name in ("changed_by", "changed_by_api_key")),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("action", "table_name", "object_id")),
        *(sa.Column(name, document()) for name in ("before_value", "updated_values")),
        sqlite_autoincrement=True,
    )
    for names in INDEXES:
        op.create_index(f"ix_audit_log_{names[0]}", "audit_log", list(names))
    op.create_table(
        "audit_destinations",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("due_at", Moment, nullable=False),
    )
