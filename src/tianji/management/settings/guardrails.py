"""Guardrails of the database, made and changed while the gateway serves; those of the file stand beside them in lists.

What was not judged good is not stored. Entries are kept encrypted, and what of them is secret is never shown. Both
bodies are read: LiteLLM's (`{guardrail: {guardrail_name, litellm_params, ...}}`) and that of the older gateway in Go
(`{guardrail_name, guardrail_type, config, failure_policy, enabled}`).
"""

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa
from msgspec import UNSET, Struct, UnsetType

from tianji.auth.tags import MODELS as CHANGED
from tianji.config.schema.sections import GuardrailEntry
from tianji.errors import Conflict, ObjectNotFound, Unacceptable
from tianji.guardrails.building import HIDDEN, shown
from tianji.guardrails.entries import read, stable_id
from tianji.guardrails.registry import find
from tianji.guardrails.vendor import Params
from tianji.management.desk import Call, Row
from tianji.management.keys import fields as key_fields
from tianji.storage.additions import ACTIVE, guardrail_of, sealed_guardrail
from tianji.storage.tables import GUARDRAILS

DISABLED: Final = "disabled"


class Said(Struct, kw_only=True):
    """What may be said of a guardrail. The members from `guardrail_type` on are the older gateway's."""

    guardrail_id: str | UnsetType | None = UNSET
    guardrail_name: str | UnsetType = UNSET
    litellm_params: dict[str, Any] | UnsetType = UNSET
    tianji_params: dict[str, Any] | UnsetType = UNSET
    guardrail_info: dict[str, Any] | UnsetType | None = UNSET
    guardrail_type: str | UnsetType = UNSET
    config: dict[str, Any] | UnsetType | None = UNSET
    failure_policy: str | UnsetType | None = UNSET
    enabled: bool | UnsetType = UNSET

    @property
    def params(self) -> Row | None:
        """Return what it says of parameters; None for nothing."""
        if self.litellm_params is not UNSET:
            return dict(self.litellm_params)
        if self.tianji_params is not UNSET:
            return dict(self.tianji_params)
        if self.guardrail_type is UNSET and self.config is UNSET and self.failure_policy is UNSET:
            return None
        found: Row = dict(self.config or {}) if self.config is not UNSET else {}
        if self.guardrail_type is not UNSET:
            found["guardrail"] = self.guardrail_type
        if isinstance(self.failure_policy, str):
            found["failure_policy"] = self.failure_policy
        return found


class Body(Said, kw_only=True):
    """The same, or in a member `guardrail`."""

    guardrail: Said | UnsetType = UNSET

    @property
    def said(self) -> Said:
        """Return what is said."""
        return self if self.guardrail is UNSET else self.guardrail


async def listed(call: Call) -> Row:
    """List the guardrails of the file: what clients may name."""
    entries = call.office.fleet.file().guardrails
    return {
        "guardrails": [{"guardrail_name": one.guardrail_name, "guardrail_info": one.guardrail_info} for one in entries]
    }


async def all_listed(call: Call) -> Row:
    """List all guardrails that run, without their secrets; of those that teams submitted the caller sees his own."""
    rows = await call.all(sa.select(GUARDRAILS).order_by(GUARDRAILS.c.created_at, GUARDRAILS.c.id))
    own = {None, call.caller.team_id, *call.caller.teams}
    seen = [row for row in rows if call.sees_all or row["team_id"] in own]
    kept = [told_of(call, row) for row in seen if row["status"] in (ACTIVE, DISABLED)]
    return {"guardrails": [*kept, *map(_told_of_file, call.office.fleet.file().guardrails)]}


async def info(call: Call) -> Row:
    """Describe one guardrail, by id or name."""
    asked = call.params["guardrail_id"]
    row = await call.one(GUARDRAILS, id=asked) or await call.one(GUARDRAILS, name=asked)
    if row is not None:
        return told_of(call, row)
    for entry in call.office.fleet.file().guardrails:
        if asked in (_id_of(entry), entry.guardrail_name):
            return _told_of_file(entry)
    raise _missing()


async def new(call: Call) -> Row:
    """Make a guardrail."""
    require_kept(call)
    said = call.body(Body).said
    params, name = said.params, said.guardrail_name
    if not name or params is None:
        raise Unacceptable("a guardrail needs a guardrail_name and litellm_params", param="guardrail_name")
    made = {"guardrail_id": said.guardrail_id or key_fields.make_id(), "guardrail_name": name, "litellm_params": params}
    made["guardrail_info"] = said.guardrail_info or {}
    await require_free(call, str(name))
    return await keep(call, made, status=ACTIVE if said.enabled in (UNSET, True) else DISABLED)


async def replace(call: Call) -> Row:
    """Replace a guardrail."""
    row, before = await _found(call)
    said = call.body(Body).said
    params = said.params
    if params is None:
        raise Unacceptable("litellm_params are missing: say what the guardrail is to be", param="litellm_params")
    after = {**before, "litellm_params": _unhidden(params, before["litellm_params"])}
    return await _changed(call, row, after, said)


async def update(call: Call) -> Row:
    """Change what was sent of a guardrail; null takes a parameter away."""
    row, before = await _found(call)
    said = call.body(Body).said
    merged = {**before["litellm_params"], **_unhidden(said.params or {}, before["litellm_params"])}
    after = {**before, "litellm_params": {key: value for key, value in merged.items() if value is not None}}
    return await _changed(call, row, after, said)


