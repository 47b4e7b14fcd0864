"""Deployments and credentials that LiteLLM keeps in its database, with their secrets under our own encryption."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from tianji.storage.additions import CREDENTIAL_VALUES, sealed
from tianji.storage.tables import CREDENTIALS, MODELS
from tianji.storage.vault import Vault
from tianji.takeover.ciphers import Ciphers, MissingNaCl
from tianji.takeover.inserting import insert_new
from tianji.takeover.report import Part, Report
from tianji.takeover.source import Row, Source, document, moment

DEPLOYMENTS: Final = "ProxyModelTable"
SECRETS: Final = "CredentialsTable"
_HISTORY: Final = ("created_at", "updated_at", "created_by", "updated_by")
_READ: Final = {
    DEPLOYMENTS: frozenset({"model_id", "model_name", "litellm_params", "model_info", "blocked", *_HISTORY}),
    SECRETS: frozenset({"credential_id", "credential_name", "credential_info", "credential_values", *_HISTORY}),
}


class Salts(Struct, frozen=True):
    """What secrets are encrypted under. theirs: LiteLLM's salt key, or its master key; ours: this gateway's."""

    theirs: str
    ours: str

    def __repr__(self) -> str:
        """Say what it is without what it holds."""
        return "Salts()"


async def take_models(
    source: Source, connection: AsyncConnection, report: Report, salts: Salts | None, now: datetime
) -> None:
    """Take both tables over; without salts none of their rows can be. Raises StoreUnavailable."""
    for table, target, made in ((DEPLOYMENTS, MODELS, _deployment), (SECRETS, CREDENTIALS, _credential)):
        if table not in source.tables:
            report.absent.append(table)
            continue
        await _take(source, connection, report.part(table), _Taking(table, target, made), salts, now)


class _Taking(Struct, frozen=True):
    table: str
    target: sa.Table
    made: Callable[[Row, Ciphers, str], Row]


async def _take(
    source: Source, connection: AsyncConnection, part: Part, taking: _Taking, salts: Salts | None, now: datetime
) -> None:
    rows = []
    for row in await source.all(taking.table):
        part.read += 1
        part.miss(row, _READ[taking.table])
        name = row.get("model_name") or row.get("credential_name")
        if salts is None:
            part.leave_out("encrypted, and no salt key is known to open it or to encrypt it again", name)
            continue
        try:
            made = taking.made(row, Ciphers(salts.theirs), salts.ours)
        except MissingNaCl as missing:
            part.leave_out(missing.reason, name)
        except ValueError as error:
            part.leave_out(str(error), name)
        else:
            rows.append({**made, **_history(row, now)})
    await insert_new(connection, taking.target, rows, part)


def _deployment(row: Row, theirs: Ciphers, salt: str) -> Row:
    model_id = row["model_id"]
    return {
        "model_id": model_id,
        "model_name": row["model_name"],
        "litellm_params": sealed(salt, model_id, _opened(document(row["litellm_params"]), theirs)),
        "model_info": document(row.get("model_info")) or {},
        "blocked": bool(row.get("blocked")),
    }


def _credential(row: Row, theirs: Ciphers, salt: str) -> Row:
    name = row["credential_name"]
    vault = Vault(salt, CREDENTIAL_VALUES)
    values = _opened(document(row["credential_values"]), theirs)
    return {
        "credential_name": name,
        "display_name": None,
        "credential_info": document(row.get("credential_info")) or {},
        "credential_values": {member: vault.close(str(value), f"{name}/{member}") for member, value in values.items()},
    }


def _opened(closed: Mapping[str, Any] | None, theirs: Ciphers) -> dict[str, Any]:
    """Return parameters as they were: they encrypt texts alone. Raises ValueError."""
    return {
        name: theirs.open(value) if isinstance(value, str) and value else value
        for name, value in (closed or {}).items()
        if value is not None
    }


def _history(row: Row, now: datetime) -> Row:
    times = {name: moment(row.get(name)) or now for name in ("created_at", "updated_at")}
    return {**times, **{name: row.get(name) for name in ("created_by", "updated_by")}}
