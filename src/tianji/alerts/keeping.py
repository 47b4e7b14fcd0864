"""What the next process is to know of alerts."""

from msgspec import Struct, field

from tianji.alerts.office import Heap
from tianji.alerts.rules.reports import Day


class Marks(Struct):
    """How far what is looked at now and then was looked at; seconds since 1970, 0 for never."""

    daily: float = 0.0
    interval: float = 0.0
    month: float = 0.0
    fallbacks: float = 0.0
    users: float = 0.0
    models: float = 0.0
    events: float = 0.0


class Kept(Struct):
    """All of it. claims: what was told, until when it is not told again; collected: what digests hold."""

    claims: dict[str, float] = field(default_factory=dict)
    day: Day = field(default_factory=Day)
    marks: Marks = field(default_factory=Marks)
    collected: dict[str, Heap] = field(default_factory=dict)
