"""What a token that was checked says of its bearer, as the configuration reads it."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from msgspec import Struct

from tianji.config.schema.jwt import ClaimFields, InternalRole, JwtAuth
from tianji.errors import PermissionDenied

LONGEST: Final = 256  # characters of an id


class Bearer(Struct, frozen=True, kw_only=True):
    """Whom a token speaks of. Ids are as the provider says them; `role` decides what an object id names."""

    issuer: str
    subject: str
    expires: float  # seconds since the epoch
    scopes: frozenset[str] = frozenset()
    admin: bool = False
    role: InternalRole | None = None
    user_id: str | None = None
    email: str | None = None
    email_is_his: bool = True  # the provider does not say that it was never verified
    user_role: str | None = None  # a role of users here that the provider's roles stand for
    teams: tuple[str, ...] = ()
    team_alias: str | None = None
    team_claimed: bool = False  # one team is named, and no other will do
    organization_id: str | None = None
    organization_alias: str | None = None
    end_user: str | None = None
    agent_id: str | None = None

    @property
    def name(self) -> str:
        """Who it is, whatever token he sends."""
        return "\0".join((self.issuer, self.subject or self.user_id or "", *(() if self.subject else self.teams)))


def at(claims: Mapping[str, Any], path: str | None) -> object:
    """Return the claim at a path; a name that holds dots goes first. None where there is none."""
    if not path:
        return None
    if path in claims:
        return claims[path]
    found: object = claims
    for step in path.split("."):
        if not isinstance(found, Mapping) or step not in found:
            return None
        found = found[step]
    return found


def text(claims: Mapping[str, Any], path: str | None) -> str | None:
    """Return a claim that names something; of a list, its first. Raises PermissionDenied for one that is too long."""
    return next(iter(texts(claims, path)), None)


def texts(claims: Mapping[str, Any], path: str | None) -> tuple[str, ...]:
    """Return a claim that names several: a list, or one word."""
    found = at(claims, path)
    items = found if isinstance(found, list) else [found]
    names = [str(one) for one in items if isinstance(one, str | int) and not isinstance(one, bool) and one != ""]
    if any(len(name) > LONGEST or "\0" in name for name in names):
        raise PermissionDenied("a claim of the token names something of more than 256 characters, or with NUL in it")
    return tuple(dict.fromkeys(names))


def words(claims: Mapping[str, Any], path: str | None) -> frozenset[str]:
    """Return a claim that is a list, or one text of words with blanks between (RFC 8693 section 4.2)."""
    found = at(claims, path)
    if isinstance(found, str):
        return frozenset(found.split())
    return frozenset(one for one in found if isinstance(one, str)) if isinstance(found, list) else frozenset()


def read(claims: Mapping[str, Any], settings: JwtAuth, fields: ClaimFields) -> Bearer:
    """Return the bearer. `fields`: where things stand in tokens of this issuer.

    Raises PermissionDenied for an e-mail of another domain than the one that is allowed.
    """
    scopes = words(claims, "scope")
    roles = words(claims, fields.roles_jwt_field or settings.roles_jwt_field)
    mapped = next((one.internal_role for one in settings.role_mappings if one.role in roles), None)
    object_id = text(claims, fields.object_id_jwt_field or settings.object_id_jwt_field)
    named, many = _path(fields, settings, "team_id"), _path(fields, settings, "team_ids")
    team = object_id if object_id and mapped == "team" else text(claims, named)
    user = object_id if object_id and mapped == "internal_user" else text(claims, _path(fields, settings, "user_id"))
    email = text(claims, _path(fields, settings, "user_email"))
    _require_domain(email, settings.user_allowed_email_domain)
    admin = settings.admin_jwt_scope in scopes or mapped == "proxy_admin"
    teams = ((team,) if team else ()) + texts(claims, many)
    return Bearer(
        issuer=text(claims, "iss") or "",
        subject=text(claims, "sub") or "",
        expires=float(claims["exp"]),
        scopes=scopes,
        admin=admin,
        role=_role(claims, settings, fields, mapped=mapped, team=bool(teams), user=bool(user), admin=admin),
        user_id=user,
        email=email.lower() if email else None,
        email_is_his=claims.get("email_verified") not in (False, "false"),
        user_role=_user_role(words(claims, _path(fields, settings, "user_roles")) | roles, settings),
        teams=tuple(dict.fromkeys(teams)),
        team_alias=text(claims, _path(fields, settings, "team_alias")),
        team_claimed=bool(team),
        organization_id=text(claims, _path(fields, settings, "org_id")),
        organization_alias=text(claims, _path(fields, settings, "org_alias")),
        end_user=text(claims, _path(fields, settings, "end_user_id")),
        agent_id=text(claims, _path(fields, settings, "agent_id")),
    )


def _path(fields: ClaimFields, settings: JwtAuth, name: str) -> str | None:
    """Return where a claim stands: the issuer's own place goes before the one for all."""
    own: str | None = getattr(fields, f"{name}_jwt_field")
    common: str | None = getattr(settings, f"{name}_jwt_field")
    return own or common


def _role(
    claims: Mapping[str, Any],
    settings: JwtAuth,
    fields: ClaimFields,
    *,
    mapped: InternalRole | None,
    team: bool,
    user: bool,
    admin: bool,
) -> InternalRole | None:
    """Return what the bearer is, the strongest word first; None where the token says nothing that counts."""
    if admin:
        return "proxy_admin"
    if team or settings.team_id_default is not None:
        return "team"
    allowed = settings.user_allowed_roles
    if allowed is not None and _path(fields, settings, "user_roles") is not None:
        held = words(claims, _path(fields, settings, "user_roles"))
        return mapped if held.isdisjoint(allowed) else "internal_user"
    return "internal_user" if user else mapped


def _user_role(roles: frozenset[str], settings: JwtAuth) -> str | None:
    rows = settings.jwt_litellm_role_map
    return next((row.litellm_role for row in rows if any(fnmatchcase(role, row.jwt_role) for role in roles)), None)


def _require_domain(email: str | None, domain: str | None) -> None:
    if domain is None:
        return
    if email is None or not email.lower().endswith("@" + domain.lower().removeprefix("@")):
        raise PermissionDenied(
            "Authentication Error, only users of one e-mail domain are let in, and the token names none there",
            param="user_email",
        )
