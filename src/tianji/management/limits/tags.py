"""Tags: what requests are marked with, for routing and for budgets."""

import sqlalchemy as sa
from msgspec import UNSET, Struct

from tianji.errors import ObjectNotFound, Unacceptable
from tianji.management.desk import Call, Row
from tianji.management.keys.fields import Names, Text
from tianji.management.limits import budgets
from tianji.management.limits.budgets import Budget
from tianji.management.wire import sent, shown
from tianji.storage.tables import TAGS


class Tag(Budget, kw_only=True):
    """What may be said of a tag, and of a budget of its own."""

    name: str
    description: Text = UNSET
    models: Names = UNSET


class One(Struct, kw_only=True):
    """Which tag is meant."""

    name: str


class Several(Struct, kw_only=True):
    """Which tags are meant."""

    names: list[str]


async def new(call: Call) -> Row:
    """Make a tag."""
    values = sent(call.body(Tag))
    name = values["name"]
    if not name or await call.one(TAGS, name=name) is not None:
        raise Unacceptable(f"Tag {name[:80]!r} exists already, or is no name", param="name")
    await budgets.attach(call, values)
    call.change("tag", name)
    row = await call.insert(TAGS, **values)
    return {"message": f"Tag {name} created successfully", "tag": _told(row)}


async def update(call: Call) -> Row:
    """Change what was sent of a tag."""
    values = sent(call.body(Tag))
    before = await _found(call, values.pop("name"))
    await budgets.attach(call, values, before)
    call.change("tag", before["name"])
    row = await call.update(TAGS, {"name": before["name"]}, **values)
    return {"message": f"Tag {before['name']} updated successfully", "tag": _told(row)}


async def info(call: Call) -> dict[str, Row]:
    """Describe several tags."""
    rows = [await _found(call, name) for name in call.body(Several).names]
    return {
        row["name"]: {**_told(row), "litellm_budget_table": await budgets.told(call, row["budget_id"])} for row in rows
    }


async def listed(call: Call) -> list[Row]:
    """List all tags."""
    rows = await call.all(sa.select(TAGS).order_by(TAGS.c.name))
    return [{**_told(row), "litellm_budget_table": await budgets.told(call, row["budget_id"])} for row in rows]


async def delete(call: Call) -> Row:
    """Delete a tag."""
    row = await _found(call, call.body(One).name)
    call.change("tag", row["name"])
    await call.execute(sa.delete(TAGS).where(TAGS.c.name == row["name"]))
    return {"message": f"Tag {row['name']} deleted successfully"}


async def _found(call: Call, name: str) -> Row:
    row = await call.one(TAGS, name=name)
    if row is None:
        raise ObjectNotFound("this tag does not exist; GET /tag/list lists those that do", param="name")
    return row


def _told(row: Row) -> Row:
    told = shown(row)
    return {
        name: told[name]
        for name in ("name", "description", "models", "model_info", "created_at", "updated_at", "created_by")
    }
