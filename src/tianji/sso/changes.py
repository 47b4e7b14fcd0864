"""What people change about their own coming in: a password, and that a code was used."""

import functools
import hashlib
from typing import Any

import sqlalchemy as sa

from tianji.auth.identity import MASTER, Identity
from tianji.errors import AuthenticationFailed, InvalidRequest, PermissionDenied
from tianji.management import desk
from tianji.management.desk import Call, Row
from tianji.management.keys import writing as keys
from tianji.management.office import Office
from tianji.management.people import users
from tianji.sso.credentials import fits_password
from tianji.sso.desk import BY_PASSWORD, MARK, note
from tianji.storage.tables import KEYS, USERS

_USED = "code_used"


async def claim(office: Office, key: str) -> None:
    """Note that the code for the session of `key` was used. Raises InvalidRequest (400) the second time."""
    await desk.perform(office, MASTER, functools.partial(_claim, hashlib.sha256(key.encode()).hexdigest()))


async def _claim(token: str, call: Call) -> None:
    row = await call.one(KEYS, token=token)
    if row is None or row["metadata"].get(_USED):
        raise InvalidRequest("this code was used, or its session has ended; sign in again", param="code")
    call.act_for(row["user_id"])
    await note(call, token, {_USED: True})


async def change_password(office: Office, caller: Identity, old: str, new: str) -> None:
    """Change the password of whoever signed in with one, and end his other sessions.

    Raises PermissionDenied (403) for who signed in otherwise, AuthenticationFailed (401) for a wrong old password,
    Unacceptable (400) for a new one that is not good enough.
    """
    if caller.metadata.get(MARK) != BY_PASSWORD:
        raise PermissionDenied("sign in with your password first; a key changes none")
    row: Any = await desk.inspect(office, caller, lambda call: call.one(USERS, user_id=caller.user_id))
    if row is None or row["password"] is None:
        raise PermissionDenied("this user has no password here; it stands in the environment (UI_PASSWORD)")
    if not await fits_password(row, old):
        raise AuthenticationFailed("the current password is wrong", param="invalid_credentials")
    await desk.perform(office, caller, functools.partial(_change, row, new))


async def _change(before: Row, new: str, call: Call) -> None:
    user_id = before["user_id"]
    row = await call.one(USERS, user_id=user_id)
    if row is None or row["password"] != before["password"]:
        raise AuthenticationFailed("the password was changed meanwhile; sign in again", param="invalid_credentials")
    call.change("user", user_id)
    kept = await users.keep_password(call, new)
    await call.update(USERS, {"user_id": user_id}, password=kept, password_reset_required=False)
    others = sa.select(KEYS).where(KEYS.c.user_id == user_id, KEYS.c.token != call.caller.key)
    for key in await call.all(others):
        if MARK in (key["metadata"] or {}):
            await keys.remove(call, key)
