"""What objects are called that hold events: by when they ended, and by ids that are the same if they are told again."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from tianji.callbacks.event import LogEvent

LONGEST_NAME: Final = 255  # bytes of the last part; longer ones are cut, and told apart by a digest


def day(at: float) -> str:
    """Return the day of a time, in UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"


def single(event: LogEvent) -> str:
    """Return the name of an object for one event."""
    began = datetime.fromtimestamp(event.started, UTC)
    return shortened(f"time-{began:%H-%M-%S-%f}_{plain(event.id)}", ".json")


def digest(events: Iterable[LogEvent], length: int) -> str:
    """Return hexadecimal digits that tell a batch from others."""
    return hashlib.sha256("\n".join(event.id for event in events).encode()).hexdigest()[:length]


def plain(text: str) -> str:
    """Return a text without what separates the parts of names."""
    return text.replace("/", "_").replace(":", "_")


def shortened(name: str, ending: str) -> str:
    """Return a name with its ending that is not too long."""
    whole = name + ending
    if len(whole.encode()) <= LONGEST_NAME:
        return whole
    mark = "_" + hashlib.sha256(name.encode()).hexdigest()[:16] + ending
    return name.encode()[: LONGEST_NAME - len(mark)].decode(errors="ignore") + mark
