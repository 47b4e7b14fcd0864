"""What happens to the keys of somebody who becomes an administrator: of those that others made for him, none does.

Whoever administers a team may make keys for its members, and knows them. As soon as the owner of such a key was an
administrator, it would be an administrator's key.
"""

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa

from tianji.auth.identity import MASTER, Role
from tianji.management.desk import Call
from tianji.storage.tables import KEYS, USERS

_ABOVE: Final = (Role.PROXY_ADMIN, Role.PROXY_ADMIN_VIEWER)


async def prepare(call: Call, user: Mapping[str, Any], role: str | None) -> None:
    """Block the keys that somebody who is no proxy admin made for `user`, who is about to have `role`.

    `user`: his row, or one with a `user_role` of None for somebody who is new here: keys can be there before him.
    """
    if role not in _ABOVE or user["user_role"] in _ABOVE:
        return
    trusted = {None, user["user_id"], MASTER.user_id}
    admins = sa.select(USERS.c.user_id).where(USERS.c.user_role == Role.PROXY_ADMIN)
    trusted |= {row["user_id"] for row in await call.all(admins)}
    for key in await call.all(sa.select(KEYS).where(KEYS.c.user_id == user["user_id"])):
        if key["created_by"] not in trusted:
            call.change("key", key["token"])
            await call.update(KEYS, {"token": key["token"]}, blocked=True)
