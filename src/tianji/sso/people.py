"""Who comes back from an identity provider: from its claims to somebody who has a place in the database."""

from collections.abc import Mapping, Sequence
from typing import Any

from tianji.auth.arrivals import Arrival
from tianji.auth.tokens.claims import text, texts
from tianji.config.schema import GeneralSettings
from tianji.errors import AuthenticationFailed, PermissionDenied
from tianji.sso.providers import ROLES, Provider


def arrival(
    claims: Mapping[str, Any], provider: Provider, general: GeneralSettings, environ: Mapping[str, str]
) -> Arrival:
    """Return who it is. Raises AuthenticationFailed for who is nobody, or of an e-mail domain that is not let in."""
    places = provider.attributes
    email = _first(claims, places.email)
    email = None if email is None else email.lower()
    _require_domain(email, environ.get("ALLOWED_EMAIL_DOMAINS", ""))
    if claims.get("email_verified") in (False, "false"):
        raise AuthenticationFailed("the identity provider has not verified your e-mail address; do that there first")
    name = _first(claims, places.id) or email
    if name is None:
        raise AuthenticationFailed(f"the identity provider does not say who you are: no claim {places.id[0]!r}")
    _require_group(claims, general)
    role = "proxy_admin" if name == environ.get("PROXY_ADMIN_ID") else role_of(claims, provider)
    tokens = general.litellm_jwtauth
    return Arrival(
        user_id=name,
        email=email,
        name=_first(claims, places.name),
        provider_id=name,
        provider=provider.name,
        role=role,
        role_when_new="internal_user_viewer",
        teams=tuple(
            dict.fromkeys(
                name
                for place in (*places.teams, tokens.team_ids_jwt_field, tokens.team_id_jwt_field)
                for name in texts(claims, place)
            )
        ),
        makes_user=True,
        makes_teams=tokens.team_id_upsert,
    )


def role_of(claims: Mapping[str, Any], provider: Provider) -> str | None:
    """Return the strongest role that groups or a claim give; None where they give none."""
    mappings = provider.mappings
    if mappings is not None:
        groups = set(texts(claims, mappings.claim))
        found = next((role for role in ROLES if not groups.isdisjoint(mappings.roles.get(role, ()))), mappings.default)
        if found is not None:
            return found
    said = {role for place in provider.attributes.role for role in texts(claims, place)}
    return next((role for role in ROLES if role in said), None)


def _first(claims: Mapping[str, Any], places: Sequence[str]) -> str | None:
    return next((found for place in places if (found := text(claims, place))), None)


def _require_domain(email: str | None, domains: str) -> None:
    allowed = [domain.strip().lower() for domain in domains.split(",") if domain.strip()]
    if allowed and (email is None or email.rpartition("@")[2] not in allowed or "@" not in email):
        raise AuthenticationFailed("your e-mail address is of a domain that is not let in (ALLOWED_EMAIL_DOMAINS)")


def _require_group(claims: Mapping[str, Any], general: GeneralSettings) -> None:
    mode = general.ui_access_mode
    if not isinstance(mode, Mapping) or mode.get("type") != "restricted_sso_group":
        return
    if mode.get("restricted_sso_group") not in texts(claims, str(mode.get("sso_group_jwt_field"))):
        raise PermissionDenied("signing in is for members of one group, and the identity provider names you in others")
