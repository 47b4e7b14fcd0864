"""How it goes with destinations, in the memory of all workers, for whoever asks `/metrics`."""

from collections.abc import Iterable
from typing import Final

from tianji._core.routing.stats import escape_label
from tianji._core.sharing.shm import SharedCounters
from tianji.callbacks.backlog import Positions
from tianji.callbacks.outlet import Outlet

FAMILY: Final = "tianji_callback_{}"


class Board:
    """Keeps the figures of each destination of the configuration; those of keys and teams have none."""

    def __init__(self, counters: SharedCounters) -> None:
        self._counters = counters

    def show(self, outlets: Iterable[Outlet], ends: Positions) -> None:
        """Write down how they stand. `ends`: how far the journals go that there are."""
        for outlet in outlets:
            if outlet.sink.owner is None and outlet.sink.lasting:
                self._show(outlet, ends)

    def _show(self, outlet: Outlet, ends: Positions) -> None:
        standing = outlet.standing
        self._set("events_total", outlet, standing.told, "told")
        self._set("events_total", outlet, standing.dropped + standing.refused, "lost")
        self._set("failing", outlet, standing.fault is not None)
        self._set("last_success_timestamp_seconds", outlet, int(standing.told_at or 0))
        self._set("behind_bytes", outlet, outlet.backlog.behind(ends))

    def _set(self, what: str, outlet: Outlet, value: int, outcome: str = "") -> None:
        more = f',outcome="{outcome}"' if outcome else ""
        name = f'{FAMILY.format(what)}{{callback="{escape_label(outlet.sink.name)}"{more}}}'
        self._counters.set(self._counters.slot(name), value)
