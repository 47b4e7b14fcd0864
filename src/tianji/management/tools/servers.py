"""MCP servers of the database; those of the file stand beside them in lists, and are changed there.

An entry is kept encrypted in whole, since credentials are part of it, and none of them is ever shown.
"""

import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Final

import sqlalchemy as sa
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict

from tianji.auth.tags import MODELS as CHANGED
from tianji.config.additions import tool_server_of as parsed
from tianji.config.schema.mcp import McpServer
from tianji.errors import ConfigurationError, Conflict, InvalidRequest, ObjectNotFound, PermissionDenied, Unacceptable
from tianji.gateway.tools.access import Access
from tianji.management.desk import Call, Row
from tianji.mcp.server import Server, build
from tianji.storage.additions import sealed_tool_server, tool_server_of
from tianji.storage.tables import MCP_SERVERS

_SEPARATOR: Final = "-"
_THEIRS: Final[Mapping[str, str]] = {"mcp_access_groups": "access_groups", "authentication_token": "auth_value"}
"""Names of fields in requests that a file writes otherwise."""
_SHOWN: Final = (
    "alias", "description", "url", "transport", "auth_type", "command", "args", "allowed_tools", "disallowed_tools",
    "extra_headers", "authorization_url", "token_url", "registration_url", "allow_all_keys", "timeout", "instructions",
    "available_on_public_internet", "spec_path", "oauth2_flow",
)  # fmt: skip


class Body(Struct, kw_only=True):
    """What may be said of a server; each field as `mcp_servers` of a file has it, if it has it."""

    server_id: str | UnsetType | None = UNSET
    server_name: str | UnsetType | None = UNSET
    alias: str | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET
    url: str | UnsetType | None = UNSET
    transport: str | UnsetType | None = UNSET
    auth_type: str | UnsetType | None = UNSET
    auth_value: str | UnsetType | None = UNSET
    authentication_token: str | UnsetType | None = UNSET
    credentials: dict[str, Any] | UnsetType | None = UNSET
    command: str | UnsetType | None = UNSET
    args: list[str] | UnsetType | None = UNSET
    env: dict[str, str] | UnsetType | None = UNSET
    mcp_info: dict[str, Any] | UnsetType | None = UNSET
    mcp_access_groups: list[str] | UnsetType | None = UNSET
    allowed_tools: list[str] | UnsetType | None = UNSET
    disallowed_tools: list[str] | UnsetType | None = UNSET
    allowed_params: dict[str, list[str]] | UnsetType | None = UNSET
    tool_name_to_display_name: dict[str, str] | UnsetType | None = UNSET
    tool_name_to_description: dict[str, str] | UnsetType | None = UNSET
    extra_headers: list[str] | UnsetType | None = UNSET
    static_headers: dict[str, str] | UnsetType | None = UNSET
    allow_all_keys: bool | UnsetType | None = UNSET
    available_on_public_internet: bool | UnsetType | None = UNSET
    instructions: str | UnsetType | None = UNSET
    timeout: float | UnsetType | None = UNSET
    max_concurrent_requests: int | UnsetType | None = UNSET
    rpm: int | UnsetType | None = UNSET
    oauth2_flow: str | UnsetType | None = UNSET
    token_url: str | UnsetType | None = UNSET
    client_id: str | UnsetType | None = UNSET
    client_secret: str | UnsetType | None = UNSET
    scopes: list[str] | UnsetType | None = UNSET
    spec_path: str | UnsetType | None = UNSET

    def said(self) -> Row:
        """Return what was sent, under the names of a file; None for what is to be there no more."""
        return {_THEIRS.get(name, name): value for name, value in asdict(self).items() if value is not UNSET}


async def listed(call: Call) -> list[Row]:
    """List servers: all to administrators, and to a key those that it may use."""
    rows = {row["server_id"]: row for row in await call.all(sa.select(MCP_SERVERS))}
    return [_told(call, name, entry, rows) for name, entry in _visible(call)]


async def info(call: Call) -> Row:
    """Describe a server."""
    rows = {row["server_id"]: row for row in await call.all(sa.select(MCP_SERVERS))}
    for name, entry in _visible(call):
        shown = _told(call, name, entry, rows)
        if call.params["server_id"] in (shown["server_id"], name):
            return shown
    if not call.sees_all:
        raise PermissionDenied("this key may not use the MCP server, if there is one")
    raise _missing(call.params["server_id"])


async def groups(call: Call) -> Row:
    """Name the groups of the servers that the caller may use."""
    found = {group for _, entry in _visible(call) for group in entry.access_groups}
    return {"access_groups": sorted(found)}


async def new(call: Call) -> Row:
    """Keep a server."""
    _require_kept(call)
    said = {name: value for name, value in call.body(Body).said().items() if value is not None}
    server_id = str(said.pop("server_id", None) or uuid.uuid4())
    name = str(said.pop("server_name", None) or said.get("alias") or server_id.replace(_SEPARATOR, "_"))
    made = {"transport": "sse", **said, "server_id": server_id, "server_name": name}
    _require_sound(call, made)
    if name in call.office.fleet.file().mcp_servers or await call.one(MCP_SERVERS, name=name):
        raise Conflict(f"there is an MCP server {name} already", param="server_name")
    if server_id in _of_file(call) or await call.one(MCP_SERVERS, server_id=server_id):
        raise Conflict(f"there is an MCP server with the id {server_id} already", param="server_id")
    call.changed.add(CHANGED)
    values = {"server_id": server_id, "name": name, "server": sealed_tool_server(call.salt(), made)}
    return _kept(call, made, await call.insert(MCP_SERVERS, **values))


