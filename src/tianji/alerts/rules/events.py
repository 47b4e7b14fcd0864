"""What was made, changed or deleted by management: keys, teams, users, models."""

from collections.abc import Mapping
from typing import Any, Final

from tianji.alerts.alert import Alert
from tianji.money import to_dollars
from tianji.storage.tables import NANOS

_SHOWN: Final = (  # columns that a message shows; none holds a secret
    "key_alias", "key_name", "team_id", "team_alias", "user_id", "user_alias", "user_email", "user_role", "model_name",
    "model_id", "organization_id", "models", "max_budget", "budget_duration", "tpm_limit", "rpm_limit", "created_by",
    "updated_by", "deleted_by",
)  # fmt: skip
_TITLES: Final = {
    "new_virtual_key_created": "Key made",
    "virtual_key_updated": "Key changed",
    "virtual_key_deleted": "Key deleted",
    "new_team_created": "Team made",
    "team_updated": "Team changed",
    "team_deleted": "Team deleted",
    "new_internal_user_created": "User made",
    "internal_user_updated": "User changed",
    "internal_user_deleted": "User deleted",
    "new_model_added": "Model added",
}
_EVENTS: Final = {"new_virtual_key_created": "key_created", "new_internal_user_created": "internal_user_created"}

_OF_KEYS: Final = frozenset({"key_created", "key_rotated"})


def event(kind: str, id: str, row: Mapping[str, Any], at: str, *, rotated: bool = False) -> Alert:  # noqa: A002
    """Return what there is to tell of a row: `id` is its own, `at` when that happened; rotated: a key was replaced."""
    shown = {name: _said(name, row[name]) for name in _SHOWN if row.get(name) not in (None, "", [], {})}
    name = row.get("key_alias") or row.get("team_alias") or row.get("user_email") or row.get("model_name") or id
    mail = row.get("user_email")
    happened, title = ("key_rotated", "Key replaced") if rotated else (_EVENTS.get(kind), _TITLES[kind])
    members = {
        "event": happened,
        "event_group": "key" if happened in _OF_KEYS else "user",
        "event_message": f"{title}: {name}",
        "token": id if happened in _OF_KEYS else None,
        **{member: row.get(member) for member in ("user_id", "team_id", "key_alias", "user_email")},
    } if happened else None  # fmt: skip
    return Alert(
        kind=kind,
        text=f"{title}: {name}",
        key=f"{kind}:{id}:{at}",
        facts=shown,
        event=members,
        people=(mail,) if isinstance(mail, str) and mail else (),
    )


def _said(name: str, value: Any) -> object:
    return f"${to_dollars(value):,.2f}" if name in NANOS else value
