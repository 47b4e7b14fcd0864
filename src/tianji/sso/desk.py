"""Where people who come in get their session, and where it ends."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from tianji.auth.durations import length
from tianji.auth.identity import MASTER, Identity, Role
from tianji.auth.standing import is_deactivated
from tianji.config.environment import lookup
from tianji.errors import AuthenticationFailed, ObjectNotFound, PermissionDenied
from tianji.management import desk
from tianji.management.desk import Call, Row
from tianji.management.keys import writing as keys
from tianji.management.keys.fields import LOGIN_METHOD, KeyFields
from tianji.management.office import Office
from tianji.money import to_dollars
from tianji.storage.tables import KEYS, USERS

MARK: Final = LOGIN_METHOD
BY_PROVIDER: Final = "sso"
BY_PASSWORD: Final = "username_password"  # noqa: S105 - not a password
BY_TERMINAL: Final = "cli"
_ADMINS: Final = (Role.PROXY_ADMIN, Role.PROXY_ADMIN_VIEWER)

Find = Callable[[Call], Awaitable[str | None]]
"""Says, in the transaction that makes his key, what the id of somebody is; None for who is nobody here."""


async def open_session(office: Office, find: Find, method: str) -> Row:
    """Make a key for the session of somebody, and return its claims. `method`: how he came in.

    Raises AuthenticationFailed for who is nobody here or no longer, or is not to come in.
    """

    async def admit(call: Call) -> Row:
        return await _admit(call, await find(call), method)

    made: Any = await desk.perform(office, MASTER, admit)
    return dict(made)


async def _admit(call: Call, user_id: str | None, method: str) -> Row:
    user = await call.one(USERS, user_id=user_id)
    if user is None:
        raise AuthenticationFailed("nobody here is known by what the identity provider says")
    if is_deactivated(user):
        raise AuthenticationFailed("this user was deactivated; ask an administrator")
    if call.config.general_settings.ui_access_mode == "admin_only" and user["user_role"] not in _ADMINS:
        raise AuthenticationFailed("signing in is for proxy admins only")
    call.act_for(user["user_id"])
    fields = KeyFields(
        user_id=user["user_id"],
        duration=duration(call.office.environ()),
        max_budget=_budget(call, user),
    )
    key = await keys.make(call, fields)
    await note(call, key["token"], {MARK: method})
    return {
        "user_id": user["user_id"],
        "user_email": user["user_email"],
        "user_role": user["user_role"],
        "login_method": method,
        "key": key["key"],
    }


def _budget(call: Call, user: Row) -> float | None:
    """Return what a session may spend, in dollars: no more than its owner."""
    usual = call.config.litellm_settings.max_ui_session_budget
    own = None if user["max_budget"] is None else to_dollars(user["max_budget"])
    return min((budget for budget in (usual, own) if budget is not None), default=None)


async def note(call: Call, token: str, facts: Row) -> None:
    """Note facts of a key in its metadata, where no request writes them."""
    row = await call.one(KEYS, token=token)
    if row is not None:
        await call.update(KEYS, {"token": token}, metadata={**(row["metadata"] or {}), **facts})


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
