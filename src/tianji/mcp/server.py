"""One server of tools, as it is configured: where it is, what of it is shown, and what its tools cost."""

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from msgspec import Struct

from tianji.accounting.prices.exact import decimal
from tianji.config.environment import lookup
from tianji.config.schema.mcp import McpServer
from tianji.config.tool_servers import faults, secret_of, static_value
from tianji.errors import ConfigurationError
from tianji.mcp.naming import plain
from tianji.money import NANOS

TIMEOUT: Final = 60.0  # seconds for one answer, unless the server or LITELLM_MCP_CLIENT_TIMEOUT says otherwise
_SCHEMES: Final[Mapping[str, tuple[str, str]]] = {  # the header, and what stands before the value in it
    "api_key": ("X-API-Key", ""),
    "bearer_token": ("Authorization", "Bearer "),
    "basic": ("Authorization", "Basic "),
    "authorization": ("Authorization", ""),
    "token": ("Authorization", "token "),
}
_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Login(Struct, frozen=True):
    """How the gateway gets a token of its own (RFC 6749 section 4.4). `basic`: it says in a header who it is."""

    url: str
    client: str
    secret: str
    scopes: tuple[str, ...]
    header: str
    basic: bool


class Server(Struct, frozen=True):
    """A server. `prefix`: of its tools' names; headers: that it is always sent; scheme: see `authentication`.

    revision: another one whenever anything of it is
    timeout: seconds for one answer; most: requests under way at once, 0 for any; rpm: calls a minute, 0 for any
    calls: nano-dollars for a call of each tool, `call` for one of any other
    secrets: that no client may read
    """

    id: str
    revision: str
    name: str
    alias: str | None
    prefix: str
    entry: McpServer
    headers: Mapping[str, str]
    scheme: str
    login: Login | None
    timeout: float
    most: int
    rpm: int
    call: int
    calls: Mapping[str, int]
    secrets: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """What it may be called by."""
        return tuple(dict.fromkeys(name for name in (self.alias, self.name, self.id, self.prefix) if name))

    @property
    def shown_name(self) -> str:
        """What people are shown."""
        return self.entry.mcp_info.server_name or self.name

    @property
    def origin(self) -> str:
        """Where it is, without the path, which may hold a credential; empty for a program."""
        if self.entry.transport == "stdio" or not self.entry.url:
            return ""
        parts = urlsplit(self.entry.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    def price(self, tool: str) -> int:
        """Return what a call of a tool costs, nano-dollars."""
        return self.calls.get(tool, self.call)

    def offers(self, tool: str) -> bool:
        """Whether a tool is shown to anybody. Lists name tools with the prefix or without."""
        allowed, refused = self.entry.allowed_tools, self.entry.disallowed_tools
        forms = {tool, f"{self.prefix}-{tool}", f"{self.name}-{tool}"}
        return not forms.intersection(refused) and (not allowed or bool(forms.intersection(allowed)))

    def real(self, shown: str) -> str:
        """Return what the server itself calls a tool."""
        return next((real for real, name in self.entry.tool_name_to_display_name.items() if name == shown), shown)

    def params(self, tool: str) -> tuple[str, ...] | None:
        """Return the arguments that a tool may be called with; None for any."""
        known = self.entry.allowed_params
        return next((known[form] for form in (tool, f"{self.prefix}-{tool}") if form in known), None)


def build(name: str, entry: McpServer, aliases: Mapping[str, str], environ: Mapping[str, str]) -> Server:
    """Make a server of its entry. Raises ConfigurationError for one that stays down."""
    fault = next(faults(entry, environ), None)
    if fault is not None:
        raise ConfigurationError(f"MCP server {name} {fault[1]}: {fault[2]}")
    alias = entry.alias or next((alias for alias, of in aliases.items() if of == name), None)
    costs = entry.mcp_info.mcp_server_cost_info
    usual = lookup(environ, "MCP_CLIENT_TIMEOUT")
    try:
        timeout = entry.timeout or float(usual or TIMEOUT)
        call = _nano(costs.default_cost_per_query or 0)
        calls = {tool: _nano(cost) for tool, cost in costs.tool_name_to_cost_per_query.items()}
    except ValueError as error:
        raise ConfigurationError(f"MCP server {name}: {error}") from error
    login = _login(entry)
    return Server(
        id=entry.server_id or _id(name, entry, alias),
        revision=hashlib.sha256(repr((name, alias, entry)).encode()).hexdigest(),
        name=name,
        alias=alias,
        prefix=plain(alias or name),
        entry=entry,
        headers={**dict(_filled(entry)), **_authentication(entry)},
        scheme=entry.auth_type or "none",
        login=login,
        timeout=timeout,
        most=max(0, entry.max_concurrent_requests or 0),
        rpm=max(0, entry.rpm or 0),
        call=call,
        calls=calls,
        secrets=tuple(_secrets(entry, login)),
    )


def authentication(scheme: str, value: str) -> dict[str, str]:
    """Return the header that a value is sent in; whole, as an `authorization`, where there is no such scheme."""
    header, before = _SCHEMES.get(scheme, _SCHEMES["authorization"])
    if scheme == "basic" and ":" in value:
        value = base64.b64encode(value.encode()).decode()
    return {header: before + value.removeprefix(before)}


def _authentication(entry: McpServer) -> dict[str, str]:
    value = static_value(entry)
    return authentication(entry.auth_type, value) if entry.auth_type and entry.auth_type in _SCHEMES and value else {}


def _login(entry: McpServer) -> Login | None:
    if entry.auth_type != "oauth2":
        return None
    scopes = secret_of(entry, "scopes") or ()
    return Login(
        url=entry.token_url or "",
        client=str(secret_of(entry, "client_id")),
        secret=str(secret_of(entry, "client_secret")),
        scopes=tuple(map(str, scopes)) if isinstance(scopes, list | tuple) else (str(scopes),),
        header=entry.upstream_token_header or "Authorization",
        basic=entry.token_endpoint_auth_method in ("basic", "client_secret_basic"),
    )


def _filled(entry: McpServer) -> Iterator[tuple[str, str]]:
    """Yield the headers that are always sent, with the values of variables in their places."""
    written = entry.env_vars if isinstance(entry.env_vars, list | tuple) else ()
    rows = [row for row in written if isinstance(row, dict) and row.get("scope", "global") == "global"]
    values = {str(row.get("name")): str(row.get("value") or "") for row in rows}
    for name, value in entry.static_headers.items():
        yield name, _VARIABLE.sub(lambda found: values.get(found[1], ""), value)


def _secrets(entry: McpServer, login: Login | None) -> Iterator[str]:
    value = static_value(entry)
    if value:
        yield from {value, *authentication("basic", value).values()}
    if login is not None:
        yield login.secret
    yield from entry.static_headers.values()
    yield from entry.env.values()
    yield from (value for value in entry.credentials.values() if isinstance(value, str))


def _id(name: str, entry: McpServer, alias: str | None) -> str:
    said: tuple[Any, ...] = (name, entry.url, entry.transport, entry.auth_type, alias)
    return hashlib.sha256("\0".join(str(part or "") for part in said).encode()).hexdigest()[:32]


def _nano(dollars: float) -> int:
    """Return a price in nano-dollars, the nearest; of the decimal that was written."""
    found = decimal(dollars)
    if found < 0:
        raise ValueError(f"what a call costs must not be negative: {dollars}")
    return int((found * NANOS).to_integral_value())
