"""The keys of a team, changed in one go."""

from typing import Any, Final

import sqlalchemy as sa
from msgspec import Struct

from tianji.errors import ObjectNotFound, SchemaViolation, TianjiError
from tianji.management.desk import Call, Row, converted
from tianji.management.keys import writing as keys
from tianji.management.keys.fields import KeyFields, digest
from tianji.management.keys.reading import described
from tianji.management.people import ownership
from tianji.management.people.team_reading import found
from tianji.storage.tables import KEYS

_FIELDS: Final = frozenset(  # what may be said of many keys at once: nothing of whose they are, or what they open
    {
        "max_budget",
        "soft_budget",
        "budget_id",
        "budget_duration",
        "budget_limits",
        "model_max_budget",
        "budget_fallbacks",
        "tpm_limit",
        "rpm_limit",
        "tpd_limit",
        "max_parallel_requests",
        "model_tpm_limit",
        "model_rpm_limit",
        "tpm_limit_type",
        "rpm_limit_type",
        "temp_budget_increase",
        "temp_budget_expiry",
        "duration",
        "tags",
        "metadata",
    }
)


class Lot(Struct, kw_only=True):
    """Which keys of a team, and what is said of each."""

    team_id: str
    update_fields: dict[str, Any]
    key_ids: list[str] | None = None
    all_keys_in_team: bool = False


async def update(call: Call) -> Row:
    """Change keys of a team, each for itself: what is wrong with one does not stop the others."""
    body = call.body(Lot)
    foreign = sorted(body.update_fields.keys() - _FIELDS)
    if foreign:
        raise SchemaViolation(
            f"Extra inputs are not permitted: {', '.join(foreign)[:200]}", ("body", "update_fields"), "extra_forbidden"
        )
    if (body.key_ids is None) is not body.all_keys_in_team:
        raise SchemaViolation("Say either key_ids or all_keys_in_team", ("body", "key_ids"), "value_error")
    fields = converted(body.update_fields, KeyFields, "update_fields")
    team = await found(call, body.team_id)
    named: list[tuple[str, Row | None]]
    if body.key_ids is None:
        ownership.require_team(call, team)
        of_team = sa.select(KEYS).where(KEYS.c.team_id == body.team_id).order_by(KEYS.c.created_at, KEYS.c.token)
        named = [(row["token"], row) for row in await call.all(of_team)]
    else:
        named = [(one, await call.one(KEYS, token=digest(one), team_id=body.team_id)) for one in body.key_ids]
    done, failed = [], []
    for name, row in named:
        try:
            if row is None:
                raise ObjectNotFound("this team has no such key", param="key_ids")
            changed = await keys.change(call, row, fields)
        except TianjiError as error:
            failed.append({"key": name, "key_info": None, "failed_reason": error.message})
        else:
            done.append({"key": name, "key_info": await described(call, changed)})
    return {"total_requested": len(named), "successful_updates": done, "failed_updates": failed}
