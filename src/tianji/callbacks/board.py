"""How it goes with destinations, in the memory of all workers, for whoever asks `/metrics`."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from tianji._core.shm import SharedCounters
from tianji._core.stats import escape_label
from tianji.callbacks.outlet import Outlet

FAMILY: Final = "tianji_callback_{}"


class Board:
    """Keeps the figures of each destination of the configuration; those of keys and teams have none."""

    def __init__(self, counters: SharedCounters) -> None:
        self._counters = counters

    def show(self, outlets: Iterable[Outlet], files: Sequence[Path]) -> None:
        """Write down how they stand. `files`: the journals that there are; it looks at them, which takes a moment."""
        sizes = {file.name: _size(file) for file in files}
        for outlet in outlets:
            if outlet.sink.owner is None and outlet.sink.lasting:
                self._show(outlet, sizes)

    def _show(self, outlet: Outlet, sizes: dict[str, int]) -> None:
        standing, at = outlet.standing, outlet.backlog.positions
        self._set("events_total", outlet, standing.told, "told")
        self._set("events_total", outlet, standing.dropped + standing.refused, "lost")
        self._set("failing", outlet, standing.fault is not None)
        self._set("last_success_timestamp_seconds", outlet, int(standing.told_at or 0))
        self._set("behind_bytes", outlet, sum(max(0, size - at.get(name, 0)) for name, size in sizes.items()))

    def _set(self, what: str, outlet: Outlet, value: int, outcome: str = "") -> None:
        more = f',outcome="{outcome}"' if outcome else ""
        name = f'{FAMILY.format(what)}{{callback="{escape_label(outlet.sink.name)}"{more}}}'
        self._counters.set(self._counters.slot(name), value)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
