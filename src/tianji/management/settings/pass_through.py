"""Endpoints of the database: paths of the gateway that lead elsewhere, made and changed while it serves.

What was not judged good is not stored. Values of headers are kept encrypted and shown masked.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from msgspec import UNSET, Struct, UnsetType

from tianji.auth.tags import MODELS as CHANGED
from tianji.config.environment import REFERENCE
from tianji.config.schema.general import PassThroughEndpoint
from tianji.errors import Conflict, ObjectNotFound, Unacceptable
from tianji.management.desk import Call, Row
from tianji.management.keys import fields as key_fields
from tianji.storage.additions import endpoint_of, sealed_endpoint
from tianji.storage.tables import PASS_THROUGH, TEAMS

_FIELDS: Final = tuple(name for name in PassThroughEndpoint.__struct_fields__ if name not in {"extra", "stored"})
_SHOWN: Final = 4  # characters of a secret
_LONG: Final = 16


class Endpoint(Struct, kw_only=True):
    """What may be said of an endpoint. Each is what it is in a configuration file."""

    path: str | UnsetType = UNSET
    target: str | UnsetType = UNSET
    headers: dict[str, str] | UnsetType | None = UNSET
    default_query_params: dict[str, str] | UnsetType | None = UNSET
    merge_query_params: bool | UnsetType | None = UNSET
    include_subpath: bool | UnsetType | None = UNSET
    forward_headers: bool | UnsetType | None = UNSET
    cost_per_request: float | UnsetType | None = UNSET
    timeout: float | UnsetType | None = UNSET
    auth: bool | UnsetType | None = UNSET
    methods: list[str] | UnsetType | None = UNSET
    guardrails: dict[str, Any] | list[Any] | UnsetType | None = UNSET
    custom_auth_parser: str | UnsetType | None = UNSET
    id: str | UnsetType | None = UNSET


class Which(Struct, kw_only=True):
    """Which endpoint is meant; none for all."""

    endpoint_id: str | None = None


async def listed(call: Call) -> Row:
    """List endpoints, or describe one of them: the database's, and those of the file that it does not replace."""
    asked = call.questions(Which).endpoint_id
    found = [one for one in await _all(call) if asked in (None, one["id"])]
    if asked is not None and not found:
        raise _missing()
    return {"endpoints": found}


async def of_team(call: Call) -> Row:
    """List the endpoints that a team's keys may use."""
    team = await call.one(TEAMS, team_id=call.params["team_id"])
    if team is None:
        raise ObjectNotFound("this team does not exist; GET /team/list lists those that do")
    metadata = team["metadata"] or {}
    allowed, denied = metadata.get("allowed_passthrough_routes"), metadata.get("denied_passthrough_routes")
    return {
        "endpoints": [
            one
            for one in await _all(call)
            if (not allowed or one["path"] in allowed) and not (denied and one["path"] in denied)
        ]
    }


async def new(call: Call) -> Row:
    """Lead a path elsewhere."""
    require_kept(call)
    said = _written(call.body(Endpoint))
    if not said.get("path") or not said.get("target"):
        raise Unacceptable("an endpoint needs a path and a target", param="path" if not said.get("path") else "target")
    made = {**said, "id": said.get("id") or key_fields.make_id()}
    if await call.one(PASS_THROUGH, id=made["id"]) is not None:
        raise Conflict("an endpoint of this id exists already; POST /config/pass_through_endpoint/{id} changes it")
    await _require_sound(call, made)
    call.changed.add(CHANGED)
    sealed = sealed_endpoint(call.salt(), made)
    await call.insert(PASS_THROUGH, id=made["id"], path=made["path"], endpoint=sealed)
    return {"endpoints": [_told(made, from_config=False)]}


async def update(call: Call) -> Row:
    """Change what was sent of an endpoint; null takes away."""
    require_kept(call)
    before = await _found(call, call.params["endpoint_id"])
    said = {name: value for name, value in _changes(call.body(Endpoint)).items() if name != "id"}
    after = {name: value for name, value in {**before, **said}.items() if value is not None}
    await _require_sound(call, after)
    call.changed.add(CHANGED)
    sealed = sealed_endpoint(call.salt(), after)
    await call.update(PASS_THROUGH, {"id": after["id"]}, path=after["path"], endpoint=sealed)
    return {"endpoints": [_told(after, from_config=False)]}


