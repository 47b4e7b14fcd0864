"""Who may say which guardrails a key meets, where its team keeps that to itself (`guardrails: {modify_guardrails}`)."""

from typing import Final

from tianji.errors import PermissionDenied
from tianji.guardrails.selection import is_fixed
from tianji.management.desk import Call, Row
from tianji.management.people import ownership
from tianji.storage.tables import TEAMS

_NAMING: Final = ("guardrails", "policies")


async def require_changeable(call: Call, values: Row, team_id: str | None, before: Row | None = None) -> None:
    """Refuse with 403 that somebody who does not administer the team says it. `before`: the key as it is."""
    metadata = (before or {}).get("metadata") or {}
    known = {name: (before or {}).get(name) or metadata.get(name) or [] for name in _NAMING}
    if call.admin or all((values.get(name, known[name]) or []) == known[name] for name in _NAMING):
        return
    team = await call.one(TEAMS, team_id=team_id)
    if team is not None and is_fixed(team["metadata"] or {}) and not ownership.administers_team(call, team):
        raise PermissionDenied("the team of this key does not let its members change guardrails; leave them out")
