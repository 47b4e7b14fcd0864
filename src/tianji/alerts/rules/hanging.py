"""Requests that hang, found without knowing a single one: by how many are under way, and how many of them have ended.

Now and then it is noted how many attempts a deployment has under way. Every attempt that ends has an entry, which says
when it began. So of those that were under way at a moment, all are still there whose entries have not come; that may be
fewer than it seems only where a worker was killed, which the counts of later moments show.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from msgspec import Struct

from tianji.alerts.alert import Alert
from tianji.ledger.entry import Entry

LOOKS: Final = 2  # for each threshold
_SECOND: Final = 1_000_000


class _Look(Struct):
    at: float  # seconds since 1970
    counts: dict[str, int]  # that were under way then, and have not ended


class Hanging:
    """Watches the counts. `under_way` gives that of a deployment."""

    def __init__(self, under_way: Callable[[str], int]) -> None:
        self._under_way = under_way
        self._looks: deque[_Look] = deque()
        self._before: dict[str, int] = {}  # told of, and still there

    def hear(self, entries: Iterable[Entry]) -> None:
        """Take those that have ended off the counts."""
        for entry in entries:
            began, ended = entry.started_at / _SECOND, entry.ended_at / _SECOND
            for look in self._looks:
                if began <= look.at < ended and look.counts.get(entry.deployment_id):
                    look.counts[entry.deployment_id] -= 1

    def look(self, now: float, threshold: float, deployments: Mapping[str, str]) -> Iterator[Alert]:
        """Note the counts of `deployments`, ids and what they are called, and yield what has hung since long ago."""
        for name, count in self.found(now, threshold, deployments):
            some = "one request has" if count == 1 else f"{count} requests have"
            yield Alert(
                kind="llm_requests_hanging",
                text=f"{deployments.get(name, name)}: {some} been under way for more than {threshold:g} s",
                alike=name,
            )

    def found(self, now: float, threshold: float, deployments: Iterable[str]) -> Iterator[tuple[str, int]]:
        """Do the same, and yield the ids of deployments and how many requests hang there that did not before."""
        if self._looks and now - self._looks[-1].at < threshold / LOOKS:
            return
        counts = {name: self._under_way(name) for name in deployments}
        for look in self._looks:  # one that is not under way any more has ended, whether its entry came or not
            look.counts = {name: min(count, counts.get(name, 0)) for name, count in look.counts.items()}
        while self._looks and now - self._looks[0].at >= threshold:
            yield from self._judge(self._looks.popleft())
        self._looks.append(_Look(now, {name: count for name, count in counts.items() if count}))

    def _judge(self, look: _Look) -> Iterator[tuple[str, int]]:
        told = {name: min(count, look.counts.get(name, 0)) for name, count in self._before.items()}
        for name, count in look.counts.items():
            fresh = count - told.get(name, 0)
            if fresh > 0:
                yield name, fresh
        self._before = {name: count for name, count in look.counts.items() if count}
