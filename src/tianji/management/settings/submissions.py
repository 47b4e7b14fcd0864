"""Guardrails that teams submit: they run when an administrator has approved them."""

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa
from msgspec import Struct

from tianji.auth.tags import MODELS as CHANGED
from tianji.config.environment import REFERENCE
from tianji.errors import ObjectNotFound, PermissionDenied, Unacceptable
from tianji.management.desk import Call, Row
from tianji.management.keys import fields as key_fields
from tianji.management.settings.guardrails import Body, keep, opened, require_free, require_kept, require_sound, told_of
from tianji.storage.additions import ACTIVE
from tianji.storage.tables import GUARDRAILS

PENDING: Final = "pending_review"
REJECTED: Final = "rejected"
TYPE: Final = "generic_guardrail_api"
"""The one type that a team may submit: the others hold the operator's own keys and code."""


class Which(Struct, kw_only=True):
    """Which submissions are asked for."""

    status: str | None = None
    team_id: str | None = None
    search: str | None = None


async def register(call: Call) -> Row:
    """Submit a guardrail of the caller's team."""
    require_kept(call)
    if call.caller.team_id is None and not call.admin:
        raise PermissionDenied("only the key of a team submits a guardrail")
    said = call.body(Body).said
    params, name = said.params, said.guardrail_name
    if not name or params is None:
        raise Unacceptable("a guardrail needs a guardrail_name and litellm_params", param="guardrail_name")
    _require_generic(params)
    await require_free(call, str(name))
    made = {"guardrail_id": key_fields.make_id(), "guardrail_name": name, "litellm_params": params}
    made["guardrail_info"] = said.guardrail_info or {}
    return await keep(call, made, status=PENDING, team_id=call.caller.team_id, submitted_at=call.now)


def _require_generic(params: Mapping[str, Any]) -> None:
    if params.get("guardrail") != TYPE:
        raise Unacceptable(f"only a guardrail of the type {TYPE} can be submitted", param="guardrail")
    if not str(params.get("api_base", "")).startswith(("http://", "https://")):
        raise Unacceptable("api_base is missing: say where the guardrail is asked", param="api_base")
    if REFERENCE in str(params):
        raise Unacceptable(
            f"a guardrail that is submitted names no {REFERENCE}: its server would be sent what is secret here",
            param="litellm_params",
        )
    if not params.get("mode"):
        raise Unacceptable("mode is missing: say when the guardrail runs", param="mode")


async def listed(call: Call) -> Row:
    """List what was submitted."""
    asked = call.questions(Which)
    rows = await call.all(
        sa.select(GUARDRAILS).where(GUARDRAILS.c.submitted_at.is_not(None)).order_by(GUARDRAILS.c.submitted_at)
    )
    found = [row for row in rows if _fits(row, asked)]
    sums = {status: sum(row["status"] == status for row in rows) for status in (PENDING, ACTIVE, REJECTED)}
    return {"submissions": [told_of(call, row) for row in found], "summary": {"total": len(rows), **sums}}


def _fits(row: Row, asked: Which) -> bool:
    return (
        asked.status in (None, row["status"])
        and asked.team_id in (None, row["team_id"])
        and (asked.search is None or asked.search.lower() in row["name"].lower())
    )


async def info(call: Call) -> Row:
    """Describe what was submitted."""
    return told_of(call, await _found(call))


async def approve(call: Call) -> Row:
    """Let a guardrail that was submitted run."""
    row = await _found(call)
    require_sound(call, opened(call, row))
    return await _reviewed(call, row, ACTIVE)


async def reject(call: Call) -> Row:
    """Refuse a guardrail that was submitted; one that runs does so no more."""
    return await _reviewed(call, await _found(call), REJECTED)


async def _reviewed(call: Call, row: Row, status: str) -> Row:
    call.changed.add(CHANGED)
    return told_of(call, await call.update(GUARDRAILS, {"id": row["id"]}, status=status, reviewed_at=call.now))


async def _found(call: Call) -> Row:
    row = await call.one(GUARDRAILS, id=call.params["guardrail_id"])
    if row is None or row["submitted_at"] is None:
        raise ObjectNotFound("nothing of this id was submitted; GET /guardrails/submissions lists what was")
    return row
