"""Another secret for a key: at once, or with a time in which the old one works on."""

import hashlib
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from msgspec import UNSET, Struct

from tianji.auth.durations import length
from tianji.auth.identity import Identity, Role
from tianji.config.environment import is_true, lookup
from tianji.errors import Conflict, Unacceptable
from tianji.lazy import load
from tianji.management.desk import Call, Row, perform
from tianji.management.keys import fields as key_fields
from tianji.management.keys import keeping as key_keeping
from tianji.management.keys.fields import Text
from tianji.management.keys.reading import found
from tianji.management.keys.writing import archive, change, name_of, told
from tianji.management.office import Office
from tianji.management.people import ownership
from tianji.storage.tables import DEPRECATED_KEYS, KEYS

SHORTEST: Final = 1.0  # seconds between two looks for keys that are due
CLOCKWORK: Final = Identity(role=Role.PROXY_ADMIN, user_id="litellm_internal_jobs", key="litellm_internal_jobs")

log = logging.getLogger(__name__)


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
    key_keeping.replace(call, before, row, secret)
    if grace is None:  # whatever was replaced before stops with it
        earlier = sa.update(DEPRECATED_KEYS).where(DEPRECATED_KEYS.c.active_token == token)
        await call.execute(earlier.where(DEPRECATED_KEYS.c.revoke_at > call.now).values(revoke_at=call.now))
    # it is known for as long as the key is there: what was asked for with it is spend of the key
    old = {"token": before["token"], "active_token": token, "revoke_at": call.now + (grace or timedelta())}
    await call.execute(sa.insert(DEPRECATED_KEYS).values(**old))
    await load("tianji.management.letters").tell_of_key(call, row, secret, replaced=True)
    return await told(call, row, secret)


class Rotation(Struct, frozen=True):
    """How the clock replaces keys: how often it is looked what is due, and how long an old secret works on."""

    interval: float  # seconds
    grace: timedelta | None


def rotation(environ: Mapping[str, str]) -> Rotation | None:
    """Return what the environment says; None where keys are not replaced by the clock, which is so unless it says.

    Raises Unacceptable for a grace that is no duration, and for an interval that is no number.
    """
    if not is_true(lookup(environ, "KEY_ROTATION_ENABLED")):
        return None
    seconds = lookup(environ, "KEY_ROTATION_CHECK_INTERVAL_SECONDS") or "86400"
    grace = lookup(environ, "KEY_ROTATION_GRACE_PERIOD")
    try:
        interval = float(seconds)
    except ValueError:
        raise Unacceptable(f"KEY_ROTATION_CHECK_INTERVAL_SECONDS: {seconds[:40]!r} is no number of seconds") from None
    return Rotation(max(interval, SHORTEST), length(grace, "KEY_ROTATION_GRACE_PERIOD") if grace else None)


async def rotate_due(office: Office, grace: timedelta | None) -> int:
    """Replace the keys that are due, each for itself, and return how many. Raises StoreUnavailable.

    The new secret is kept in the secret manager where virtual keys are; otherwise nobody is told, and whoever needs one
    asks for it by /key/regenerate. Machines may do this at once: what
    one has replaced is not due for the next.
    """
    count = 0
    for token in await _due(office):

        async def replace_one(call: Call, token: str = token) -> bool:
            row = await call.one(KEYS, token=token)
            if row is None or not _is_due(row, call.now):
                return False
            await replace(call, row, None, grace)
            return True

        try:
            count += await perform(office, CLOCKWORK, replace_one) is True
        except Unacceptable as error:
            log.error("key %s... was not replaced: %s", token[:8], error.message)
    return count


async def _due(office: Office) -> list[str]:
    """Return the keys that are due."""

    async def ask(call: Call) -> list[str]:
        wanted = sa.select(KEYS).where(KEYS.c.auto_rotate, KEYS.c.rotation_interval.is_not(None))
        return [row["token"] for row in await call.all(wanted) if _is_due(row, call.now)]

    found = await perform(office, CLOCKWORK, ask)
    return found if isinstance(found, list) else []


def _is_due(row: Row, now: datetime) -> bool:
    return bool(row["auto_rotate"]) and (row["key_rotation_at"] is None or row["key_rotation_at"] <= now)


def _rotated(call: Call, before: Row) -> dict[str, Any]:
    due = None
    if before["auto_rotate"] and before["rotation_interval"]:
        due = call.now + length(before["rotation_interval"], "rotation_interval")
    return {
        "last_rotation_at": call.now,
        "rotation_count": before["rotation_count"] + 1,
        "key_rotation_at": due,
    }
