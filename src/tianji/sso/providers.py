"""Which identity provider people sign in with: GOOGLE_*, MICROSOFT_*, OKTA_*, GENERIC_* of the environment.

The first found counts; OKTA_* is an addition of the gateway's own.

Source of the names and their defaults: https://docs.litellm.ai/docs/proxy/admin_ui_sso
"""

import ast
from collections.abc import Mapping
from typing import Any, Final, Literal, get_args
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from tianji.config.environment import is_true
from tianji.errors import NotImplementedHere

Role = Literal["proxy_admin", "proxy_admin_viewer", "internal_user", "internal_user_viewer"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)  # the strongest first
_WELL_KNOWN: Final = "/.well-known/openid-configuration"
_GOOGLE: Final = f"https://accounts.google.com{_WELL_KNOWN}"
_OKTA: Final = "https://{}" + _WELL_KNOWN
_MICROSOFT: Final = "https://login.microsoftonline.com/{}/v2.0" + _WELL_KNOWN
_ANY_TENANT: Final = frozenset({"common", "organizations", "consumers"})
_NAMED: Final[Mapping[str, tuple[str, ...]]] = {"GOOGLE": (), "MICROSOFT": ("TENANT",), "OKTA": ("DOMAIN",)}
_ENDPOINTS: Final = ("AUTHORIZATION_ENDPOINT", "TOKEN_ENDPOINT", "USERINFO_ENDPOINT")


class Attributes(Struct, frozen=True, kw_only=True):
    """Where in the claims things stand; of several places the first that holds something."""

    id: tuple[str, ...] = ("sub",)
    email: tuple[str, ...] = ("email",)
    name: tuple[str, ...] = ("name",)
    role: tuple[str, ...] = ("role",)
    teams: tuple[str, ...] = ()  # beside those of general_settings.litellm_jwtauth


class RoleMappings(Struct, frozen=True, kw_only=True):
    """Roles by groups of the provider."""

    claim: str
    roles: Mapping[str, tuple[str, ...]] = {}
    default: str | None = None


class Provider(Struct, frozen=True, kw_only=True):
    """An identity provider and who we are to it. Addresses that are None are found by discovery."""

    name: str
    client_id: str
    client_secret: str
    discovery: str | None = None
    authorization_endpoint: str | None = None
    token_endpoint: str | None = None
    userinfo_endpoint: str | None = None
    scope: str = "openid email profile"
    secret_in_body: bool = False
    headers: Mapping[str, str] = {}
    attributes: Attributes = Attributes()
    mappings: RoleMappings | None = None
    shown: tuple[str, ...] = ()  # claims that code of the operator's is shown, too

    def addresses(self) -> list[str]:
        """Return the addresses that the operator named."""
        found = (self.discovery, self.authorization_endpoint, self.token_endpoint, self.userinfo_endpoint)
        return [url for url in found if url]

    def answers_for(self, issuer: object) -> bool:
        """Whether the discovery document is that of `issuer` (OpenID Connect Discovery section 4.3).

        Microsoft's may be asked for by the name of a tenant, and names it by its id.
        """
        if not isinstance(issuer, str) or self.discovery is None:
            return False
        if self.name == "microsoft":
            return urlsplit(issuer)[:2] == urlsplit(self.discovery)[:2]
        return self.discovery == f"{issuer.rstrip('/')}{_WELL_KNOWN}"


def is_named(environ: Mapping[str, str]) -> bool:
    """Whether the environment names a provider, be it in full or not."""
    return any(environ.get(f"{kind}_CLIENT_ID") for kind in (*_NAMED, "GENERIC"))


def missing(environ: Mapping[str, str]) -> list[str]:
    """Name the variables that are missing for the provider that is begun with; of none, those of a generic one."""
    for kind, further in _NAMED.items():
        if environ.get(f"{kind}_CLIENT_ID"):
            return [name for one in ("CLIENT_SECRET", *further) if not environ.get(name := f"{kind}_{one}")]
    wanted = ["CLIENT_ID", "CLIENT_SECRET"]
    if not environ.get("GENERIC_DISCOVERY_URL"):
        wanted += _ENDPOINTS
    return [name for one in wanted if not environ.get(name := f"GENERIC_{one}")]


