"""Ids of vector stores begin so that requests of models may name them; what is to be removed at upstreams."""

import sqlalchemy as sa
from alembic import op

from tianji.storage.columns import Moment

revision = "0020"
down_revision = "0019"

_FORMER, _NOW = "vs_tj", "vs-tj"


def upgrade() -> None:
    """Write the ids anew, also where others refer to them, and make the table."""
    objects = sa.table("objects", *(sa.column(name, sa.Text) for name in ("id", "body")))
    op.execute(
        sa.update(objects)
        .where(objects.c.id.startswith(_FORMER, autoescape=True))
        .values(id=sa.func.replace(objects.c.id, _FORMER, _NOW))
    )
    op.execute(
        sa.update(objects)
        .where(objects.c.body.contains(_FORMER, autoescape=True))
        .values(body=sa.func.replace(objects.c.body, f'"{_FORMER}', f'"{_NOW}'))
    )
    op.create_table(
        "removals",
        sa.Column("name", sa.Text, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("deployment_id", "call", "holder")),
        *(sa.Column(name, Moment, nullable=False) for name in ("noted_at", "due_at")),
    )
    for name in ("due_at", "holder"):
        op.create_index(f"ix_removals_{name}", "removals", [name])
