"""Who somebody is by name and password: the administrator of the environment, or a user with a password of his own.

All who fail hear the same, after the same time: the password is held against something also where nobody has the name.
"""

import asyncio
import functools
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Final

from tianji.auth import passwords
from tianji.auth.identity import MASTER, Role
from tianji.config.schema import GeneralSettings
from tianji.errors import AuthenticationFailed, PermissionDenied
from tianji.management import desk
from tianji.management.desk import Call, Row
from tianji.management.office import Office
from tianji.management.people import promotion, users
from tianji.sso.desk import Find, open_session
from tianji.sso.providers import missing
from tianji.storage.tables import USERS

_LONGEST_NAME: Final = 320  # characters, of an e-mail address


def require_open(general: GeneralSettings, environ: Mapping[str, str]) -> None:
    """Raise PermissionDenied (403) where nobody is to sign in with a password."""
    if general.disable_password_login_when_sso_enabled and not missing(environ):
        raise PermissionDenied("signing in with a password is switched off here; begin at /sso/login")


async def admitted(office: Office, username: str, password: str, method: str) -> Row:
    """Return the claims of a session of whoever has this name and this password. Raises AuthenticationFailed (401)."""
    return await open_session(office, await recognized(office, username, password), method)


async def recognized(office: Office, username: str, password: str) -> Find:
    """Return how the user is found whose name and password these are. Raises AuthenticationFailed (401)."""
    general, environ = office.config().general_settings, office.environ()
    name = username.strip()
    usable = 0 < len(name) <= _LONGEST_NAME and name.isprintable() and 0 < len(password) <= passwords.LONGEST
    row: Any = await desk.inspect(office, MASTER, functools.partial(_row, name if usable else None))
    fits = await fits_password(row, password)
    administrator = _is_administrator(name, password, general, environ)
    if usable and administrator:
        return functools.partial(_administrator, environ.get("PROXY_ADMIN_ID") or str(MASTER.user_id))
    if usable and fits:
        return functools.partial(_id, str(row["user_id"]))
    raise AuthenticationFailed(
        "Invalid credentials: the name or the password is wrong; an administrator may set a new password with POST "
        "/user/update",
        param="invalid_credentials",
    )


async def fits_password(row: Row | None, password: str) -> bool:
    """Whether it is the password of the user of this row; it takes as long for nobody."""
    kept = None if row is None else row["password"]
    return await asyncio.to_thread(passwords.verified, kept, password)


async def _administrator(user_id: str, call: Call) -> str:
    """Have the administrator of the environment in the database, and return his id."""
    row = await call.one(USERS, user_id=user_id)
    if row is None:
        await users.make(call, {"user_id": user_id, "user_role": Role.PROXY_ADMIN.value})
    elif row["user_role"] != Role.PROXY_ADMIN:
        await promotion.prepare(call, row, Role.PROXY_ADMIN)
        call.change("user", user_id)
        await call.update(USERS, {"user_id": user_id}, user_role=Role.PROXY_ADMIN.value)
    return user_id


async def _id(user_id: str, _call: Call) -> str:
    return user_id


async def _row(name: str | None, call: Call) -> Row | None:
    if name is None:
        return None
    return await call.one(USERS, user_email=name.lower()) or await call.one(USERS, user_id=name)


def _is_administrator(name: str, password: str, general: GeneralSettings, environ: Mapping[str, str]) -> bool:
    wanted = environ.get("UI_PASSWORD") or general.master_key
    if not wanted or general.disable_env_credential_login:
        return False
    named = _same(name, environ.get("UI_USERNAME") or "admin")
    return _same(password, wanted) and named


def _same(one: str, other: str) -> bool:
    """Compare in a time that tells nothing, of lengths neither."""
    digests = (hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in (one, other))
    return hmac.compare_digest(*digests)
