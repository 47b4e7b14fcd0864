"""Reads what the database adds to the configuration, and seals what of it is secret. Loads SQLAlchemy."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from tianji.config.additions import KINDS, Additions, Stored
from tianji.storage.engine import Database
from tianji.storage.tables import (
    CREDENTIALS,
    FALLBACKS,
    GUARDRAILS,
    MCP_SERVERS,
    MODELS,
    PASS_THROUGH,
    PROMPTS,
    SETTINGS,
)
from tianji.storage.vault import Vault

PARAMETERS: Final = "model parameters"  # what vaults are for
CREDENTIAL_VALUES: Final = "credential values"
ENDPOINTS: Final = "pass-through endpoints"
ENTRIES: Final = "guardrails"
TEMPLATES: Final = "prompts"
TOOL_SERVERS: Final = "MCP servers"
CACHE: Final = "cache"  # names of rows of settings
COORDINATION: Final = "coordination_redis"
EXPORT: Final = "export "  # begins the name of a row that is of a program for bills
SECTIONS: Final = ("general_settings", "litellm_settings", "router_settings", "environment_variables")
ACTIVE: Final = "active"


def sealed(salt: str, model_id: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as they are stored: numbers and booleans as they are, everything else encrypted."""
    vault = Vault(salt, PARAMETERS)
    return {
        name: vault.close(msgspec.json.encode(value).decode(), f"{model_id}/{name}")
        if isinstance(value, str | dict | list)
        else value
        for name, value in params.items()
    }


def unsealed(salt: str, model_id: str, closed: Mapping[str, Any]) -> dict[str, Any]:
    """Return stored parameters as they were. Raises ValueError under another salt."""
    vault = Vault(salt, PARAMETERS)
    return {
        name: msgspec.json.decode(vault.open(value, f"{model_id}/{name}")) if isinstance(value, str) else value
        for name, value in closed.items()
    }


def stored_of(salt: str, row: Mapping[str, Any]) -> Stored:
    """Return the deployment of a row. Raises ValueError under another salt."""
    info = {**(row["model_info"] or {}), **({"blocked": True} if row["blocked"] else {})}
    params = unsealed(salt, row["model_id"], row["litellm_params"] or {})
    return Stored(id=row["model_id"], name=row["model_name"], params=params, info=info)


async def read(database: Database, salt: str | None) -> Additions:
    """Return all of it. Raises StoreUnavailable."""
    order = {
        MODELS: (MODELS.c.created_at, MODELS.c.model_id),
        FALLBACKS: (FALLBACKS.c.model,),
        PASS_THROUGH: (PASS_THROUGH.c.created_at, PASS_THROUGH.c.id),
        GUARDRAILS: (GUARDRAILS.c.created_at, GUARDRAILS.c.id),
        PROMPTS: (PROMPTS.c.prompt_id, PROMPTS.c.environment, PROMPTS.c.version),
        MCP_SERVERS: (MCP_SERVERS.c.created_at, MCP_SERVERS.c.server_id),
    }
    async with database.still() as connection:
        models, credentials, fallbacks, endpoints, guardrails, prompts, servers, settings = [
            [
                dict(row)
                for row in (await connection.execute(sa.select(table).order_by(*order.get(table, ())))).mappings()
            ]
            for table in (MODELS, CREDENTIALS, FALLBACKS, PASS_THROUGH, GUARDRAILS, PROMPTS, MCP_SERVERS, SETTINGS)
        ]
    found = compiled(salt, models, credentials, fallbacks)
    key = salt or ""
    opened, unreadable = _readable(
        endpoints,
        lambda row: endpoint_of(key, row),
        lambda row: f"pass-through endpoint {row['path']} ({row['id']})",
    )
    entries, closed = _readable(
        (row for row in guardrails if row["status"] == ACTIVE),
        lambda row: guardrail_of(key, row),
        lambda row: f"guardrail {row['name']} ({row['id']})",
    )
    templates, sealed_ones = _readable(
        prompts, lambda row: prompt_of(key, row), lambda row: f"prompt {_prompt_name(row)}"
    )
    tools, shut = _readable(
        servers, lambda row: tool_server_of(key, row), lambda row: f"MCP server {row['name']} ({row['server_id']})"
    )
    named, unread = _settings(salt, settings)
    return msgspec.structs.replace(
        found,
        endpoints=opened,
        guardrails=entries,
        prompts=templates,
        mcp_servers=tools,
        cache=named.get(CACHE, {}),
        coordination=named.get(COORDINATION, {}),
        settings={section: named[section] for section in SECTIONS if named.get(section)},
        exports={name.removeprefix(EXPORT): values for name, values in named.items() if name.startswith(EXPORT)},
        unreadable=(*found.unreadable, *unreadable, *closed, *sealed_ones, *shut, *unread),
    )


def sealed_settings(salt: str, name: str, settings: Mapping[str, Any]) -> str:
    """Return settings, which have a name, as they are stored."""
    return Vault(salt, SETTINGS.name).close(msgspec.json.encode(settings).decode(), name)


