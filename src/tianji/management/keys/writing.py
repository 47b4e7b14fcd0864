"""Keys: made, changed, replaced, refused, deleted.

A key is shown once, when it is made; what is kept is its SHA-256. Management names a key by either.
"""

import hashlib
import uuid
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
import sqlalchemy as sa
from msgspec import UNSET, Struct

from tianji.auth.durations import length
from tianji.auth.limits import BOUNDED
from tianji.auth.routes import PRESETS
from tianji.errors import Conflict, ObjectNotFound, PermissionDenied, SchemaViolation, TianjiError, Unacceptable
from tianji.lazy import load
from tianji.management import own_word
from tianji.management.desk import Call, Row
from tianji.management.keys import aliases
from tianji.management.keys import fields as key_fields
from tianji.management.keys import generation as key_generation
from tianji.management.keys import guardrails as key_guardrails
from tianji.management.keys import keeping as key_keeping
from tianji.management.keys.fields import KeyFields, Text
from tianji.management.keys.reading import described, found
from tianji.management.limits import bounds
from tianji.management.limits.duties import DUTIES
from tianji.management.limits.periods import apply_period
from tianji.management.people import ownership
from tianji.management.settings import callback_keeping
from tianji.management.wire import sent, stored
from tianji.money import to_dollars
from tianji.storage.tables import BUDGETS, DELETED_KEYS, DEPRECATED_KEYS, KEYS, TEAMS

NEVER: Final = "-1"
_HOLDERS: Final = frozenset({"user_id", "team_id", "organization_id"})
_BOUND: Final = frozenset({"models", "allowed_routes", "expires", "project_id", *BOUNDED, *DUTIES})
_DEFAULTS: Final = frozenset(
    {
        "max_budget",
        "user_id",
        "team_id",
        "max_parallel_requests",
        "tpm_limit",
        "rpm_limit",
        "budget_duration",
        "duration",
        "models",
        "metadata",
    }
)


class Selection(Struct, kw_only=True):
    """Which keys are meant."""

    keys: list[str] | None = None
    key_aliases: list[str] | None = None


class One(Struct, kw_only=True):
    """Which key is meant."""

    key: str


class Reset(Struct, kw_only=True):
    """What a key is said to have spent."""

    reset_to: float


class Many(Struct, kw_only=True):
    """Several changes."""

    keys: list[dict[str, Any]]


async def generate(call: Call) -> Row:
    """Make a key."""
    body = call.body(KeyFields)
    await own_word.require(call, "custom_key_generate", body)
    return await make(call, body)


async def service(call: Call) -> Row:
    """Make a key that belongs to a team and to nobody in it."""
    body = call.body(KeyFields)
    if not isinstance(body.team_id, str):
        raise Unacceptable("team_id is required: a service account belongs to a team", param="team_id")
    metadata = body.metadata if isinstance(body.metadata, dict) else {}
    if metadata.get("service_account_id") is None:  # what tells later that nobody is behind it
        name = body.key_alias if isinstance(body.key_alias, str) else str(uuid.uuid4())
        body = msgspec.structs.replace(body, metadata={**metadata, "service_account_id": name})
    await own_word.require(call, "custom_key_generate", body)
    return await make(call, body, personal=None)


async def make(call: Call, body: KeyFields, personal: Text = UNSET) -> Row:
    """Make a key by the fields of a request. `personal`: None for one that is not the caller's own."""
    values = sent(body)
    if personal is None:
        values["user_id"] = None
    _fill(call, values)
    secret = values.pop("key", None)
    if secret is None:
        secret = key_fields.make_secret()
    elif call.config.general_settings.disable_custom_api_keys:
        raise PermissionDenied("this gateway makes all keys itself; leave key out")
    else:
        key_fields.check_secret(secret)
    values["allowed_routes"] = values.get("allowed_routes") or list(PRESETS[values.get("key_type") or "default"])
    await _judge_new(call, values)
    asked = set(values)
    values["expires"] = _expiry(call, values.pop("duration", None))
    await bounds.inherit_from_caller(call, values)
    bounds.apply_configured(call, values, bounds.CONFIGURED, asked)
    await _prepare(call, values, None)
    await own_word.require_key(call, "generate", body, values, None)
    row = await _insert(call, secret, values)
    key_keeping.keep(call, row, secret)
    if body.send_invite_email is True:
        await load("tianji.management.letters").tell_of_key(call, row, secret, replaced=False)
    return await told(call, row, secret)


