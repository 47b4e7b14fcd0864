"""Credentials of vendors, kept encrypted and shown masked."""

from typing import Any, Final

import sqlalchemy as sa
from msgspec import UNSET, Struct

from tianji.auth.tags import MODELS
from tianji.errors import Conflict, ObjectNotFound
from tianji.management.desk import Call, Row
from tianji.management.keys.fields import Table, Text
from tianji.storage.additions import CREDENTIAL_VALUES
from tianji.storage.tables import CREDENTIALS
from tianji.storage.vault import Vault

_SHOWN: Final = 4  # last characters of a value that are shown, of values long enough to keep the rest a secret
_LONG: Final = 16
_OF_DEPLOYMENTS: Final = ("api_key", "api_base", "base_url", "api_version")


class Credential(Struct, kw_only=True):
    """What is said of a credential when it is made."""

    credential_name: str
    credential_info: dict[str, Any] = {}
    credential_values: dict[str, str] = {}
    display_name: str | None = None


class Change(Struct, kw_only=True):
    """What may be changed of a credential."""

    credential_name: Text = UNSET
    credential_info: Table = UNSET
    credential_values: dict[str, str] = {}
    display_name: Text = UNSET


def vault(call: Call) -> Vault:
    """Return what encrypts. Raises Unacceptable without a salt key."""
    return Vault(call.salt(), CREDENTIAL_VALUES)


async def new(call: Call) -> Row:
    """Keep a credential."""
    body = call.body(Credential)
    name = body.credential_name
    if await call.one(CREDENTIALS, credential_name=name) is not None:
        raise Conflict("a credential of this name exists already; change it with PATCH", param="credential_name")
    call.changed.add(MODELS)
    await call.insert(
        CREDENTIALS,
        credential_name=name,
        display_name=body.display_name,
        credential_info=body.credential_info,
        credential_values=_closed(call, name, body.credential_values),
    )
    return {"success": True, "message": "Credential created successfully"}


async def update(call: Call) -> Row:
    """Change a credential: values that are sent replace those of the same name."""
    before = await _found(call, call.params["credential_name"])
    body = call.body(Change)
    name = before["credential_name"]
    values: Row = {"credential_values": {**before["credential_values"], **_closed(call, name, body.credential_values)}}
    if isinstance(body.credential_info, dict):
        values["credential_info"] = {**before["credential_info"], **body.credential_info}
    if isinstance(body.display_name, str):
        values["display_name"] = body.display_name
    call.changed.add(MODELS)
    await call.update(CREDENTIALS, {"credential_name": name}, **values)
    return {"success": True, "message": "Credential updated successfully"}


async def listed(call: Call) -> Row:
    """List credentials, their values masked."""
    rows = await call.all(sa.select(CREDENTIALS).order_by(CREDENTIALS.c.credential_name))
    return {"success": True, "credentials": [_told(call, row) for row in rows]}


async def info(call: Call) -> Row:
    """Describe one credential."""
    return _told(call, await _found(call, call.params["credential_name"]))


async def of_model(call: Call) -> Row:
    """Describe the credential of a deployment: the one that it names, else what stands in its parameters."""
    named = call.params["model_id"]
    entries = [entry for pairs in call.office.fleet.snapshot().members.values() for entry, _ in pairs]
    entry = next((entry for entry in entries if entry.id == named), None)
    if entry is None:
        raise ObjectNotFound("there is no deployment of this id; GET /model/info lists those that there are")
    params = entry.params
    kept = await call.one(CREDENTIALS, credential_name=params.litellm_credential_name)
    if kept is not None:
        return _told(call, kept)
    values = {name: value for name in _OF_DEPLOYMENTS if (value := params.written.get(name)) is not None}
    return {
        "credential_name": params.litellm_credential_name or f"{entry.model_name}-credential-{entry.id}",
        "display_name": None,
        "credential_info": {},
        "credential_values": {name: masked(str(value)) for name, value in {**values, **params.provider}.items()},
        "source": "config",
    }


async def delete(call: Call) -> Row:
    """Forget a credential."""
    row = await _found(call, call.params["credential_name"])
    call.changed.add(MODELS)
    await call.execute(sa.delete(CREDENTIALS).where(CREDENTIALS.c.credential_name == row["credential_name"]))
    return {"success": True, "message": "Credential deleted successfully"}


async def _found(call: Call, name: str) -> Row:
    row = await call.one(CREDENTIALS, credential_name=name)
    if row is None:
        raise ObjectNotFound("this credential does not exist; GET /credentials lists those that do")
    return row


def _closed(call: Call, name: str, values: dict[str, str]) -> dict[str, str]:
    closing = vault(call)
    return {member: closing.close(value, f"{name}/{member}") for member, value in values.items()}


def _told(call: Call, row: Row) -> Row:
    opening = vault(call)
    name = row["credential_name"]
    return {
        "credential_name": name,
        "display_name": row["display_name"],
        "credential_info": row["credential_info"],
        "credential_values": {
            member: _masked(opening, closed, f"{name}/{member}") for member, closed in row["credential_values"].items()
        },
        "source": "db",
    }


def _masked(opening: Vault, closed: str, of: str) -> str:
    try:
        return masked(opening.open(closed, of))
    except ValueError:  # another salt key: it is there, and nobody can read it
        return "****"


def masked(value: str) -> str:
    """Return a value as it may be shown: enough to tell two apart, and of a short one nothing."""
    return f"****{value[-_SHOWN:]}" if len(value) >= _LONG else "****"
