"""Find entries of the audit log by the team or the key that they are about, and by person, action and table."""

import sqlalchemy as sa
from alembic import op

from tianji.storage.columns import document

revision = "0018"
down_revision = "0017"

_ABOUT = ("object_team_id", "former_team_id", "renamed_to")


def upgrade() -> None:
    """Add the columns and the indexes, and take teams out of what entries say."""
    for name in _ABOUT:
        op.add_column("audit_log", sa.Column(name, sa.Text))
    values = [sa.column(name, document()) for name in ("before_value", "updated_values")]
    log = sa.table("audit_log", *values, *(sa.column(name, sa.Text) for name in _ABOUT))
    before, after = (log.c[value.name]["team_id"].as_string() for value in values)
    told = sa.or_(before.is_not(None), after.is_not(None))
    op.execute(
        sa.update(log)
        .where(told)
        .values(object_team_id=sa.func.coalesce(after, before), former_team_id=sa.case((before != after, before)))
    )
    op.create_index(
        "ix_audit_log_changed_by_action", "audit_log", ["changed_by", "action", "table_name", "updated_at", "number"]
    )
    for name in _ABOUT:
        about = sa.text(f"{name} IS NOT NULL")
        op.create_index(
            f"ix_audit_log_{name}", "audit_log", [name, "updated_at", "number", "action", "table_name"],
            sqlite_where=about, postgresql_where=about,
        )  # fmt: skip
