"""The Redis or Valkey over which machines share limits, where the database names it and the file does not.

What was not judged good is not stored.
"""

from typing import Any

from msgspec import Struct

from tianji.cache.trial import fault_of
from tianji.errors import Unacceptable
from tianji.gateway.additions.stored_coordination import NAMES, source_of
from tianji.management.desk import Call, Row
from tianji.management.settings.stored import completed, described, keep, masked, stored
from tianji.storage.additions import COORDINATION


class Said(Struct, kw_only=True):
    """Where it is and how it is asked; empty for none."""

    settings: dict[str, Any]


async def shown(call: Call) -> Row:
    """Describe what may be set, what is, and by whom; without secrets."""
    written = call.office.fleet.file().general_settings.coordination_redis
    values = masked({name: value for name, value in written.items() if name in NAMES} if written else {})
    values = values or masked(await stored(call, COORDINATION))
    return {
        "values": values,
        "fields": described(NAMES, values, {}, "general_settings.coordination_redis"),
        "source": source_of(call.office.config(), call.office.environ()),
    }


async def update(call: Call) -> Row:
    """Store where it is; all workers go by it at once. Empty settings take it away."""
    fleet = call.office.fleet
    if not fleet.keeps_coordination():
        raise Unacceptable(
            "this is not kept in the database: set general_settings.store_model_in_db to true, or the variable "
            "STORE_MODEL_IN_DB, or write general_settings.coordination_redis"
        )
    if fleet.file().general_settings.coordination_redis is not None:
        raise Unacceptable("it stands in the configuration file: change general_settings.coordination_redis there")
    said = await completed(call, COORDINATION, call.body(Said).settings)
    if said:
        _, objection = fleet.tried_coordination(said)
        if objection is not None:
            raise Unacceptable(f"this server could not be used: {objection}", param="settings")
    await keep(call, COORDINATION, said)
    return {"message": "Coordination Redis settings updated", "status": "success", "settings": masked(said)}


async def test(call: Call) -> Row:
    """Say whether the server answers. Nothing is stored."""
    said = await completed(call, COORDINATION, call.body(Said).settings)
    server, wrong = call.office.fleet.tried_coordination(said)
    if server is not None:
        wrong = await fault_of(server)
    return {"status": "healthy" if wrong is None else "unhealthy", "error": wrong}
