"""Users, as whoever manages people elsewhere puts them here. Whom he deactivates no key lets in any more."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import sqlalchemy as sa

from tianji.auth.identity import MASTER
from tianji.errors import Conflict, ObjectNotFound, Unacceptable
from tianji.management.desk import Call, Row
from tianji.management.people import membership, team_reading, users
from tianji.scim import groups, resources
from tianji.scim.filters import Condition
from tianji.scim.listing import Patch, Wish, found_page
from tianji.scim.patching import Resource, patched
from tianji.storage.tables import USERS

_FILTERS: Final[Mapping[str, Callable[[str], "sa.ColumnElement[bool]"]]] = {
    "username": lambda value: sa.or_(USERS.c.user_email == value.lower(), USERS.c.user_id == value),
    "emails.value": lambda value: USERS.c.user_email == value.lower(),
    "emails": lambda value: USERS.c.user_email == value.lower(),
    "externalid": lambda value: USERS.c.sso_user_id == value,
    "id": lambda value: USERS.c.user_id == value,
    "displayname": lambda value: USERS.c.user_alias == value,
}


async def listed(call: Call, base: str) -> Resource:
    """List users, or those that a filter means, the newest first."""
    wish = call.questions(Wish)
    order = (USERS.c.created_at.desc(), USERS.c.user_id)
    return await found_page(
        call, sa.select(USERS).order_by(*order), wish, _condition, lambda row: told(call, row, base)
    )


def _condition(one: Condition) -> "sa.ColumnElement[bool]":
    make = _FILTERS.get(one.name)
    if make is None or not isinstance(one.value, str):
        raise Unacceptable(f"users are not found by {one.name[:80]}", param="filter", code="invalidFilter")
    return make(one.value)


async def info(call: Call, base: str) -> Resource:
    """Describe a user."""
    return await told(call, await _found(call), base)


async def new(call: Call, base: str) -> Resource:
    """Put a user here; one who is here by his e-mail already is changed."""
    resource = call.body(dict[str, Any])
    name = resources.text(resource, "userName")
    if name is None:
        raise Unacceptable("userName is required", param="userName", code="invalidValue")
    if name == MASTER.user_id or await call.one(USERS, user_id=name) is not None:
        raise Conflict(f"there is a user {name[:80]!r} already", param="userName", code="uniqueness")
    row = await call.one(USERS, user_email=resources.mail(resource))
    if row is None:
        row = await users.make(call, {"user_id": name, "user_role": None})
    return await told(call, await _apply(call, row, resource), base)


async def replace(call: Call, base: str) -> Resource:
    """Change a user to what is said; what is not said stays."""
    resource = call.body(dict[str, Any])
    if not resource.get("groups"):
        resource.pop("groups", None)
    return await told(call, await _apply(call, await _found(call), resource), base)


async def patch(call: Call, base: str) -> Resource:
    """Change a user by operations."""
    row = await _found(call)
    before = await told(call, row, base)
    after = patched(before, call.body(Patch).Operations)
    gone: Resource = {name: None for name in resources.CLEARABLE if name in before and name not in after}
    return await told(call, await _apply(call, row, {**after, **gone}), base)


async def delete(call: Call, _base: str) -> None:
    """Take a user away, with his keys."""
    row = await _found(call)
    held = await membership.teams_of_user(call, row["user_id"])
    await users.remove(call, row)
    for team in held:
        call.change("team", team["team_id"])


async def told(call: Call, row: Row, base: str) -> Resource:
    """Return a user's resource."""
    return resources.told_user(row, await membership.teams_of_user(call, row["user_id"]), base)


async def _found(call: Call) -> Row:
    row = await call.one(USERS, user_id=call.params["user_id"])
    if row is None:
        raise ObjectNotFound("there is no such user")
    return row


async def _apply(call: Call, row: Row, resource: Resource) -> Row:
    """Make a user what his resource says, and return his row."""
    user_id = row["user_id"]
    name = resources.text(resource, "userName")
    known = (user_id, row["user_email"], (row["metadata"] or {}).get("scim_user_name"))
    if name is not None and not resources.is_mail(name) and name not in known:
        raise Unacceptable("userName is what the user is called by here", param="userName", code="mutability")
    changed: Row = {"metadata": resources.metadata(resource, row["metadata"])}
    mail = resources.mail(resource)
    if mail is not None or "emails" in resource:
        await _require_free(call, user_id, "user_email", mail)
        changed["user_email"] = mail
    if "displayName" in resource:
        changed["user_alias"] = resources.text(resource, "displayName")
    if "externalId" in resource:
        outside = resources.text(resource, "externalId")
        await _require_free(call, user_id, "sso_user_id", outside)
        changed["sso_user_id"] = outside
    call.change("user", user_id)
    row = await call.update(USERS, {"user_id": user_id}, **changed)
    wanted = resources.values(resource, "groups")
    if wanted is not None:
        await _join_exactly(call, user_id, wanted)
    return row


async def _require_free(call: Call, user_id: str, column: str, value: str | None) -> None:
    other = await call.one(USERS, **{column: value})
    if other is not None and other["user_id"] != user_id:
        raise Conflict(f"another user has this {column} already", param=column, code="uniqueness")


async def _join_exactly(call: Call, user_id: str, wanted: list[str]) -> None:
    """Have a user in these teams and in no others."""
    held = {team["team_id"]: team for team in await membership.teams_of_user(call, user_id)}
    for name in wanted:
        if name not in held:
            await groups.admit(call, await team_reading.found(call, name), user_id)
    for name in held.keys() - set(wanted):
        await groups.expel(call, held[name], user_id)