def _expiry(call: Call, duration: str | None) -> datetime | None:
    """Return when a key of this duration expires; None for never."""
    return None if duration in (None, NEVER) else call.now + length(duration, "duration")


def _fill(call: Call, values: Row) -> None:
    """Give what was not sent the configured defaults, and a plain user's key its owner."""
    for name, value in call.config.litellm_settings.default_key_generate_params.items():
        if name in _DEFAULTS and values.get(name) is None and value is not None:
            values[name] = stored(name, value)
    if not call.admin and "user_id" not in values:
        values["user_id"] = call.caller.user_id


async def _judge_new(call: Call, values: Row) -> None:
    """Refuse what the caller may not give, or not to whom he names."""
    key_fields.unfold(values)
    key_fields.require_allowed(values, key_fields.OF_ADMINS, admin=call.admin)
    await _require_holders(call, values, "/key/generate")
    await key_guardrails.require_changeable(call, values, values.get("team_id"))
    await key_generation.require_permitted(call, values)


async def _require_holders(call: Call, values: Row, permission: str) -> None:
    """Refuse an owner, a team or an organization that the caller may not give keys to."""
    if call.admin:
        return
    team_id, user_id, organization_id = (values.get(name) for name in ("team_id", "user_id", "organization_id"))
    team = await call.one(TEAMS, team_id=team_id)
    if team_id is not None and (team is None or not ownership.granted(call, team, permission)):
        raise PermissionDenied("this team does not let you have keys; ask one of its administrators")
    if organization_id is not None and not ownership.administers_organization(call, organization_id):
        raise PermissionDenied("only an administrator of the organization may make keys for it")
    if not ownership.owns(call, user_id):
        above = ownership.administers_team(call, team) or ownership.administers_organization(call, organization_id)
        if not above and (user_id is not None or team is None):
            raise PermissionDenied("user_id is somebody else; only an administrator above both may do that")
        await ownership.require_stand_in(call, user_id)


async def _prepare(call: Call, values: Row, before: Row | None) -> None:
    """Turn fields into what is stored, for a new key or for the one that was `before`."""
    await aliases.require(call, values.get("key_alias"), before)
    if values.get("budget_id") is not None and await call.one(BUDGETS, budget_id=values["budget_id"]) is None:
        raise Unacceptable("there is no budget with this budget_id; make it with POST /budget/new", param="budget_id")
    values.pop("send_invite_email", None)
    key_fields.into_metadata(values, before["metadata"] if before else None)
    callback_keeping.seal(call, values, before)
    apply_period(call, values)
    if values.get("soft_budget") is not None and values.get("budget_id") is None and before is None:
        budget = await call.insert(BUDGETS, budget_id=key_fields.make_id(), soft_budget=values["soft_budget"])
        values["budget_id"] = budget["budget_id"]
    _schedule(call, values, before)


def _schedule(call: Call, values: Row, before: Row | None) -> None:
    """Say when a key that is replaced by the clock is due."""
    if "auto_rotate" not in values and "rotation_interval" not in values:
        return
    after = {**(before or {}), **values}
    values["auto_rotate"] = bool(after.get("auto_rotate"))
    if not values["auto_rotate"]:
        values["key_rotation_at"] = None
        return
    if after.get("rotation_interval") is None:
        raise Unacceptable("auto_rotate needs a rotation_interval, such as 30d", param="rotation_interval")
    key_keeping.require_alias(call, after.get("key_alias"))
    values["key_rotation_at"] = call.now + length(after["rotation_interval"], "rotation_interval")


