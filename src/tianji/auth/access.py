"""Who may call a route, as its row in the route table says."""

from enum import StrEnum

from tianji.auth.identity import Identity, Role
from tianji.errors import AuthenticationFailed, PermissionDenied

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_USERS = frozenset({Role.INTERNAL_USER, Role.ORG_ADMIN})


class Access(StrEnum):
    """Who may call a route."""

    OPEN = "open"  # nobody is asked who he is
    KEY = "key"  # any valid key; model, budget and limit checks follow
    INFO = "info"  # any valid key; the handler shows the caller's part only
    USER = "internal_user"  # role internal_user or above; viewers may read
    SELF = "self"  # any valid key; the handler demands ownership or an admin of the right kind
    ORGANIZATION = "organization_admin"
    ADMIN = "proxy_admin"  # proxy_admin_viewer too when the method only reads
    MASTER = "master_key"  # only the master key itself


class Tenant(StrEnum):
    """Whose data a route touches."""

    NONE = "none"  # nobody's
    CALLER = "caller"  # only what belongs to the caller's key, user, team or organization
    ALL = "all"  # everybody's; for administrators and monitoring


def require(access: Access, identity: Identity, method: str) -> None:
    """Let `identity` pass or raise AuthenticationFailed (401: another key is needed) or PermissionDenied (403)."""
    if access is Access.KEY or access is Access.INFO or access is Access.SELF or identity.master:
        return
    role = identity.role
    if access is Access.MASTER:
        raise AuthenticationFailed("only the master key may call this route; send it instead of this key")
    if role is Role.PROXY_ADMIN:
        return
    if role is Role.PROXY_ADMIN_VIEWER:
        if method in _READING:
            return
        raise PermissionDenied(f"a viewer may only read; {method} needs a key of a proxy admin")
    if access is Access.USER and role in _USERS:
        return
    if access is Access.USER and role is Role.INTERNAL_USER_VIEWER and method in _READING:
        return
    if access is Access.ORGANIZATION and role is Role.ORG_ADMIN:
        return
    raise AuthenticationFailed(
        f"this route needs {access.value} rights and the key has role {role.value if role else 'none'}; use another key"
    )