def opened_settings(salt: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a row. Raises ValueError under another salt."""
    found: dict[str, Any] = msgspec.json.decode(Vault(salt, SETTINGS.name).open(row["settings"], row["name"]))
    return found


def _settings(salt: str | None, rows: Iterable[Mapping[str, Any]]) -> tuple[dict[str, dict[str, Any]], tuple[str, ...]]:
    """Return the settings by their names, and what of them cannot be read."""
    found: dict[str, dict[str, Any]] = {}
    unreadable: list[str] = []
    for row in rows:
        try:
            found[row["name"]] = opened_settings(salt or "", row)
        except ValueError as error:
            unreadable.append(f"the settings {row['name']} of the database: {error}")
    return found, tuple(unreadable)


def sealed_endpoint(salt: str, endpoint: Mapping[str, Any]) -> str:
    """Return an endpoint of pass-through, which has an `id`, as it is stored."""
    return Vault(salt, ENDPOINTS).close(msgspec.json.encode(endpoint).decode(), str(endpoint["id"]))


def endpoint_of(salt: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the endpoint of a row. Raises ValueError under another salt."""
    found: dict[str, Any] = msgspec.json.decode(Vault(salt, ENDPOINTS).open(row["endpoint"], row["id"]))
    return found


def sealed_guardrail(salt: str, entry: Mapping[str, Any]) -> str:
    """Return the entry of a guardrail, which has a `guardrail_id`, as it is stored."""
    return Vault(salt, ENTRIES).close(msgspec.json.encode(entry).decode(), str(entry["guardrail_id"]))


def guardrail_of(salt: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entry of a row. Raises ValueError under another salt."""
    found: dict[str, Any] = msgspec.json.decode(Vault(salt, ENTRIES).open(row["guardrail"], row["id"]))
    return found


def sealed_prompt(salt: str, prompt: Mapping[str, Any]) -> str:
    """Return a prompt, which has a `prompt_id`, `environment` and `version`, as it is stored."""
    return Vault(salt, TEMPLATES).close(msgspec.json.encode(prompt).decode(), _prompt_name(prompt))


def prompt_of(salt: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the prompt of a row. Raises ValueError under another salt."""
    found: dict[str, Any] = msgspec.json.decode(Vault(salt, TEMPLATES).open(row["prompt"], _prompt_name(row)))
    return found


def sealed_tool_server(salt: str, server: Mapping[str, Any]) -> str:
    """Return the entry of an MCP server, which has a `server_id`, as it is stored."""
    return Vault(salt, TOOL_SERVERS).close(msgspec.json.encode(server).decode(), str(server["server_id"]))


def tool_server_of(salt: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entry of a row, with its name as `server_name`. Raises ValueError under another salt."""
    opened = Vault(salt, TOOL_SERVERS).open(row["server"], row["server_id"])
    found: dict[str, Any] = msgspec.json.decode(opened)
    return found


def _prompt_name(of: Mapping[str, Any]) -> str:
    return f"{of['prompt_id']}/{of['environment']}/{of['version']}"


def _readable(
    rows: Iterable[Mapping[str, Any]],
    opened: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    named: Callable[[Mapping[str, Any]], str],
) -> tuple[tuple[Mapping[str, Any], ...], tuple[str, ...]]:
    """Return what could be opened of rows, and of each other one, by its name, why not."""
    found: list[Mapping[str, Any]] = []
    unreadable: list[str] = []
    for row in rows:
        try:
            found.append(opened(row))
        except ValueError as error:
            unreadable.append(f"{named(row)} of the database: {error}")
    return tuple(found), tuple(unreadable)


def compiled(
    salt: str | None,
    models: Iterable[Mapping[str, Any]],
    credentials: Iterable[Mapping[str, Any]],
    fallbacks: Iterable[Mapping[str, Any]],
    more: Iterable[Stored] = (),
) -> Additions:
    """Return what rows of the three tables add, and `more` deployments."""
    found = list(more)
    unreadable: list[str] = []
    for row in models:
        try:
            found.append(stored_of(salt or "", row))
        except ValueError as error:
            unreadable.append(f"model {row['model_name']} ({row['model_id']}) of the database: {error}")
    lists = list(fallbacks)
    return Additions(
        models=tuple(found),
        credentials=_opened(salt, credentials),
        fallbacks={
            kind: {row["model"]: tuple(row["fallback_models"]) for row in lists if row["fallback_type"] == kind}
            for kind in KINDS
        },
        unreadable=tuple(unreadable),
    )


def _opened(salt: str | None, rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Return the credentials that can be read; a deployment that names another one is left out for that."""
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        name = row["credential_name"]
        try:
            vault = Vault(salt or "", CREDENTIAL_VALUES)
            values = (row["credential_values"] or {}).items()
            found[name] = {member: vault.open(closed, f"{name}/{member}") for member, closed in values}
        except ValueError:
            continue
    return found
