"""Servers of tools, that speak the Model Context Protocol: the entries of `mcp_servers`."""

# ruff: noqa: RUF012 - msgspec copies an empty default for every struct

from typing import ClassVar, Literal

from tianji.config.schema.base import Flag, Headers, Names, Section, Table, Text, Unknown


class McpCosts(Section, frozen=True, kw_only=True):
    """What calls of tools cost, US dollars each."""

    default_cost_per_query: float | None = None
    tool_name_to_cost_per_query: dict[str, float] = {}


class McpInfo(Section, frozen=True, kw_only=True):
    """What clients are shown of a server; `extra` holds what else the operator tells them."""

    unknown: ClassVar[Unknown] = "keep"
    server_name: str | None = None
    description: str | None = None
    logo_url: str | None = None
    mcp_server_cost_info: McpCosts = McpCosts()


class McpServer(Section, frozen=True, kw_only=True):
    """A server of tools behind the gateway. `timeout` is seconds.

    stored: it is the database's
    """

    derived: ClassVar[frozenset[str]] = frozenset({"stored"})
    url: str | None = None
    transport: Literal["http", "sse", "stdio"] = "http"
    command: str | None = None
    args: tuple[Text, ...] = ()
    env: Headers = {}
    spec_path: str | None = None
    auth_type: Literal[
        "none", "api_key", "bearer_token", "basic", "authorization", "token", "oauth2", "aws_sigv4",
        "oauth2_token_exchange", "oauth2_id_jag", "true_passthrough", "oauth_delegate",
    ] | None = None  # fmt: skip
    authentication_token: Text | None = None
    auth_value: Text | None = None
    credentials: Table = {}
    oauth2_flow: Literal["client_credentials", "authorization_code"] | None = None
    client_id: str | None = None
    client_secret: str | None = None
    scopes: Names = ()
    issuer: str | None = None
    authorization_url: str | None = None
    token_url: str | None = None
    registration_url: str | None = None
    token_endpoint_auth_method: str | None = None
    dcr_bridge: bool | None = None
    delegate_auth_to_upstream: Flag = False
    oauth_passthrough: Flag = False
    oauth_identity_binding: object = None
    token_validation: object = None
    token_storage_ttl_seconds: float | None = None
    per_server_oauth_discovery: Flag | None = None
    token_exchange_endpoint: str | None = None
    audience: str | None = None
    subject_token_type: str | None = None
    token_exchange_profile: str = "rfc8693"  # noqa: S105 - not a password
    upstream_resource: str | None = None
    upstream_token_header: str | None = None
    client_private_key: str | None = None
    client_private_key_id: str | None = None
    client_assertion_signing_alg: str = "RS256"
    aws_access_key_id: str | None = None
    aws_secret_access_key: str | None = None
    aws_session_token: str | None = None
    aws_region_name: str | None = None
    aws_service_name: str | None = None
    aws_role_name: str | None = None
    aws_session_name: str | None = None
    alias: str | None = None
    description: str | None = None
    instructions: str | None = None
    mcp_info: McpInfo = McpInfo()
    allowed_tools: Names = ()
    disallowed_tools: Names = ()
    allowed_params: dict[str, Names] = {}
    tool_name_to_display_name: dict[str, str] = {}
    tool_name_to_description: dict[str, str] = {}
    pinned_tools: object = None
    access_groups: Names = ()
    allow_all_keys: Flag = False
    available_on_public_internet: Flag = True
    extra_headers: Names = ()
    static_headers: Headers = {}
    env_vars: object = None
    is_byok: Flag = False
    server_id: str | None = None
    protocol_version: Text = "auto"
    timeout: float | None = None
    max_concurrent_requests: int | None = None
    rpm: int | None = None
    allow_sampling: Flag = False
    allow_elicitation: Flag = False
    stored: bool = False
