"""Budgets that several may share, and those that are made for one."""

from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from msgspec import UNSET, Struct, UnsetType

from tianji.auth.identity import Role
from tianji.errors import ObjectNotFound, Unacceptable
from tianji.management.desk import Call, Row
from tianji.management.keys.fields import Count, Names, Number, Table, Text, make_id
from tianji.management.limits.periods import apply_period
from tianji.management.wire import sent, shown
from tianji.storage.tables import BUDGETS, ORGANIZATIONS


class Budget(Struct, kw_only=True):
    """What may be said of a budget."""

    budget_id: Text = UNSET
    max_budget: Number = UNSET
    soft_budget: Number = UNSET
    max_parallel_requests: Count = UNSET
    tpm_limit: Count = UNSET
    rpm_limit: Count = UNSET
    tpd_limit: Count = UNSET
    batch_enqueued_token_limit: Count = UNSET
    budget_duration: Text = UNSET
    budget_limits: list[dict[str, Any]] | UnsetType | None = UNSET
    model_max_budget: Table = UNSET
    budget_reset_at: datetime | UnsetType | None = UNSET
    allowed_models: Names = UNSET


class Several(Struct, kw_only=True):
    """Which budgets are meant."""

    budgets: list[str]


class One(Struct, kw_only=True):
    """Which budget is meant."""

    id: str


class Asked(Struct, kw_only=True):
    """Which budget is asked for."""

    budget_id: str | None = None


INLINE: Final = frozenset(Budget.__struct_fields__) - {"budget_id"}  # what others may say in place of a budget_id


async def new(call: Call) -> Row:
    """Make a budget."""
    values = sent(call.body(Budget))
    if await call.one(BUDGETS, budget_id=values.get("budget_id")) is not None:
        raise Unacceptable("this budget_id is taken; choose another one, or none", param="budget_id")
    return shown(await make(call, values))


async def make(call: Call, values: Row) -> Row:
    """Make a budget row and return it."""
    values = {**values, "budget_id": values.get("budget_id") or make_id()}
    given = values.get("budget_reset_at")
    apply_period(call, values)
    if given is not None:
        values["budget_reset_at"] = given
    call.change("budget", values["budget_id"])
    return await call.insert(BUDGETS, **values)


async def update(call: Call) -> Row:
    """Change what was sent of a budget."""
    values = sent(call.body(Budget))
    named = values.pop("budget_id", None)
    await found(call, named)
    return shown(await change(call, named, values))


async def change(call: Call, budget_id: str, values: Row) -> Row:
    """Change a budget row and return it."""
    given = values.get("budget_reset_at")
    apply_period(call, values)
    if given is not None:
        values["budget_reset_at"] = given
    call.change("budget", budget_id)
    return await call.update(BUDGETS, {"budget_id": budget_id}, **values)


async def found(call: Call, budget_id: str | None) -> Row:
    """Return a budget row. Raises ObjectNotFound (404)."""
    row = await call.one(BUDGETS, budget_id=budget_id)
    if row is None:
        raise ObjectNotFound("this budget does not exist; GET /budget/list lists those that do", param="budget_id")
    return row


async def told(call: Call, budget_id: str | None) -> Row | None:
    """Return a budget as it stands beside whoever has it."""
    row = await call.one(BUDGETS, budget_id=budget_id)
    return None if row is None else shown(row)


async def attach(call: Call, values: Row, before: Row | None = None) -> None:
    """Turn budget fields that were said inline into a budget row of one's own, whose id is then in `values`.

    Whoever has a budget already, `before`, changes it; an id that was sent must exist.
    """
    inline = {name: values.pop(name) for name in INLINE & values.keys()}
    named = values.get("budget_id") or (before["budget_id"] if before else None)
    if named is not None:
        await found(call, named)
    if not inline:
        return
    if named is None:
        values["budget_id"] = (await make(call, inline))["budget_id"]
    else:
        await change(call, named, inline)


async def info(call: Call) -> list[Row]:
    """Describe several budgets."""
    names = call.body(Several).budgets
    return [shown(row) for row in await call.all(sa.select(BUDGETS).where(BUDGETS.c.budget_id.in_(names)))]


async def listed(call: Call) -> list[Row]:
    """List all budgets; for an administrator of organizations theirs."""
    wanted = sa.select(BUDGETS).order_by(BUDGETS.c.created_at, BUDGETS.c.budget_id)
    return [shown(row) for row in await call.all(wanted.where(_visible(call)))]


async def settings(call: Call) -> list[Row]:
    """Describe the fields of a budget, with their values."""
    named = call.questions(Asked).budget_id
    rows = await call.all(sa.select(BUDGETS).where(BUDGETS.c.budget_id == named, _visible(call)))
    if not rows:
        raise ObjectNotFound("this budget does not exist; GET /budget/list lists those that do", param="budget_id")
    row = shown(rows[0])
    return [
        {
            "field_name": name,
            "field_type": "Float" if name.endswith("_budget") else "Integer" if name.endswith("_limit") else "String",
            "field_description": text,
            "field_value": row[name],
            "stored_in_db": row[name] is not None,
            "field_default_value": None,
        }
        for name, text in _DESCRIBED.items()
    ]


_DESCRIBED: Final = {
    "max_budget": "US dollars; requests are refused beyond.",
    "soft_budget": "US dollars; an alert is sent beyond.",
    "budget_duration": "After which the budget begins anew, such as 30d.",
    "max_parallel_requests": "Requests at the same time.",
    "tpm_limit": "Tokens a minute.",
    "rpm_limit": "Requests a minute.",
    "tpd_limit": "Tokens a day.",
    "batch_enqueued_token_limit": "Tokens of all batches under way.",
}


def _visible(call: Call) -> "sa.ColumnElement[bool]":
    if call.sees_all:
        return sa.true()
    organizations = [name for name, role in call.caller.organizations.items() if role == Role.ORG_ADMIN]
    theirs = sa.select(ORGANIZATIONS.c.budget_id).where(ORGANIZATIONS.c.organization_id.in_(organizations))
    return BUDGETS.c.budget_id.in_(theirs)


async def delete(call: Call) -> Row:
    """Delete a budget; whoever had it is bound by nothing of it any more."""
    row = await found(call, call.body(One).id)
    call.change("budget", row["budget_id"])
    await call.execute(sa.delete(BUDGETS).where(BUDGETS.c.budget_id == row["budget_id"]))
    return shown(row)