def provider(environ: Mapping[str, str]) -> Provider:
    """Return the provider. Raises NotImplementedHere (501) that says what to set where there is none."""
    absent = missing(environ)
    if absent:
        raise NotImplementedHere(
            f"signing in is not configured: set {', '.join(absent)}, or GOOGLE_CLIENT_ID, MICROSOFT_CLIENT_ID or "
            "OKTA_CLIENT_ID with their secrets; GENERIC_DISCOVERY_URL stands for the three endpoints"
        )
    if environ.get("GOOGLE_CLIENT_ID"):
        return Provider(
            name="google",
            client_id=environ["GOOGLE_CLIENT_ID"],
            client_secret=environ["GOOGLE_CLIENT_SECRET"],
            discovery=environ.get("GOOGLE_DISCOVERY_URL") or _GOOGLE,
        )
    if environ.get("MICROSOFT_CLIENT_ID"):
        return _microsoft(environ)
    if environ.get("OKTA_CLIENT_ID"):
        return _okta(environ)
    return _generic(environ)


def _microsoft(environ: Mapping[str, str]) -> Provider:
    if environ["MICROSOFT_TENANT"] in _ANY_TENANT:
        raise NotImplementedHere(
            "MICROSOFT_TENANT stands for all tenants, and what a foreign one says of e-mail addresses proves nothing: "
            "name your own"
        )
    return Provider(
        name="microsoft",
        client_id=environ["MICROSOFT_CLIENT_ID"],
        client_secret=environ["MICROSOFT_CLIENT_SECRET"],
        discovery=environ.get("MICROSOFT_DISCOVERY_URL") or _MICROSOFT.format(environ["MICROSOFT_TENANT"]),
        **_endpoints(environ, "MICROSOFT"),
        attributes=Attributes(
            id=("oid", "sub"), email=("email", "preferred_username", "upn"), role=("roles", "app_roles")
        ),
    )


def _okta(environ: Mapping[str, str]) -> Provider:
    """Return Okta's: of an organization, or of one of its custom servers (`OKTA_DOMAIN=dev.okta.com/oauth2/default`).

    Source: https://developer.okta.com/docs/concepts/auth-servers/
    """
    domain = environ["OKTA_DOMAIN"].removeprefix("https://").strip("/")
    return Provider(
        name="okta",
        client_id=environ["OKTA_CLIENT_ID"],
        client_secret=environ["OKTA_CLIENT_SECRET"],
        discovery=environ.get("OKTA_DISCOVERY_URL") or _OKTA.format(domain),
        scope=environ.get("OKTA_SCOPE") or "openid email profile groups",
        attributes=Attributes(id=("sub",), email=("email", "preferred_username")),
        mappings=_mappings(environ),
    )


def _generic(environ: Mapping[str, str]) -> Provider:
    def place(name: str, usual: str) -> tuple[str, ...]:
        return (environ.get(f"GENERIC_USER_{name}_ATTRIBUTE") or usual,)

    return Provider(
        name="generic",
        client_id=environ["GENERIC_CLIENT_ID"],
        client_secret=environ["GENERIC_CLIENT_SECRET"],
        discovery=environ.get("GENERIC_DISCOVERY_URL"),
        **_endpoints(environ, "GENERIC"),
        scope=environ.get("GENERIC_SCOPE") or "openid email profile",
        secret_in_body=is_true(environ.get("GENERIC_INCLUDE_CLIENT_ID")),
        headers=_pairs(environ.get("GENERIC_SSO_HEADERS", "")),
        attributes=Attributes(
            id=place("ID", "preferred_username"),
            email=place("EMAIL", "email"),
            name=place("DISPLAY_NAME", "sub"),
            role=place("ROLE", "role"),
        ),
        mappings=_mappings(environ),
        shown=tuple(filter(None, environ.get("GENERIC_USER_EXTRA_ATTRIBUTES", "").replace(" ", "").split(","))),
    )


def _endpoints(environ: Mapping[str, str], kind: str) -> dict[str, Any]:
    return {name.lower(): environ.get(f"{kind}_{name}") or None for name in _ENDPOINTS}


def _pairs(text: str) -> dict[str, str]:
    """Read `a=b,c=d`."""
    pairs = (pair.partition("=") for pair in text.split(",") if "=" in pair)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _mappings(environ: Mapping[str, str]) -> RoleMappings | None:
    claim, text = environ.get("GENERIC_ROLE_MAPPINGS_GROUP_CLAIM"), environ.get("GENERIC_ROLE_MAPPINGS_ROLES")
    if not claim or not text:
        return None
    try:
        found = msgspec.convert(_table(text), dict[str, tuple[str, ...]])
    except (ValueError, SyntaxError, msgspec.ValidationError) as error:
        raise NotImplementedHere(
            'GENERIC_ROLE_MAPPINGS_ROLES is not usable: write {"proxy_admin": ["name-of-a-group"]}'
        ) from error
    default = environ.get("GENERIC_ROLE_MAPPINGS_DEFAULT_ROLE")
    return RoleMappings(claim=claim, roles=found, default=default if default in ROLES else None)


def _table(text: str) -> Any:
    """Read JSON, or what Python writes; nothing is executed."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return ast.literal_eval(text)
