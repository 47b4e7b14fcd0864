"""Counts files and batches for Prometheus, in the memory of all workers, by the names of LiteLLM's metrics."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Final, TypeGuard

from tianji._core.routing.stats import escape_label
from tianji._core.sharing.shm import Histogram, SharedCounters
from tianji.auth.identity import Identity
from tianji.objects.kinds import BATCH, FILE, Kind
from tianji.objects.places import Place

NONE: Final = "None"  # stands for a value that there is not, as in LiteLLM
OTHER: Final = "other"
MOST: Final = 500  # series of a family, of one worker; others are told as one
_HIGHEST: Final = 1 << 53  # what a sample can be, exactly
BOUNDS: Final = tuple(
    60.0 * minutes for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 720, 1440)
)  # a batch takes minutes to a day
_CREATED: Final[Mapping[str, str]] = {
    FILE.name: "litellm_managed_file_created_total",
    BATCH.name: "litellm_managed_batch_created_total",
}


class Tally:
    """Counts what becomes of them."""

    def __init__(self, counters: SharedCounters) -> None:
        self._counters = counters
        self._seen: dict[str, set[str]] = {}
        self._times: dict[str, Histogram] = {}

    def created(self, kind: Kind, made: Mapping[str, Any], place: Place, caller: Identity) -> None:
        """Count a file or a batch that was made; nothing for other kinds."""
        family = _CREATED.get(kind.name)
        if family is None:
            return
        where = {"model": place.group or place.model, "api_provider": place.provider}
        who = {"user": caller.user_id, "user_email": None, "api_key_alias": caller.key_alias}
        self._counters.add(self._slot(family, where | who), 1)
        size = made.get("bytes")
        if kind is FILE and _is_count(size):
            name = PurePosixPath(str(made.get("filename") or "")).suffix.removeprefix(".").lower()[:16]
            labels = {"purpose": str(made.get("purpose"))[:32], "file_type": name, **where, "user": caller.user_id}
            self._counters.set(self._slot("litellm_managed_file_size_bytes", labels), size)

    def deleted(self, kind: Kind) -> None:
        """Count a file that was deleted."""
        if kind is FILE:
            self._counters.add(self._slot("litellm_managed_file_deleted_total", {"result": "success"}), 1)

    def ended(self, before: Mapping[str, Any], now: Mapping[str, Any], place: Place) -> None:
        """Take the time of a batch, when it is heard of for the first time that it was completed."""
        at = [now.get(name) for name in ("created_at", "completed_at")]
        if before.get("completed_at") or not all(map(_is_count, at)):
            return
        labels = self._labels("litellm_managed_batch_duration_seconds",
                              {"model": place.group or place.model, "api_provider": place.provider})  # fmt: skip
        if labels not in self._times:
            self._times[labels] = Histogram(self._counters, "litellm_managed_batch_duration_seconds", labels, BOUNDS)
        created, completed = at
        self._times[labels].observe(max(0.0, float(completed or 0) - float(created or 0)))

    def _slot(self, family: str, labels: Mapping[str, str | None]) -> int:
        return self._counters.slot(f"{family}{{{self._labels(family, labels)}}}")

    def _labels(self, family: str, labels: Mapping[str, str | None]) -> str:
        written = _written(labels)
        seen = self._seen.setdefault(family, set())
        if written not in seen and len(seen) >= MOST:
            return _written(dict.fromkeys(labels, OTHER))
        seen.add(written)
        return written


def _is_count(value: object) -> TypeGuard[int]:
    """Tell whether a number of an upstream's is one that can be told."""
    return isinstance(value, int) and 0 <= value < _HIGHEST


def _written(labels: Mapping[str, str | None]) -> str:
    return ",".join(f'{label}="{escape_label(value or NONE)}"' for label, value in labels.items())
