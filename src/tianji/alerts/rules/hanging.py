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
        if self._looks and now - self._looks[-1].at < threshold / LOOKS:
            return
        counts = {name: self._under_way(name) for name in deployments}
        for look in self._looks:  # one that is not under way any more has ended, whether its entry came or not
            look.counts = {name: min(count, counts.get(name, 0)) for name, count in look.counts.items()}
        while self._looks and now - self._looks[0].at >= threshold:
            yield from self._judge(self._looks.popleft(), threshold, deployments)
        self._looks.append(_Look(now, {name: count for name, count in counts.items() if count}))

    def _judge(self, look: _Look, threshold: float, deployments: Mapping[str, str]) -> Iterator[Alert]:
        told = {name: min(count, look.counts.get(name, 0)) for name, count in self._before.items()}
        for name, count in look.counts.items():
            fresh = count - told.get(name, 0)
            if fresh > 0:
                some = "one request has" if fresh == 1 else f"{fresh} requests have"
                yield Alert(
                    kind="llm_requests_hanging",
                    text=f"{deployments.get(name, name)}: {some} been under way for more than {threshold:g} s",
                    alike=name,
                )
        self._before = {name: count for name, count in look.counts.items() if count}