async def delete(call: Call) -> Row:
    """Lead a path nowhere any more; which one, says the query or the body."""
    asked = call.questions(Which).endpoint_id or call.body(Which).endpoint_id
    if asked is None:
        raise Unacceptable("endpoint_id is missing: say which endpoint is to go", param="endpoint_id")
    before = await _found(call, asked)
    call.changed.add(CHANGED)
    await call.execute(sa.delete(PASS_THROUGH).where(PASS_THROUGH.c.id == asked))
    return {"endpoints": [_told(before, from_config=False)]}


def require_kept(call: Call) -> None:
    """Refuse with 400 what would have no effect."""
    if not call.office.fleet.keeps_endpoints():
        raise Unacceptable(
            "endpoints are not kept in the database: set general_settings.store_model_in_db to true, or the variable "
            "STORE_MODEL_IN_DB, or write the endpoint into general_settings.pass_through_endpoints"
        )


async def _require_sound(call: Call, made: Mapping[str, Any]) -> None:
    """Refuse with 400 what would be left out, and with 409 what another endpoint answers already."""
    objection = call.office.fleet.endpoint_objection(made)
    if objection is not None:
        raise Unacceptable(f"this endpoint could not be served: {objection}")
    for row in await call.all(sa.select(PASS_THROUGH).where(PASS_THROUGH.c.id != made["id"])):
        other = endpoint_of(call.salt(), row)
        if other["path"].strip("/") == made["path"].strip("/") and _methods(other) & _methods(made):
            raise Conflict(f"the endpoint {row['id']} answers this path already; change it, or delete it", param="path")


def _methods(endpoint: Mapping[str, Any]) -> set[str]:
    return {method.upper() for method in endpoint.get("methods") or PassThroughEndpoint(path="").methods}


async def _all(call: Call) -> list[Row]:
    stored = [_told(found, from_config=False) for found in await _stored(call)]
    paths = {one["path"].strip("/") for one in stored}
    of_file = call.office.fleet.file().general_settings.pass_through_endpoints
    return stored + [
        _told({name: getattr(one, name) for name in _FIELDS}, from_config=True)
        for one in of_file
        if one.path.strip("/") not in paths
    ]


async def _stored(call: Call) -> Iterator[Row]:
    rows = await call.all(sa.select(PASS_THROUGH).order_by(PASS_THROUGH.c.created_at, PASS_THROUGH.c.id))
    return (_opened(call, row) for row in rows)


async def _found(call: Call, endpoint_id: str) -> Row:
    row = await call.one(PASS_THROUGH, id=endpoint_id)
    if row is not None:
        return _opened(call, row)
    if any(one.id == endpoint_id for one in call.office.fleet.file().general_settings.pass_through_endpoints):
        raise Unacceptable("this endpoint stands in the configuration file: change it there", param="endpoint_id")
    raise _missing()


def _opened(call: Call, row: Row) -> Row:
    try:
        return endpoint_of(call.salt(), row)
    except ValueError as error:
        raise Unacceptable(f"the endpoint {row['id']} cannot be read: {error}") from error


def _missing() -> ObjectNotFound:
    return ObjectNotFound("this endpoint does not exist; GET /config/pass_through_endpoint lists those that do")


def _written(body: Endpoint) -> Row:
    """Return what is said of an endpoint."""
    return {name: value for name, value in _changes(body).items() if value is not None}


def _changes(body: Endpoint) -> Row:
    """Return what was sent, null included."""
    return {name: value for name, value in msgspec.structs.asdict(body).items() if value is not UNSET}


def _told(endpoint: Mapping[str, Any], *, from_config: bool) -> Row:
    usual = PassThroughEndpoint(path="")
    said = {name: endpoint.get(name, getattr(usual, name)) for name in _FIELDS}
    headers = said["headers"] or {}
    return {
        **said,
        "headers": {name: _masked(value) for name, value in headers.items()},
        "methods": list(said["methods"]),
        "is_from_config": from_config,
    }


def _masked(value: str) -> str:
    """Show a reference as it stands, and of a long value the end."""
    if REFERENCE in value:
        return value
    return f"****{value[-_SHOWN:]}" if len(value) >= _LONG else "****"