async def update(call: Call) -> Row:
    """Change what was sent of a server; credentials that are not sent stay."""
    said = call.body(Body).said()
    row = await _row(call, str(said.pop("server_id", "") or ""))
    before = _opened(call, row)
    name = str(said.pop("server_name", None) or row["name"])
    changed = {**before, **said, "server_name": name}
    after = {field: value for field, value in changed.items() if value is not None}
    _require_sound(call, after)
    taken = await call.one(MCP_SERVERS, name=name)
    if name in call.office.fleet.file().mcp_servers or (taken and taken["server_id"] != row["server_id"]):
        raise Conflict(f"there is an MCP server {name} already", param="server_name")
    call.changed.add(CHANGED)
    where = {"server_id": row["server_id"]}
    sealed = sealed_tool_server(call.salt(), after)
    return _kept(call, after, await call.update(MCP_SERVERS, where, name=name, server=sealed))


async def delete(call: Call) -> Row:
    """Take a server away."""
    row = await _row(call, call.params["server_id"])
    await call.execute(sa.delete(MCP_SERVERS).where(MCP_SERVERS.c.server_id == row["server_id"]))
    call.changed.add(CHANGED)
    return {"message": f"MCP server {row['name']} deleted successfully", "server_id": row["server_id"]}


def _visible(call: Call) -> Iterator[tuple[str, McpServer]]:
    """Yield the servers that a caller is shown, those that stay down only to administrators."""
    config = call.config
    aliases = config.litellm_settings.mcp_aliases
    if call.sees_all:
        yield from config.mcp_servers.items()
        return
    built: list[Server] = []
    for name, entry in config.mcp_servers.items():
        try:
            built.append(build(name, entry, aliases, call.office.environ()))
        except ConfigurationError:
            continue
    reach = Access(built, config.general_settings).reach(call.caller, None)
    yield from ((server.name, server.entry) for server, _ in reach.values())


def _told(call: Call, name: str, entry: McpServer, rows: Mapping[str, Row]) -> Row:
    aliases = call.config.litellm_settings.mcp_aliases
    try:
        server_id: str | None = build(name, entry, aliases, call.office.environ()).id
        status = "active"
    except ConfigurationError:
        server_id, status = entry.server_id, "inactive"
    row = rows.get(server_id or "", {})
    return {
        "server_id": server_id,
        "server_name": name,
        **{field: getattr(entry, field) for field in _SHOWN},
        "mcp_access_groups": entry.access_groups,
        "mcp_info": _info(name, entry),
        "status": status,
        "is_config": not entry.stored,
        **{field: row.get(field) for field in ("created_at", "updated_at", "created_by", "updated_by")},
    }


def _kept(call: Call, made: Mapping[str, Any], row: Row) -> Row:
    entry, fault = parsed(made)
    if entry is None:
        raise Unacceptable(f"this MCP server cannot be used: {fault}")
    return _told(call, str(made["server_name"]), entry, {row["server_id"]: row})


def _info(name: str, entry: McpServer) -> Row:
    info = entry.mcp_info
    costs = {field: value for field, value in asdict(info.mcp_server_cost_info).items() if field != "extra" and value}
    return {
        **info.extra,
        "server_name": info.server_name or name,
        "description": info.description or entry.description,
        "logo_url": info.logo_url,
        **({"mcp_server_cost_info": costs} if costs else {}),
    }


async def _row(call: Call, server_id: str) -> Row:
    """Return the row of a server that may be changed. Raises ObjectNotFound, and InvalidRequest for one of the file."""
    _require_kept(call)
    row = await call.one(MCP_SERVERS, server_id=server_id)
    if row is not None:
        return row
    if server_id in _of_file(call):
        raise InvalidRequest("this MCP server stands in the configuration file: change it there", param="server_id")
    raise _missing(server_id)


def _of_file(call: Call) -> set[str | None]:
    """Return the ids of the file's servers."""
    return {_told(call, name, entry, {})["server_id"] for name, entry in call.office.fleet.file().mcp_servers.items()}


def _require_kept(call: Call) -> None:
    if not call.office.fleet.keeps_tool_servers():
        raise Unacceptable(
            "MCP servers are not kept in the database: set general_settings.store_model_in_db to true, or the variable "
            "STORE_MODEL_IN_DB, or write the server into the configuration"
        )


def _require_sound(call: Call, made: Mapping[str, Any]) -> None:
    for field in ("server_name", "alias"):
        if _SEPARATOR in str(made.get(field) or ""):
            raise Unacceptable(f"a name must not hold {_SEPARATOR}, which stands before those of tools", param=field)
    objection = call.office.fleet.tool_server_objection(made)
    if objection is not None:
        raise Unacceptable(f"this MCP server cannot be used: {objection}")


def _opened(call: Call, row: Row) -> Row:
    try:
        return tool_server_of(call.salt(), row)
    except ValueError as error:
        raise Unacceptable(f"the MCP server {row['name']} cannot be read: {error}") from error


def _missing(server_id: str) -> ObjectNotFound:
    return ObjectNotFound(f"there is no MCP server {server_id}: GET /v1/mcp/server lists those that there are")
