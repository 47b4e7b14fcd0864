"""Ids of vector stores begin so that requests of models may name them."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

_FORMER, _NOW = "vs_tj", "vs-tj"


def upgrade() -> None:
    """Write the ids anew, also where others refer to them."""
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
