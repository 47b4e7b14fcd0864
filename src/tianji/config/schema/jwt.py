"""`general_settings.litellm_jwtauth`: what tokens of an identity provider say, and what that is worth here.

Names that end in `_jwt_field` are claims; dots lead into objects. Times are seconds.
"""

from typing import ClassVar, Literal

from tianji.config.schema.base import Names, Section, Text, Unknown

InternalRole = Literal["proxy_admin", "team", "internal_user"]


class RoleMapping(Section, frozen=True, kw_only=True):
    """A role of the provider, and what it is here."""

    unknown: ClassVar[Unknown] = "refuse"
    required: ClassVar[frozenset[str]] = frozenset({"role", "internal_role"})
    role: Text
    internal_role: InternalRole


class ScopeMapping(Section, frozen=True, kw_only=True):
    """What a scope of the provider opens."""

    unknown: ClassVar[Unknown] = "refuse"
    required: ClassVar[frozenset[str]] = frozenset({"scope"})
    scope: Text
    models: Names = ()
    routes: Names | None = None


class UserRoleMapping(Section, frozen=True, kw_only=True):
    """A role of the provider, which may be a pattern with `*`, and the role of a user here."""

    unknown: ClassVar[Unknown] = "refuse"
    required: ClassVar[frozenset[str]] = frozenset({"jwt_role", "litellm_role"})
    jwt_role: Text
    litellm_role: Literal["proxy_admin", "proxy_admin_viewer", "internal_user", "internal_user_viewer"]


class ClaimFields(Section, frozen=True, kw_only=True):
    """Where in a token things stand."""

    unknown: ClassVar[Unknown] = "refuse"
    team_id_jwt_field: str | None = None
    team_ids_jwt_field: str | None = None
    team_alias_jwt_field: str | None = None
    org_id_jwt_field: str | None = None
    org_alias_jwt_field: str | None = None
    user_id_jwt_field: str | None = None
    user_email_jwt_field: str | None = None
    user_roles_jwt_field: str | None = None
    end_user_id_jwt_field: str | None = None
    agent_id_jwt_field: str | None = None
    mcp_client_id_jwt_field: str | None = None
    roles_jwt_field: str | None = None
    object_id_jwt_field: str | None = None
    virtual_key_claim_field: str | None = None
    unregistered_jwt_client_behavior: Literal["fallback_team_mapping", "reject", "auto_register"] | None = None


class Issuer(ClaimFields, frozen=True, kw_only=True):
    """An issuer with keys, an audience and claims of its own."""

    required: ClassVar[frozenset[str]] = frozenset({"issuer", "jwks_url"})
    issuer: str
    jwks_url: str
    audience: str | Names = ()
    disable_audience_validation: bool = False


class JwtAuth(ClaimFields, frozen=True, kw_only=True):
    """Who a token lets in, and as whom."""

    admin_jwt_scope: str = "litellm_proxy_admin"
    admin_allowed_routes: Names = (
        "management_routes",
        "spend_tracking_routes",
        "global_spend_tracking_routes",
        "info_routes",
    )
    team_allowed_routes: Names = (
        "openai_routes",
        "info_routes",
        "mcp_routes",
        "/v1/messages",
        "/v1/messages/count_tokens",
    )
    public_allowed_routes: Names = ("public_routes",)
    team_id_default: Text | None = None
    team_id_upsert: bool = False
    team_claim_fallback: bool = False
    fallback_to_db_teams: bool = False
    user_allowed_email_domain: str | None = None
    user_allowed_roles: Names | None = None
    user_id_upsert: bool = False
    public_key_ttl: float = 600
    public_key_stale_ttl: float = 3600
    enforce_rbac: bool = False
    role_mappings: tuple[RoleMapping, ...] = ()
    scope_mappings: tuple[ScopeMapping, ...] = ()
    enforce_scope_based_access: bool = False
    enforce_team_based_model_access: bool = False
    jwt_litellm_role_map: tuple[UserRoleMapping, ...] = ()
    sync_user_role_and_teams: bool = False
    upsert_sso_user_to_team: bool = False
    issuers: tuple[Issuer, ...] = ()
    custom_validate: str | None = None
    oidc_userinfo_endpoint: str | None = None
    oidc_userinfo_enabled: bool = False
    oidc_userinfo_cache_ttl: float = 300
    virtual_key_mapping_cache_ttl: float = 300
    auto_register_map_existing_key: bool = False
    routing_overrides: object = None
    id_jag_requesting_apps: object = None