async def _insert(call: Call, secret: str, values: Row) -> Row:
    token = hashlib.sha256(secret.encode()).hexdigest()
    taken = await call.one(KEYS, token=token) or await call.one(DEPRECATED_KEYS, token=token)
    if taken is not None:
        raise Conflict("this key exists already; leave key out to get a new one", param="key")
    values["blocked"] = bool(values.get("blocked"))
    values["spend"] = values.get("spend") or 0
    candidate = {**dict.fromkeys(KEYS.c.keys()), **values, "token": token}
    await bounds.require_key_within(call, candidate)
    call.change("key", token)
    return await call.insert(KEYS, **{**values, "token": token, "key_name": name_of(secret)})


def name_of(secret: str) -> str:
    """Return what a key is shown as, once it was shown."""
    return f"{key_fields.PREFIX}...{secret[-4:]}"


async def told(call: Call, row: Row, secret: str) -> Row:
    """Return the answer to whoever made a key: all that he might have sent, and the secret, this once."""
    fields = dict.fromkeys(KeyFields.__struct_fields__) | {"key_type": "default"}
    return {**fields, **await described(call, row), "key": secret, "token": row["token"], "token_id": row["token"]}


async def update(call: Call) -> Row:
    """Change what was sent of a key."""
    body = call.body(KeyFields)
    named = body.key if isinstance(body.key, str) else None
    alias = body.key_alias if named is None and isinstance(body.key_alias, str) else None
    if named is None and alias is None:
        raise SchemaViolation("Field required: key, or key_alias", ("body", "key"), "missing")
    row = await change(call, await found(call, named, alias), body)
    return {**await described(call, row), "key": named or row["token"], "token": row["token"]}


async def change(call: Call, before: Row, body: KeyFields, permission: str = "/key/update") -> Row:
    """Change a key by the fields of a request, and return its row."""
    await ownership.require_key(call, before, permission)
    await own_word.require(call, "custom_key_update", body)
    values = sent(body)
    for name in ("key", "new_key", "grace_period", "new_master_key"):
        values.pop(name, None)
    key_fields.unfold(values)
    key_fields.require_allowed(values, key_fields.OF_ADMINS, admin=call.admin)
    moved = {name: values[name] for name in _HOLDERS & values.keys() if values[name] != before[name]}
    if moved:
        await _require_holders(call, {**{name: before[name] for name in _HOLDERS}, **moved}, permission)
    await key_guardrails.require_changeable(call, values, values.get("team_id", before["team_id"]), before)
    if "duration" in values:
        values["expires"] = _expiry(call, values.pop("duration"))
    if "key_type" in values and "allowed_routes" not in values:
        values["allowed_routes"] = list(PRESETS[values["key_type"] or "default"])
    bounds.apply_configured(call, values, values.keys() & set(bounds.CONFIGURED), values.keys() | {"duration"})
    await bounds.require_change_within_caller(call, {name: values[name] for name in _BOUND & values.keys()})
    await _prepare(call, values, before)
    if "spend" in values:
        values["spend"] = values["spend"] or 0
    if "blocked" in values:
        values["blocked"] = bool(values["blocked"])
        await _require_unblocking(call, before, blocked=values["blocked"])
    await bounds.require_key_within(call, {**before, **values})
    operation: Literal["update", "regenerate"] = "regenerate" if permission == "/key/regenerate" else "update"
    await own_word.require_key(call, operation, body, values, before)
    call.change("key", before["token"])
    row = await call.update(KEYS, {"token": before["token"]}, **values, settings_updated_at=call.now)
    key_keeping.move(call, before, row)
    return row


async def update_many(call: Call) -> Row:
    """Change several keys, each for itself: what is wrong with one does not stop the others."""
    items = call.body(Many).keys
    done, failed = [], []
    for item in items:
        named = item.get("key")
        try:
            body = msgspec.convert(item, KeyFields, strict=False)
            row = await change(call, await found(call, named), body)
        except (TianjiError, msgspec.ValidationError) as error:
            failed.append({"key": named, "failed_reason": str(error)})
        else:
            done.append({"key": named, "key_info": await described(call, row)})
    return {"total_requested": len(items), "successful_updates": done, "failed_updates": failed}


