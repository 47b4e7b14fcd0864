"""Entries of the log, written in the transaction of what they tell of."""

import uuid
from typing import Final

import sqlalchemy as sa

from tianji._core.edges.exchange import Exchange
from tianji.management.audit.subjects import SUBJECTS, Subject
from tianji.management.audit.trail import Change, Trail
from tianji.management.audit.values import MASK, told
from tianji.management.desk import Call, Row
from tianji.printable import printable
from tianji.storage.tables import AUDIT_LOG

CHANGED_BY: Final = b"litellm-changed-by"
_LONGEST: Final = 256  # characters of a name that somebody sent
# what says when a row was changed and by whom, which the entry says, too
_HISTORY: Final = frozenset(
    {"created_at", "created_by", "updated_at", "updated_by", "settings_updated_at", "spend_since"}
)


class Log:
    """Notes what one request changes. To be begun before anything is changed, and written before the end."""

    def __init__(self, call: Call, exchange: Exchange) -> None:
        self._call = call
        self._behalf = exchange.header(CHANGED_BY)
        self._trail = Trail(call.connection)

    async def write(self) -> None:
        """Write an entry for each row in which more was changed than the note of when and by whom."""
        call = self._call
        changes = await self._trail.changes()
        if not changes:
            return
        salt = call.office.salt() or ""
        who = {"updated_at": call.now, **self._who()}
        entries = (entry_of(change, salt) for change in changes)
        rows = [{"id": str(uuid.uuid4()), **who, **entry} for entry in entries if entry is not None]
        if rows:
            await call.connection.execute(sa.insert(AUDIT_LOG), rows)

    def _who(self) -> Row:
        """Return who changes something: whoever is behind a change that is no request, else who asked for it.

        A proxy admin may say for whom he does it. Others may not: the log would say what they like.
        """
        call = self._call
        if call.behind is not None:
            return {"changed_by": call.behind, "changed_by_api_key": None}
        name = call.caller.user_id
        if self._behalf and call.admin:
            name = printable(self._behalf.decode("utf-8", "replace"))[:_LONGEST]
        return {"changed_by": name, "changed_by_api_key": call.caller.key}


def entry_of(change: Change, salt: str) -> Row | None:
    """Return what is said of a change; None where only its history is another one."""
    table = change.table
    subject = SUBJECTS.get(table, Subject(table.name))
    before, after = (_opened(subject, row, salt) for row in (change.before, change.after))
    different = {name for name in {*before, *after} - _HISTORY if before.get(name) != after.get(name)}
    if not different:
        return None
    names = {column.name for column in table.primary_key}
    known = {*before, *after} if table in SUBJECTS else names
    was, now = ({name: value for name, value in row.items() if name in known} for row in (before, after))
    shown = told(now, was, subject.closed)
    if was and now:
        shown = {name: shown.get(name) for name in now if name in different | names}
    return {
        "action": _action(change, different),
        "table_name": subject.name,
        "object_id": change.name,
        "before_value": told(was, {}, subject.closed) if was else None,
        "updated_values": shown if now else None,
        **_about(change),
    }


def _about(change: Change) -> Row:
    """Return what an entry is found by beside its object: see the table."""
    before, after = ((row or {}).get("team_id") for row in (change.before, change.after))
    name = next(iter(change.table.primary_key.columns)).name
    return {
        "object_team_id": after or before,
        "former_team_id": before if after and before != after else None,
        "renamed_to": (change.after or {}).get(name) if change.renamed else None,
    }


def _action(change: Change, different: set[str]) -> str:
    """Return what was done, in the words of LiteLLM's log."""
    if change.before is None:
        return "created"
    if change.after is None:
        return "deleted"
    if change.renamed:
        return "rotated"
    if different == {"blocked"}:
        return "blocked" if change.after["blocked"] else "unblocked"
    return "updated"


def _opened(subject: Subject, row: Row | None, salt: str) -> Row:
    """Return a row with what is kept encrypted as it was."""
    if row is None or not subject.closed:
        return row or {}
    try:
        return {**row, subject.closed: subject.opened(salt, row)}
    except ValueError:  # under another salt: nobody can read it
        return {**row, subject.closed: MASK}
