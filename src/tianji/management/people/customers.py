"""Customers: the end users that requests name, who have no keys."""

from typing import Any, Final

import sqlalchemy as sa
from msgspec import UNSET, Struct

from tianji.errors import InvalidRequest, ObjectNotFound
from tianji.management.desk import Call, Row
from tianji.management.keys.fields import Flag, Names, Number, Table, Text
from tianji.management.limits import budgets
from tianji.management.limits.budgets import Budget
from tianji.management.wire import sent, shown
from tianji.storage.tables import CUSTOMERS

_TOLD: Final = (
    "user_id", "blocked", "alias", "spend", "allowed_model_region", "default_model", "models", "budget_id",
    "object_permission",
)  # fmt: skip


class Customer(Budget, kw_only=True):
    """What may be said of a customer, and of a budget of his own."""

    user_id: str
    alias: Text = UNSET
    blocked: Flag = UNSET
    spend: Number = UNSET
    allowed_model_region: Text = UNSET
    default_model: Text = UNSET
    models: Names = UNSET
    object_permission: Table = UNSET


class Several(Struct, kw_only=True):
    """Which customers are meant."""

    user_ids: list[str]


class Asked(Struct, kw_only=True):
    """Which customer is asked for."""

    end_user_id: str


async def new(call: Call) -> Row:
    """Make a customer."""
    values = sent(call.body(Customer))
    if await call.one(CUSTOMERS, user_id=values["user_id"]) is not None:
        raise InvalidRequest(f"Customer {values['user_id'][:80]!r} exists already", param="user_id", code="400")
    await budgets.attach(call, values)
    values["blocked"] = bool(values.get("blocked"))
    values["spend"] = values.get("spend") or 0
    call.change("customer", values["user_id"])
    return await _told(call, await call.insert(CUSTOMERS, **values))


async def update(call: Call) -> Row:
    """Change what was sent of a customer."""
    values = sent(call.body(Customer))
    before = await _found(call, values.pop("user_id"))
    await budgets.attach(call, values, before)
    for name, empty in (("blocked", False), ("spend", 0)):
        if name in values:
            values[name] = values[name] or empty
    call.change("customer", before["user_id"])
    return await _told(call, await call.update(CUSTOMERS, {"user_id": before["user_id"]}, **values))


async def info(call: Call) -> Row:
    """Describe a customer."""
    return await _told(call, await _found(call, call.questions(Asked).end_user_id))


async def listed(call: Call) -> list[Row]:
    """List all customers."""
    rows = await call.all(sa.select(CUSTOMERS).order_by(CUSTOMERS.c.user_id))
    return [await _told(call, row) for row in rows]


async def delete(call: Call) -> Row:
    """Delete customers."""
    names = call.body(Several).user_ids
    for name in names:
        await _found(call, name)
        call.change("customer", name)
    count = await call.execute(sa.delete(CUSTOMERS).where(CUSTOMERS.c.user_id.in_(names)))
    return {"deleted_customers": count, "message": f"Successfully deleted customers with ids: {names}"}


async def block(call: Call) -> Row:
    """Refuse requests that name these customers; whoever is not there yet is made."""
    rows = [await _set_blocked(call, name, blocked=True) for name in call.body(Several).user_ids]
    return {"blocked_users": [await _told(call, row) for row in rows]}


async def unblock(call: Call) -> Row:
    """Let requests for these customers in again."""
    names = call.body(Several).user_ids
    for name in names:
        await _found(call, name)
        await _set_blocked(call, name, blocked=False)
    rows = await call.all(sa.select(CUSTOMERS).where(CUSTOMERS.c.blocked).order_by(CUSTOMERS.c.user_id))
    return {"blocked_users": [row["user_id"] for row in rows]}


async def _set_blocked(call: Call, name: str, *, blocked: bool) -> Row:
    call.change("customer", name)
    if await call.one(CUSTOMERS, user_id=name) is None:
        return await call.insert(CUSTOMERS, user_id=name, blocked=blocked, spend=0)
    return await call.update(CUSTOMERS, {"user_id": name}, blocked=blocked)


async def _found(call: Call, name: str) -> Row:
    row = await call.one(CUSTOMERS, user_id=name)
    if row is None:
        raise ObjectNotFound("this customer does not exist; GET /customer/list lists those that do", param="user_id")
    return row


async def _told(call: Call, row: Row) -> dict[str, Any]:
    told = shown(row)
    budget = await budgets.told(call, row["budget_id"])
    return {**{name: told[name] for name in _TOLD}, "object_permission_id": None, "litellm_budget_table": budget}
