"""Deployments of the database: made, changed, blocked, deleted.

What was not judged good is not stored. A proxy admin may write what stands in a configuration file; who administers a
team may keep deployments for it, of few fields, and says all of them again with each change: secrets that he does not
see never go to an address that he chose.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa
from msgspec import Struct

from tianji.auth.models import EVERY, NONE, OF_TEAM, rule
from tianji.auth.tags import MODELS as CHANGED
from tianji.config.additions import Stored
from tianji.config.environment import REFERENCE
from tianji.errors import Conflict, ObjectNotFound, PermissionDenied, Unacceptable
from tianji.management.desk import Call, Row
from tianji.management.keys import fields as key_fields
from tianji.management.people import ownership, teams
from tianji.providers.names import infer
from tianji.storage.additions import compiled, sealed, unsealed
from tianji.storage.tables import CREDENTIALS, MODELS, TEAMS

_OF_TEAM_ADMINS: Final = frozenset(
    {
        "model",
        "api_key",
        "api_base",
        "api_version",
        "custom_llm_provider",
        "tpm",
        "rpm",
        "timeout",
        "stream_timeout",
        "max_retries",
        "max_parallel_requests",
        "temperature",
        "top_p",
        "max_tokens",
        "max_completion_tokens",
        "reasoning_effort",
        "seed",
        "stop",
        "drop_params",
    }
)
_INFO_OF_TEAM_ADMINS: Final = frozenset(
    {"id", "team_id", "team_public_model_name", "mode", "description", "display_name", "max_input_tokens"}
    | {"max_tokens", "max_output_tokens"}
)
GRANTED: Final = "granted_to_team"  # in model_info: the team may use the name because of this model
_OWN: Final = frozenset({GRANTED, "id", "db_model", "created_at", "created_by", "updated_at", "updated_by", "blocked"})


class Model(Struct, kw_only=True):
    """What is said of a deployment when it is made."""

    model_name: str
    litellm_params: dict[str, Any]
    model_info: dict[str, Any] = {}


class Change(Struct, kw_only=True):
    """What may be changed of a deployment."""

    model_name: str | None = None
    litellm_params: dict[str, Any] | None = None
    model_info: dict[str, Any] | None = None


class One(Struct, kw_only=True):
    """Which deployment is meant."""

    id: str


class Blocked(Struct, kw_only=True):
    """Which deployment is meant, as two generations of clients say it."""

    model_id: str | None = None
    id: str | None = None


async def new(call: Call) -> Row:
    """Keep a deployment."""
    body = call.body(Model)
    require_kept(call)
    info = {name: value for name, value in body.model_info.items() if name not in _OWN and value is not None}
    params = {name: value for name, value in body.litellm_params.items() if value is not None}
    model_id = body.model_info.get("id") or key_fields.make_id()
    if not isinstance(model_id, str):
        raise Unacceptable("model_info.id must be text", param="model_info")
    team = await _team(call, info.get("team_id"))
    if not call.admin:
        _require_plain(params, info)
    name = body.model_name
    if team is not None:
        public = str(info.setdefault("team_public_model_name", name))
        info[GRANTED] = await _let_use(call, team, public)
        name = f"model_name_{team['team_id']}_{key_fields.make_id()}"
    if await call.one(MODELS, model_id=model_id) is not None:
        raise Conflict("a model of this id exists already; change it with /model/update", param="model_info")
    await _require_sound(call, Stored(id=model_id, name=name, params=params, info=info))
    call.changed.add(CHANGED)
    return _told(
        await call.insert(
            MODELS,
            model_id=model_id,
            model_name=name,
            litellm_params=sealed(call.salt(), model_id, params),
            model_info=info,
            blocked=False,
        )
    )


async def update(call: Call) -> Row:
    """Change what was sent of the deployment that `model_info.id` names; null changes nothing."""
    body = call.body(Change)
    named = (body.model_info or {}).get("id")
    if not isinstance(named, str):
        raise Unacceptable("model_info.id is missing: say which model is to be changed", param="model_info")
    params = {name: value for name, value in (body.litellm_params or {}).items() if value is not None}
    info = {name: value for name, value in (body.model_info or {}).items() if value is not None}
    return await _change(call, named, body.model_name, params, info)


async def patch(call: Call) -> Row:
    """Change what was sent of a deployment; null takes away (RFC 7396)."""
    body = call.body(Change)
    named = call.params["model_id"]
    return await _change(call, named, body.model_name, body.litellm_params or {}, body.model_info or {})


async def _change(call: Call, named: str, name: str | None, params: Row, info: Row) -> Row:
    require_kept(call)
    before = await _found(call, named)
    team = await _owner(call, before)
    sent_info = {key: value for key, value in info.items() if key not in _OWN}
    if sent_info.get("team_id", (before["model_info"] or {}).get("team_id")) != (before["model_info"] or {}).get(
        "team_id"
    ):
        raise Unacceptable("a model does not change its team: delete it and make another one", param="model_info")
    if call.admin:
        old = _opened(call, before)
        after = _merged(old, params)
    else:
        after = _merged({}, params) if params else _opened(call, before)
        _require_plain(after, sent_info)
    after_info = _merged(before["model_info"] or {}, sent_info)
    after_name = before["model_name"]
    if name is not None and team is None:
        after_name = name
    if team is not None:
        await _rename(call, team, before, after_info, name)
    await _require_sound(call, Stored(id=named, name=after_name, params=after, info=after_info))
    call.changed.add(CHANGED)
    row = await call.update(
        MODELS,
        {"model_id": named},
        model_name=after_name,
        litellm_params=sealed(call.salt(), named, after),
        model_info=after_info,
    )
    return _told(row)


async def _rename(call: Call, team: Row, before: Row, info: Row, name: str | None) -> None:
    """Let a team call its model by the name that was sent, if it is another one."""
    was = before["model_info"]["team_public_model_name"]
    if name is not None and info["team_public_model_name"] == was:
        info["team_public_model_name"] = name
    if info["team_public_model_name"] != was:
        info[GRANTED] = await _let_use(call, team, str(info["team_public_model_name"]))
        await _take_back(call, before)


def _merged(before: Mapping[str, Any], changes: Mapping[str, Any]) -> Row:
    return {name: value for name, value in {**before, **changes}.items() if value is not None}


async def delete(call: Call) -> Row:
    """Delete a deployment; what is under way there goes on."""
    body = call.body(One)
    require_kept(call)
    row = await _found(call, body.id)
    team = await _owner(call, row)
    call.changed.add(CHANGED)
    await call.execute(sa.delete(MODELS).where(MODELS.c.model_id == row["model_id"]))
    if team is not None:
        await _take_back(call, row)
    return {"message": f"Model: {row['model_id']} deleted successfully"}


async def block(call: Call) -> Row:
    """Send nothing to a deployment from now on."""
    return await _set_blocked(call, blocked=True)


async def unblock(call: Call) -> Row:
    """Use a deployment again."""
    return await _set_blocked(call, blocked=False)


async def _set_blocked(call: Call, *, blocked: bool) -> Row:
    body = call.body(Blocked)
    require_kept(call)
    row = await _found(call, body.model_id or body.id or "")
    call.changed.add(CHANGED)
    return _told(await call.update(MODELS, {"model_id": row["model_id"]}, blocked=blocked))


def require_kept(call: Call) -> None:
    """Refuse with 400 what would have no effect."""
    if not call.office.fleet.keeps():
        raise Unacceptable(
            "models are not kept in the database: set general_settings.store_model_in_db to true, or the variable "
            "STORE_MODEL_IN_DB, or write the model into the configuration file"
        )


async def _found(call: Call, named: str) -> Row:
    row = await call.one(MODELS, model_id=named)
    if row is not None:
        return row
    if any(entry.id == named for pairs in call.office.fleet.snapshot().members.values() for entry, _ in pairs):
        raise Unacceptable("this model stands in the configuration file: change it there", param="id")
    raise ObjectNotFound("this model does not exist; GET /model/info lists those that do", param="id")


async def _owner(call: Call, row: Row) -> Row | None:
    """Return the team that a deployment belongs to, after judging whether the caller may change it."""
    team_id = (row["model_info"] or {}).get("team_id")
    team = await call.one(TEAMS, team_id=team_id)
    if not call.admin and (team is None or not ownership.administers_team(call, team)):
        raise PermissionDenied("only a proxy admin, or who administers the team of a model, may do that")
    return team


async def _team(call: Call, team_id: object) -> Row | None:
    """Return the team that a new deployment is for. Raises PermissionDenied for who may not make one for it."""
    if team_id is None and call.admin:
        return None
    team = await call.one(TEAMS, team_id=team_id)
    if not call.admin:
        if call.config.general_settings.disable_model_add_for_internal_users:
            raise PermissionDenied("this gateway lets only a proxy admin add models")
        if team is None or not ownership.administers_team(call, team):
            raise PermissionDenied("name a team that you administer in model_info.team_id, or ask a proxy admin")
    if team is None:
        raise Unacceptable("there is no team with this team_id; make it with POST /team/new", param="model_info")
    return team


def _require_plain(params: Row, info: Row) -> None:
    """Hold who is no proxy admin to few fields, and to a key of his own: the gateway's are not his."""
    refused = sorted({*(params.keys() - _OF_TEAM_ADMINS), *(info.keys() - _INFO_OF_TEAM_ADMINS)})
    if refused:
        raise PermissionDenied(f"{', '.join(refused)[:200]} may be set by a proxy admin only; leave it out")
    if any(REFERENCE in str(value) for value in (*params.values(), *info.values())):
        raise PermissionDenied(f"only a proxy admin may refer to {REFERENCE}")
    if not params.get("api_key"):
        raise Unacceptable("litellm_params.api_key is missing: a model of a team has a key of its own", param="api_key")


