"""Who may make keys of his own or of a team, and what has to be said of them: `key_generation_settings`."""

from collections.abc import Mapping
from typing import Any

from tianji.auth.identity import Role
from tianji.errors import PermissionDenied, Unacceptable
from tianji.management.desk import Call, Row
from tianji.management.people import ownership
from tianji.storage.tables import TEAMS


async def require_permitted(call: Call, values: Row) -> None:
    """Refuse a new key that the configuration does not let the caller make. A proxy admin may make all.

    Raises PermissionDenied (403) for administrators of organizations where they make none, else Unacceptable (400).
    """
    if not call.admin and call.config.general_settings.disable_key_generate_for_org_admin and _administers(call):
        raise PermissionDenied("administrators of organizations make no keys here; ask a proxy admin")
    settings = call.config.litellm_settings.key_generation_settings
    if call.admin or not settings:
        return
    team_id = values.get("team_id")
    if team_id is None:
        rules = _rules(settings, "personal_key_generation")
        roles = rules.get("allowed_user_roles")
        role = call.caller.role
        named = None if role is None else role.value
        kind = "keys without a team"
    else:
        rules = _rules(settings, "team_key_generation")
        roles = rules.get("allowed_team_member_roles")
        team = await call.one(TEAMS, team_id=team_id)
        named = "admin" if ownership.administers_team(call, team) else call.caller.teams.get(team_id)
        kind = "keys of a team"
    if isinstance(roles, list) and named not in roles:
        allowed = ", ".join(map(str, roles))
        raise Unacceptable(f"{kind} are made by these roles only: {allowed}; yours is {named}")
    for name in rules.get("required_params") or ():
        if values.get(name) in (None, [], {}):
            raise Unacceptable(f"{name} is missing: this gateway wants it said of {kind}", param=str(name))


def _administers(call: Call) -> bool:
    return call.caller.role is Role.ORG_ADMIN or Role.ORG_ADMIN in call.caller.organizations.values()


def _rules(settings: Mapping[str, object], name: str) -> Mapping[str, Any]:
    rules = settings.get(name)
    return rules if isinstance(rules, Mapping) else {}
