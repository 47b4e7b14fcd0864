"""Users and groups in SCIM's words: what is read of a resource, and how a row is told (RFC 7643 sections 4.1, 4.2)."""

from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote

from tianji.auth.standing import ACTIVE, is_deactivated
from tianji.errors import Unacceptable
from tianji.management.desk import Row
from tianji.scim.patching import ENTERPRISE, Resource

USER: Final = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP: Final = "urn:ietf:params:scim:schemas:core:2.0:Group"
LIST: Final = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
# what of a user's resource stands in his metadata, and under which name
_KEPT: Final = {
    "userName": "scim_user_name",
    "name": "scim_metadata",
    ENTERPRISE: "scim_enterprise",
    "entitlements": "scim_entitlements",
    "roles": "scim_roles",
}
CLEARABLE: Final = ("displayName", "externalId", "emails", "name", ENTERPRISE, "entitlements", "roles")


def is_mail(text: str | None) -> bool:
    """Whether a name is an e-mail address."""
    return text is not None and "@" in text.strip("@")


def text(resource: Mapping[str, Any], name: str) -> str | None:
    """Return a text of a resource; None for none. Raises Unacceptable (`invalidValue`) for anything else."""
    found = resource.get(name)
    if found is None or found == "":
        return None
    if not isinstance(found, str) or len(found) > 1024 or not found.isprintable():
        raise Unacceptable(f"{name} is a text", param=name, code="invalidValue")
    return found


def active(resource: Mapping[str, Any]) -> bool | None:
    """Return whether a user is to be active; None where nothing is said."""
    found = resource.get("active")
    if isinstance(found, str) and found.lower() in ("true", "false"):
        return found.lower() == "true"
    if found is not None and not isinstance(found, bool):
        raise Unacceptable("active is true or false", param="active", code="invalidValue")
    return found


def values(resource: Mapping[str, Any], name: str) -> list[str] | None:
    """Return the `value` of each item of an attribute; None where it is not there."""
    found = resource.get(name)
    if found is None:
        return None
    items = found if isinstance(found, list) else [found]
    named = [item.get("value") if isinstance(item, Mapping) else item for item in items if not _is_group(item)]
    if not all(isinstance(value, str) and value for value in named):
        raise Unacceptable(f"each of {name} has a value, which is a text", param=name, code="invalidValue")
    return list(dict.fromkeys(str(value) for value in named))


def _is_group(item: object) -> bool:
    """Whether a member is a group: groups within groups are not kept."""
    return isinstance(item, Mapping) and str(item.get("type", "")).lower() == "group"


def mail(resource: Mapping[str, Any]) -> str | None:
    """Return the e-mail address that a resource names first, the primary one before others."""
    items = resource.get("emails") or []
    items = items if isinstance(items, list) else [items]
    primary = [item for item in items if isinstance(item, Mapping) and str(item.get("primary")).lower() == "true"]
    found = values({"emails": [*primary, *items]}, "emails") or []
    name = text(resource, "userName")
    first = found[0] if found else (name if is_mail(name) else None)
    return None if first is None else first.lower()


def metadata(resource: Mapping[str, Any], before: Mapping[str, Any] | None) -> Row:
    """Return a user's metadata with what a resource says; what it does not name stays."""
    found = dict(before or {})
    for name, own in _KEPT.items():
        if name in resource:
            if resource[name] in (None, [], {}):
                found.pop(own, None)
            else:
                found[own] = resource[name]
    said = active(resource)
    if said is not None or ACTIVE not in found:
        found[ACTIVE] = said is not False
    return found


def told_user(row: Row, teams: Iterable[Row], base: str) -> Resource:
    """Return a user's resource. `base`: the address that SCIM's paths begin at."""
    kept = row["metadata"] or {}
    found: Resource = {
        "schemas": [USER, *([ENTERPRISE] if kept.get("scim_enterprise") else [])],
        "id": row["user_id"],
        "userName": kept.get("scim_user_name") or row["user_email"] or row["user_id"],
        "active": not is_deactivated(row),
        "emails": [{"value": row["user_email"], "primary": True, "type": "work"}] if row["user_email"] else [],
        "groups": [
            {
                "value": team["team_id"],
                "display": team["team_alias"] or team["team_id"],
                "$ref": f"{base}/Groups/{quote(team['team_id'], safe='')}",
            }
            for team in teams
        ],
        "meta": _meta(row, "User", row["user_id"], base),
    }
    for name, value in (("externalId", row["sso_user_id"]), ("displayName", row["user_alias"])):
        if value:
            found[name] = value
    for name, own in _KEPT.items():
        if name != "userName" and kept.get(own):
            found[name] = kept[own]
    return found


def told_group(row: Row, members: Iterable[Row], base: str) -> Resource:
    """Return a group's resource: a team with its members."""
    outside = ((row["metadata"] or {}).get("scim_data") or {}).get("externalId")
    return {
        "schemas": [GROUP],
        "id": row["team_id"],
        **({"externalId": outside} if outside else {}),
        "displayName": row["team_alias"] or row["team_id"],
        "members": [
            {
                "value": member["user_id"],
                "display": member["user_email"] or member["user_id"],
                "type": "User",
                "$ref": f"{base}/Users/{quote(member['user_id'], safe='')}",
            }
            for member in members
        ],
        "meta": _meta(row, "Group", row["team_id"], base),
    }


def _meta(row: Row, kind: str, name: str, base: str) -> Resource:
    return {
        "resourceType": kind,
        "created": row["created_at"].isoformat(),
        "lastModified": row["updated_at"].isoformat(),
        "location": f"{base}/{kind}s/{quote(name, safe='')}",
    }
