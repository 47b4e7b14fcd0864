"""Keys for terminals: made when somebody lets one in, and given away once.

Until it is fetched a key lies in its own row, sealed, under an alias that follows from the login.
"""

import functools
import hashlib
from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa

from tianji.auth.identity import MASTER, Identity
from tianji.config.environment import lookup
from tianji.errors import Conflict, PermissionDenied, Unacceptable
from tianji.management import desk
from tianji.management.desk import Call, Row
from tianji.management.keys import writing as keys
from tianji.management.keys.fields import KeyFields
from tianji.management.office import Office
from tianji.management.people import membership
from tianji.sso.browser import salt
from tianji.sso.desk import BY_PASSWORD, BY_PROVIDER, BY_TERMINAL, MARK, note
from tianji.storage.tables import KEYS, USERS
from tianji.storage.vault import Vault

_SEALED: Final = "sealed_key"


def duration(environ: Mapping[str, str]) -> str:
    """Return how long such a key lasts: LITELLM_CLI_JWT_EXPIRATION_HOURS, a day without it."""
    hours = environ.get("CLI_JWT_EXPIRATION_HOURS") or lookup(environ, "CLI_JWT_EXPIRATION_HOURS") or "24"
    return f"{hours}h"


async def make(office: Office, caller: Identity, login_id: str) -> None:
    """Make a key for the terminal of whoever has just signed in.

    Raises PermissionDenied (403) for who calls with another key than that of a session: such a key may have less
    rights than he. Conflict (409) for a login that was completed.
    """
    if caller.metadata.get(MARK) not in (BY_PROVIDER, BY_PASSWORD):
        raise PermissionDenied("sign in with a browser first; a key lets no terminal in")
    await desk.perform(office, MASTER, functools.partial(_make, login_id, str(caller.user_id)))


async def _make(login_id: str, user_id: str, call: Call) -> None:
    alias = _alias(login_id)
    call.act_for(user_id)
    if await call.one(KEYS, key_alias=alias) is not None:
        raise Conflict("this login was completed; look at the terminal")
    fields = KeyFields(user_id=user_id, key_alias=alias, duration=duration(call.office.environ()))
    made = await keys.make(call, fields)
    sealed = _vault(call.office).close(made["key"], alias)
    await note(call, made["token"], {MARK: BY_TERMINAL, _SEALED: sealed})


async def give(office: Office, login_id: str, team_id: str | None) -> Row:
    """Return what a terminal is told: `pending`, the teams to choose from, or the key, this once."""
    found: Any = await desk.inspect(office, MASTER, lambda call: call.one(KEYS, key_alias=_alias(login_id)))
    if found is None:
        return {"status": "pending"}
    told: Any = await desk.perform(office, MASTER, functools.partial(_give, login_id, team_id))
    return dict(told)


async def _give(login_id: str, team_id: str | None, call: Call) -> Row:
    alias = _alias(login_id)
    row = await call.one(KEYS, key_alias=alias)
    if row is None or _SEALED not in row["metadata"]:
        raise Conflict("the key of this login was fetched; begin again")
    teams = {team["team_id"]: team["team_alias"] for team in await membership.teams_of_user(call, row["user_id"])}
    if team_id is None and len(teams) > 1:
        details = [{"team_id": name, "team_alias": said} for name, said in teams.items()]
        return {"status": "ready", "requires_team_selection": True, "teams": [*teams], "team_details": details}
    if team_id is not None and team_id not in teams:
        raise Unacceptable("you are in no such team", param="team_id")
    team = team_id or next(iter(teams), None)
    secret = _vault(call.office).open(row["metadata"][_SEALED], alias)
    metadata = {name: value for name, value in row["metadata"].items() if name != _SEALED}
    call.change("key", row["token"])
    call.act_for(row["user_id"])
    await call.execute(
        sa.update(KEYS)
        .where(KEYS.c.token == row["token"])
        .values(metadata=metadata, key_alias=None, team_id=team, updated_at=call.now)
    )
    user = await call.one(USERS, user_id=row["user_id"])
    return {
        "status": "ready",
        "key": secret,
        "user_id": row["user_id"],
        "user_role": user and user["user_role"],
        "team_id": team,
        "teams": [*teams],
    }


def _alias(login_id: str) -> str:
    return f"terminal-{hashlib.sha256(login_id.encode()).hexdigest()[:32]}"


def _vault(office: Office) -> Vault:
    return Vault(salt(office), "terminal")
