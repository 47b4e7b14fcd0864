"""When a stream is judged, and how much of it is held back."""

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

from msgspec import Struct

EVERY: Final = 5
"""Events after which a stream is judged again, where nobody has said another number."""
GROWTH: Final = 4  # a scan of everything waits until a fourth is new, so that all scans together stay linear


class Scan(Enum):
    """What one scan of a stream looks at."""

    END = "end"  # everything, once, at the end
    ALL = "all"  # everything that was said so far
    WINDOW = "window"  # what is new, and as much before it as one finding may span


class Policy(Struct, frozen=True):
    """How one guardrail treats streams.

    hold: code points at the end of what was scanned that are held back, since a finding may begin there
    every: events after which it is judged again; masks: whether its rewrites count, which else are a block
    """

    scan: Scan = Scan.END
    hold: int = 0
    every: int = EVERY
    masks: bool = True

    def due(self, fresh: int, events: int, length: int) -> bool:
        """Return whether to judge now: so many new code points and events since the last time, of so many in all."""
        if self.scan is Scan.END or not fresh:
            return False
        if events < self.every:
            return False
        return fresh * GROWTH >= (self.hold if self.scan is Scan.WINDOW else length)


def policy_of(settings: Mapping[str, Any], *, reach: int | None, local: bool, masks: bool) -> Policy:
    """Return the policy of a type with this `reach` for the `streaming_*` settings of its entry.

    Whatever they say, nothing goes out unscanned, and what is to be masked is. Without a `reach` everything is judged
    at the end, unless somebody wants what was scanned (`streaming_buffer_release_on_scan`, `streaming_sampling_rate`).
    """
    rate = settings.get("streaming_sampling_rate")
    every = rate if isinstance(rate, int) and rate > 0 else EVERY
    releases = bool(settings.get("streaming_buffer_release_on_scan"))
    buffers = bool(settings.get("streaming_buffer_until_moderated")) and not releases
    samples = releases or rate is not None or reach is not None
    if settings.get("streaming_end_of_stream_only") or buffers or not samples:
        return Policy(Scan.END, every=every, masks=masks)
    return Policy(Scan.WINDOW if local and reach is not None else Scan.ALL, reach or 0, every, masks)
