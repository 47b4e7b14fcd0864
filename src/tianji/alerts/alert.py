"""One thing that somebody is to be told."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from tianji.config.schema.alerting import ALERT_TYPES, Level


class Alert(Struct, frozen=True, kw_only=True):
    """What is told.

    kind: one of ALERT_TYPES; level: how bad it is; None: as bad as its kind is
    key: what is told once only, for `ttl` seconds, by all machines together; empty: every time
    alike: alerts of a kind that are told together where many come at once
    facts: further lines; event: for receivers of events, members of LiteLLM's budget event
    only: the channel that alone tells of it; empty: all do
    people: addresses of mail of those whom it concerns; page: what somebody is told who is called out for it, alone
    """

    kind: str
    text: str
    level: Level | None = None
    key: str = ""
    ttl: float = 86_400
    alike: str = ""
    facts: Mapping[str, object] = {}
    event: Mapping[str, Any] | None = None
    only: str = ""
    people: tuple[str, ...] = ()
    page: Mapping[str, object] | None = None

    @property
    def badness(self) -> Level:
        """How bad it is."""
        return self.level or ALERT_TYPES[self.kind].level
