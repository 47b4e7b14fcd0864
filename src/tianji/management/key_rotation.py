"""Another secret for a key: at once, or with a time in which the old one works on."""

import hashlib
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from msgspec import UNSET

from tianji.auth.durations import length
from tianji.errors import Conflict, Unacceptable
from tianji.management import key_fields, ownership
from tianji.management.desk import Call, Row
from tianji.management.key_fields import Text
from tianji.management.key_reading import found
from tianji.management.keys import archive, change, name_of, told
from tianji.storage.tables import DEPRECATED_KEYS, KEYS


class Replacement(key_fields.KeyFields, kw_only=True):
    """How a key is to be replaced."""

    new_key: Text = UNSET
    grace_period: Text = UNSET
    new_master_key: Text = UNSET


async def regenerate(call: Call) -> Row:
    """Give a key another secret; the old one works on for `grace_period`, or not at all."""
    body = call.body(Replacement)
    if isinstance(body.new_master_key, str):
        raise Unacceptable("the master key is set in the configuration: change it there", param="new_master_key")
    named = call.params.get("key") or (body.key if isinstance(body.key, str) else None)
    if named is None:
        raise Unacceptable("key is missing: say which one is to be replaced", param="key")
    before = await found(call, named)
    await ownership.require_stand_in(call, before["user_id"])  # who replaces a secret has it
    row = await change(call, before, body, "/key/regenerate")
    secret = body.new_key if isinstance(body.new_key, str) else None
    grace = body.grace_period if isinstance(body.grace_period, str) and body.grace_period else None
    return await replace(call, row, secret, None if grace is None else length(grace, "grace_period"))


async def replace(call: Call, before: Row, secret: str | None, grace: timedelta | None) -> Row:
    """Put a new secret in the place of the old one, with all that the key has and has spent."""
    if secret is None:
        secret = key_fields.make_secret()
    else:
        key_fields.check_secret(secret)
    token = hashlib.sha256(secret.encode()).hexdigest()
    if await call.one(KEYS, token=token) is not None or await call.one(DEPRECATED_KEYS, token=token) is not None:
        raise Conflict("this key exists already; leave new_key out to get a new one", param="new_key")
    await archive(call, before)
    for changed in (before["token"], token):
        call.change("key", changed)
    row = await call.update(
        KEYS, {"token": before["token"]}, token=token, key_name=name_of(secret), **_rotated(call, before)
    )
    if grace is None:  # whatever was replaced before stops with it
        await call.execute(sa.delete(DEPRECATED_KEYS).where(DEPRECATED_KEYS.c.active_token == token))
    else:
        old = {"token": before["token"], "active_token": token, "revoke_at": call.now + grace}
        await call.execute(sa.insert(DEPRECATED_KEYS).values(**old))
    return await told(call, row, secret)


def _rotated(call: Call, before: Row) -> dict[str, Any]:
    due = None
    if before["auto_rotate"] and before["rotation_interval"]:
        due = call.now + length(before["rotation_interval"], "rotation_interval")
    return {
        "last_rotation_at": call.now,
        "rotation_count": before["rotation_count"] + 1,
        "key_rotation_at": due,
    }