async def delete(call: Call) -> Row:
    """Take a guardrail away."""
    row, entry = await _found(call)
    call.changed.add(CHANGED)
    await call.execute(sa.delete(GUARDRAILS).where(GUARDRAILS.c.id == row["id"]))
    return {"message": "Guardrail deleted successfully", **told(entry, row)}


async def _changed(call: Call, row: Row, after: Row, said: Said) -> Row:
    if isinstance(said.guardrail_info, dict):
        after["guardrail_info"] = said.guardrail_info
    if said.guardrail_name and said.guardrail_name != after["guardrail_name"]:
        await require_free(call, said.guardrail_name)
        after["guardrail_name"] = said.guardrail_name
    status = row["status"] if said.enabled is UNSET else ACTIVE if said.enabled else DISABLED
    require_sound(call, after)
    call.changed.add(CHANGED)
    sealed = sealed_guardrail(call.salt(), after)
    values = {"name": after["guardrail_name"], "guardrail": sealed, "status": status}
    return told(after, await call.update(GUARDRAILS, {"id": row["id"]}, **values))


async def keep(call: Call, made: Row, **values: Any) -> Row:
    """Store a guardrail that would run."""
    require_sound(call, made)
    if await call.one(GUARDRAILS, id=made["guardrail_id"]) is not None:
        raise Conflict("a guardrail of this id exists already", param="guardrail_id")
    call.changed.add(CHANGED)
    sealed = sealed_guardrail(call.salt(), made)
    row = await call.insert(
        GUARDRAILS, id=made["guardrail_id"], name=made["guardrail_name"], guardrail=sealed, **values
    )
    return told(made, row)


def require_kept(call: Call) -> None:
    """Refuse with 400 what would have no effect."""
    if not call.office.fleet.keeps_guardrails():
        raise Unacceptable(
            "guardrails are not kept in the database: set general_settings.store_model_in_db to true, or the variable "
            "STORE_MODEL_IN_DB, or write the guardrail into the configuration"
        )


async def require_free(call: Call, name: str) -> None:
    """Refuse with 409 a name that another guardrail has."""
    of_file = {entry.guardrail_name for entry in call.office.fleet.file().guardrails}
    if name in of_file or await call.one(GUARDRAILS, name=name) is not None:
        raise Conflict("a guardrail of this name exists already", param="guardrail_name")


def require_sound(call: Call, made: Mapping[str, Any]) -> None:
    """Refuse with 400 what would be left out."""
    objection = call.office.fleet.guardrail_objection(made)
    if objection is not None:
        raise Unacceptable(f"this guardrail cannot be built: {objection}", param="litellm_params")


async def _found(call: Call) -> tuple[Row, Row]:
    """(row, entry) of the guardrail that the path names."""
    require_kept(call)
    asked = call.params["guardrail_id"]
    row = await call.one(GUARDRAILS, id=asked)
    if row is not None:
        return row, opened(call, row)
    if any(asked == _id_of(entry) for entry in call.office.fleet.file().guardrails):
        raise Unacceptable("this guardrail stands in the configuration file: change it there", param="guardrail_id")
    raise _missing()


def opened(call: Call, row: Row) -> Row:
    """Return the entry of a row."""
    try:
        return guardrail_of(call.salt(), row)
    except ValueError as error:
        raise Unacceptable(f"the guardrail {row['id']} cannot be read: {error}") from error


def told_of(call: Call, row: Row) -> Row:
    """Describe the guardrail of a row."""
    return told(opened(call, row), row)


def told(entry: Mapping[str, Any], row: Mapping[str, Any]) -> Row:
    """Describe a guardrail of the database in both forms, without its secrets."""
    params = _masked(GuardrailEntry(guardrail_name=entry["guardrail_name"], litellm_params=entry["litellm_params"]))
    return {
        "guardrail_id": entry["guardrail_id"],
        "guardrail_name": entry["guardrail_name"],
        "litellm_params": params,
        "guardrail_info": entry.get("guardrail_info") or {},
        "guardrail_definition_location": "db",
        "status": row["status"],
        "team_id": row["team_id"],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
        "submitted_at": row["submitted_at"],
        "reviewed_at": row["reviewed_at"],
        **_older(entry["guardrail_id"], params, enabled=row["status"] == ACTIVE),
    }


def _told_of_file(entry: GuardrailEntry) -> Row:
    params = _masked(entry)
    return {
        "guardrail_id": _id_of(entry),
        "guardrail_name": entry.guardrail_name,
        "litellm_params": params,
        "guardrail_info": entry.guardrail_info,
        "guardrail_definition_location": "config",
        "status": ACTIVE,
        **_older(_id_of(entry), params, enabled=True),
    }


def _older(name: str, params: Row, *, enabled: bool) -> Row:
    """Return the members that the older gateway's pages read."""
    return {
        "id": name,
        "guardrail_type": params.get("guardrail"),
        "config": params,
        "failure_policy": params.get("failure_policy", "fail_closed"),
        "enabled": enabled,
    }


def _masked(written: GuardrailEntry) -> Row:
    entry = read(written)
    found = find(entry.type)
    return shown(entry, Params if found is None else found[0].params)


def _unhidden(params: Row, before: Mapping[str, Any]) -> Row:
    """Return parameters with what was kept where somebody sends back what he was shown."""
    return {key: before.get(key) if value == HIDDEN else value for key, value in params.items()}


def _id_of(entry: GuardrailEntry) -> str:
    return entry.guardrail_id or stable_id(entry.guardrail_name)


def _missing() -> ObjectNotFound:
    return ObjectNotFound("this guardrail does not exist; GET /v2/guardrails/list lists those that do")
