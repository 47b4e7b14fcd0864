"""An entry of the audit log as destinations are told it: LiteLLM's StandardAuditLogPayload."""

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property

import msgspec
from msgspec import Struct

from tianji.callbacks.object_names import day, plain, shortened

FOLDER = "audit_logs"


class Audit(Struct, frozen=True, kw_only=True, dict=True):
    """One row that management changed.

    updated_at: RFC 3339; changed_by, changed_by_api_key: empty for nobody; before_value, updated_values: JSON as text
    """

    id: str
    updated_at: str
    changed_by: str
    changed_by_api_key: str
    action: str
    table_name: str
    object_id: str
    before_value: str | None
    updated_values: str | None

    @cached_property
    def wire(self) -> bytes:
        """The whole as JSON."""
        return msgspec.json.encode(self)

    @property
    def at(self) -> datetime:
        """When it was changed."""
        return datetime.fromisoformat(self.updated_at)

    @property
    def object_name(self) -> str:
        """How an object is called that holds it, below the folder of a bucket."""
        return f"{FOLDER}/{day(self.at.timestamp())}/{shortened(f'{self.at:%H-%M-%S}_{plain(self.id)}', '.json')}"


def array(entries: Sequence[Audit]) -> bytes:
    """Return entries in one array."""
    return b"[%b]" % b",".join([entry.wire for entry in entries])


def lines(entries: Sequence[Audit]) -> bytes:
    """Return entries, a line each."""
    return b"\n".join([entry.wire for entry in entries]) + b"\n"
