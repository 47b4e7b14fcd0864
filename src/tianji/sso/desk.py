"""Where people who come back get their session, and where it ends."""

import functools
from collections.abc import Mapping
from typing import Any, Final

from tianji.auth.arrivals import Arrival
from tianji.auth.durations import length
from tianji.auth.identity import MASTER, Identity, Role
from tianji.config.environment import lookup
from tianji.errors import AuthenticationFailed, ObjectNotFound, PermissionDenied
from tianji.management import desk, keys
from tianji.management.administration import Office
from tianji.management.arrivals import welcome
from tianji.management.desk import Call, Row
from tianji.management.key_fields import KeyFields
from tianji.storage.tables import KEYS, USERS

MARK: Final = "login_method"  # in the metadata of a session's key: how its owner came in
_ADMINS: Final = (Role.PROXY_ADMIN, Role.PROXY_ADMIN_VIEWER)


async def open_session(office: Office, arrival: Arrival) -> Row:
    """Put somebody into the database, make a key for his session, and return its claims.

    Raises AuthenticationFailed where only administrators may come in.
    """
    made: Any = await desk.perform(office, MASTER, functools.partial(_admit, arrival))
    return dict(made)


async def _admit(arrival: Arrival, call: Call) -> Row:
    user = await call.one(USERS, user_id=await welcome(arrival, call))
    if user is None:
        raise AuthenticationFailed("nobody here is known by what the identity provider says")
    if call.config.general_settings.ui_access_mode == "admin_only" and user["user_role"] not in _ADMINS:
        raise AuthenticationFailed("signing in is for proxy admins only")
    fields = KeyFields(
        user_id=user["user_id"],
        duration=duration(call.office.environ()),
        max_budget=call.config.litellm_settings.max_ui_session_budget,
        metadata={MARK: "sso"},
    )
    key = await keys.make(call, fields)
    return {
        "user_id": user["user_id"],
        "user_email": user["user_email"],
        "user_role": user["user_role"],
        "login_method": "sso",
        "key": key["key"],
    }


def duration(environ: Mapping[str, str]) -> str:
    """Return how long a session lasts: LITELLM_UI_SESSION_DURATION, a day without it."""
    return lookup(environ, "UI_SESSION_DURATION") or "24h"


def seconds(environ: Mapping[str, str]) -> int:
    """Return the same in seconds. Raises Unacceptable for what is no duration."""
    return int(length(duration(environ), "LITELLM_UI_SESSION_DURATION").total_seconds())


async def end_session(office: Office, caller: Identity) -> None:
    """Delete the key of the caller's session. Raises PermissionDenied for a key that is none."""
    await desk.perform(office, caller, _end)


async def _end(call: Call) -> None:
    row = await call.one(KEYS, token=call.caller.key)
    if row is None:
        raise ObjectNotFound("there is no such session")
    if MARK not in (row["metadata"] or {}):
        raise PermissionDenied("this key is no session; delete it with POST /key/delete")
    await keys.remove(call, row)
