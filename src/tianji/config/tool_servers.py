"""Which entries of `mcp_servers` can be served, and what this release does with their keys.

Who serves them and `tianji check` go by the same words.
"""

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any, Final

from tianji.config.environment import is_true, lookup
from tianji.config.schema.mcp import McpServer

STATIC: Final = ("api_key", "bearer_token", "basic", "authorization", "token")
"""Ways to authenticate that need nothing but a value that stands in the entry."""
MACHINE: Final = "client_credentials"
COMMANDS: Final = frozenset({"npx", "uvx", "python", "python3", "node", "docker", "deno"})
"""What may be started for a server, with what LITELLM_MCP_STDIO_EXTRA_COMMANDS adds."""
_SERVED: Final = (
    "url transport command args env authentication_token auth_value alias description instructions mcp_info "
    "allowed_tools disallowed_tools allowed_params tool_name_to_display_name tool_name_to_description access_groups "
    "allow_all_keys available_on_public_internet extra_headers static_headers server_id timeout client_id "
    "client_secret scopes token_url token_endpoint_auth_method upstream_token_header max_concurrent_requests rpm"
)
PARTLY: Final[Mapping[str, str]] = {
    "auth_type": "none, api_key, bearer_token, basic, authorization, token, and oauth2 by client_credentials",
    "oauth2_flow": "client_credentials; nobody is sent to sign in, so servers with authorization_code stay down",
    "credentials": "auth_value, client_id, client_secret and scopes in it",
    "env_vars": "those of scope global; what a user would fill in stays empty",
    "protocol_version": "2024-11-05 to 2025-11-25; servers that know only 2026-07-28 are not reached",
}
UNSERVED: Final[Mapping[str, str]] = {
    "spec_path": "no tools are made of OpenAPI documents, so the server stays down",
    "pinned_tools": "tools are not compared with what they were",
    "allow_sampling": "servers are told that no model may be asked",
    "allow_elicitation": "servers are told that nobody may be asked",
}
EXACT: Final = tuple(_SERVED.split())
SETTINGS: Final = (
    "internal_ip_ranges", "disabled_capabilities", "require_explicit_server_scope", "allow_all_keys_respects_mcp_scope",
    "client_side_auth_header_name",
)  # fmt: skip
"""Of `general_settings`, without their `mcp_`."""
Fault = tuple[str, str, str]
"""The key that is wrong, "" for the entry itself; what is wrong; and what to do."""


def faults(entry: McpServer, environ: Mapping[str, str]) -> Iterator[Fault]:
    """Say why a server stays down; nothing for one that is served."""
    if entry.spec_path is not None:
        yield "spec_path", "makes tools of a document, which nobody does here, so it stays down", "name a server"
    elif entry.transport == "stdio":
        yield from _of_program(entry, environ)
    elif not entry.url:
        yield "", "has no url, so it stays down", "add `url:`, or `transport: stdio` and a command"
    elif not entry.url.startswith(("http://", "https://")):
        yield "url", "does not begin with http:// or https://, so it stays down", "write the whole address"
    yield from _of_login(entry)


def secret_of(entry: McpServer, name: str) -> Any:
    """Return what the entry says of itself, else in `credentials`; None where it says nothing."""
    found = getattr(entry, name, None)
    return entry.credentials.get(name) if found is None or found == () else found


def static_value(entry: McpServer) -> str | None:
    """Return the value that the entry authenticates with, by any of its names."""
    found = entry.auth_value or entry.authentication_token or entry.credentials.get("auth_value")
    return None if found is None else str(found)


def _of_program(entry: McpServer, environ: Mapping[str, str]) -> Iterator[Fault]:
    if not is_true(lookup(environ, "ENABLE_MCP_STDIO")):
        remedy = "set TIANJI_ENABLE_MCP_STDIO=true in the environment"
        yield "", "is a stdio server, and those are off, so it stays down", remedy
    if not entry.command:
        yield "", "has no command, so it stays down", "add `command:`, and `args:` where it needs some"
        return
    more = (lookup(environ, "MCP_STDIO_EXTRA_COMMANDS") or "").split(",")
    if PurePath(entry.command).name not in COMMANDS | {name.strip() for name in more if name.strip()}:
        known = ", ".join(sorted(COMMANDS))
        remedy = f"use one of {known}, or name it in TIANJI_MCP_STDIO_EXTRA_COMMANDS"
        yield "command", "may not be started, so it stays down", remedy


def _of_login(entry: McpServer) -> Iterator[Fault]:
    kind = entry.auth_type or "none"
    if kind == "oauth2":
        if entry.oauth2_flow != MACHINE:
            remedy = f"use `oauth2_flow: {MACHINE}`, or have clients send x-mcp-{{alias}}-authorization"
            flow = entry.oauth2_flow or "no flow"
            where = "" if entry.oauth2_flow is None else "oauth2_flow"
            yield where, f"authenticates by oauth2 and names {flow}, so it stays down", remedy
        elif not all(secret_of(entry, name) for name in ("client_id", "client_secret")) or not entry.token_url:
            remedy = "add `client_id:`, `client_secret:` and `token_url:`"
            yield "", "lacks what it would get a token with, so it stays down", remedy
    elif kind != "none" and kind not in STATIC:
        remedy = f"use {', '.join(STATIC)} or oauth2, or list Authorization in extra_headers"
        yield "auth_type", f"is {kind}, which is not served, so it stays down", remedy