async def block(call: Call) -> Row:
    """Refuse a key from now on."""
    return await _set_blocked(call, "/key/block", blocked=True)


async def unblock(call: Call) -> Row:
    """Let a key in again."""
    return await _set_blocked(call, "/key/unblock", blocked=False)


async def _set_blocked(call: Call, permission: str, *, blocked: bool) -> Row:
    row = await found(call, call.body(One).key)
    await ownership.require_key(call, row, permission)
    await _require_unblocking(call, row, blocked=blocked)
    call.change("key", row["token"])
    row = await call.update(KEYS, {"token": row["token"]}, blocked=blocked)
    return {**await described(call, row), "token": row["token"]}


async def _require_unblocking(call: Call, row: Row, *, blocked: bool) -> None:
    """Let a blocked key in again only where somebody above its owner says so: he may be whom it was blocked for."""
    if row["blocked"] and not blocked and not await _above(call, row):
        raise PermissionDenied("only an administrator above the owner of a blocked key may unblock it")


async def delete(call: Call) -> Row:
    """Delete keys; their rows are kept apart."""
    body = call.body(Selection)
    if body.keys is None and body.key_aliases is None:
        raise SchemaViolation("Field required: keys, or key_aliases", ("body", "keys"), "missing")
    names, aliases = body.keys or (), body.key_aliases or ()
    rows = [(name, await call.one(KEYS, token=key_fields.digest(name))) for name in names]
    rows += [(alias, await call.one(KEYS, key_alias=alias)) for alias in aliases]
    existing = [(name, row) for name, row in rows if row is not None]
    if not existing:
        raise ObjectNotFound("none of these keys exists; GET /key/list lists those that do", param="keys")
    for _, row in existing:
        await ownership.require_key(call, row, "/key/delete")
    for _, row in existing:
        await remove(call, row)
    return {"deleted_keys": [name for name, _ in existing]}


async def remove(call: Call, row: Row) -> None:
    """Delete one key and keep its row apart."""
    await archive(call, row)
    call.change("key", row["token"])
    await call.execute(sa.delete(KEYS).where(KEYS.c.token == row["token"]))
    key_keeping.forget(call, row)


async def archive(call: Call, row: Row) -> None:
    """Keep what a key is now among those that are no more."""
    kept = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}
    names = {name: row[name] for name in ("token", "key_alias", "user_id", "team_id")}
    archived = {**names, "row": kept, "deleted_by": call.caller.user_id, "deleted_at": call.now}
    await call.execute(sa.insert(DELETED_KEYS).values(**archived))


async def reset_spend(call: Call) -> Row:
    """Set what a key has spent, downwards only."""
    row = await found(call, call.params["key"])
    await ownership.require_key(call, row, "/key/reset_spend")
    if not await _above(call, row):
        raise PermissionDenied("only an administrator above the owner of a key may say what it has spent")
    wanted = stored("spend", call.body(Reset).reset_to)
    if wanted > row["spend"] or (row["max_budget"] is not None and wanted > row["max_budget"]):
        raise Unacceptable("reset_to is above what was spent, or above max_budget", param="reset_to")
    call.change("key", row["token"])
    await call.update(KEYS, {"token": row["token"]}, spend=wanted)
    return {
        "key_hash": row["token"],
        "spend": to_dollars(wanted),
        "previous_spend": to_dollars(row["spend"]),
        "max_budget": None if row["max_budget"] is None else to_dollars(row["max_budget"]),
        "budget_reset_at": row["budget_reset_at"],
    }


async def _above(call: Call, row: Row) -> bool:
    """Whether the caller administers the team or the organization of a key, or everything."""
    team = await call.one(TEAMS, team_id=row["team_id"])
    return ownership.administers_team(call, team) or ownership.administers_organization(call, row["organization_id"])