async def _let_use(call: Call, team: Row, public: str) -> bool:
    """Let a team use its model by the name that it has there; return whether only this lets it."""
    if await _siblings(call, team["team_id"], public, ""):
        return True
    own = rule(team["models"], "", groups=call.office.groups(), infer=infer)
    if own is None or own.allows(public):
        return False
    words = EVERY | {OF_TEAM, NONE} | call.office.groups().keys()
    if not call.admin and (public in words or "*" in public or call.office.fleet.snapshot().serves(public)):
        raise PermissionDenied("the name stands for models that the team may not use; choose another one")
    await teams.set_models(call, team, [*(team["models"] or []), public])
    return True


async def _take_back(call: Call, row: Row) -> None:
    """Take from a team the name that it got with a model: it may come to stand for another one."""
    info = row["model_info"]
    public = info["team_public_model_name"]
    team = await call.one(TEAMS, team_id=info["team_id"])
    if team is None or not info.get(GRANTED) or await _siblings(call, info["team_id"], public, row["model_id"]):
        return
    left = [name for name in team["models"] or [] if name != public]
    await teams.set_models(call, team, left or [NONE])


async def _siblings(call: Call, team_id: str, public: str, but: str) -> bool:
    """Whether a team has another model of this name, which lets it use the name."""
    rows = await call.all(sa.select(MODELS).where(MODELS.c.model_id != but))
    return any(
        (info.get("team_id"), info.get("team_public_model_name"), info.get(GRANTED)) == (team_id, public, True)
        for info in (row["model_info"] or {} for row in rows)
    )


async def _require_sound(call: Call, stored: Stored) -> None:
    """Refuse with 400 a deployment that could not be served, and say what is wrong."""
    credentials = await call.all(sa.select(CREDENTIALS))
    additions = compiled(call.salt(), [], credentials, [], (stored,))
    objection = await asyncio.to_thread(call.office.fleet.objection, additions, stored)
    if objection is not None:
        raise Unacceptable(objection, param="litellm_params")


def _opened(call: Call, row: Row) -> Row:
    try:
        return unsealed(call.salt(), row["model_id"], row["litellm_params"] or {})
    except ValueError as error:
        raise Unacceptable(f"the parameters of this model cannot be read: {error}; delete it") from error


def _told(row: Row) -> Row:
    return {**row, "model_info": {**(row["model_info"] or {}), "id": row["model_id"], "db_model": True}}
