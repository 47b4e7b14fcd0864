"""Where requests wait while every deployment of their group is at its limit.

Who goes next: each priority level has a share of the turns, in proportion to 1 / (1 + priority)². The level whose
next turn comes first goes, the more urgent one on a tie (Golestani, "A self-clocked fair queueing scheme", 1994).
So level 0 is the next one whenever it has not had its share, which is three turns of five at the least, however many
levels wait; and every level moves, which is why nobody starves. A level that was empty has saved up nothing.
Within a level tenants take turns, and the requests of one tenant keep their order.

A slot is offered, not given: its taker chooses a deployment as any request does, and says whether it got one. Who
cannot use what is free lets the next tenant pass; his own later requests wait behind him.

One line serves one model group in one worker. Slots that other workers free are found by asking every POLL_INTERVAL.
Nothing here does any I/O or reads a clock: `now` is seconds of the clock that rests are measured by.
"""

import heapq
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Sequence
from itertools import count, islice
from typing import Final, Protocol

from msgspec import Struct

from tianji.config.schema.router import LOWEST_PRIORITY, RouterSettings
from tianji.errors import InvalidRequest

POLL_INTERVAL: Final = 0.01  # seconds between offers while nothing is freed here
MOST_REFUSALS: Final = 16  # at one time; then nothing is thought to be free


class Waiter(Protocol):
    """A request that waits. It hears yes to one offer, or of its end, and then nothing more."""

    def wake(self, now: float) -> bool:
        """Take a slot, if one is free that it can use; whether it did."""

    def turned_away(self, reason: str, now: float) -> None:
        """Hear that it is no longer in line: "timeout", or "displaced" by one more urgent when the line was full."""


class Ticket:
    """A place in line."""

    __slots__ = ("deadline", "priority", "tenant", "waiter", "waiting")

    def __init__(self, priority: int, tenant: Hashable, waiter: Waiter, deadline: float) -> None:
        self.priority = priority
        self.tenant = tenant
        self.waiter = waiter
        self.deadline = deadline
        self.waiting = True


class _Level:
    """Those of one priority: tenants in the order of their turns, each with its tickets in the order they came."""

    __slots__ = ("cost", "due", "priority", "tenants")

    def __init__(self, priority: int, now: float) -> None:
        self.priority = priority
        self.cost = (1 + priority) ** 2
        self.due = now + self.cost  # virtual time of the next turn
        self.tenants: OrderedDict[Hashable, OrderedDict[Ticket, None]] = OrderedDict()


class Line:
    """The requests that wait for one model group, in one worker.

    timeout: seconds that one may wait; size: how many may wait at a time
    """

    def __init__(self, *, timeout: float, size: int) -> None:
        self._timeout = timeout
        self._size = size
        self._levels: dict[int, _Level] = {}
        self._virtual = 0.0  # time that passes with each turn: when the last one was due
        self._deadlines: list[tuple[float, int, Ticket]] = []
        self._sequence = count()
        self._count = 0
        self._offered = 0.0
        self._offering = False
        self._again = False

    def __len__(self) -> int:
        """How many wait. While some do, a newcomer joins them before he asks for a slot."""
        return self._count

    def join(
        self, priority: int, tenant: Hashable, waiter: Waiter, now: float, *, deadline: float = float("inf")
    ) -> Ticket | None:
        """Stand in line until `deadline` at the latest. None: it is full of requests that are no less urgent.

        When it is full, the last one of the least urgent level makes room for a more urgent one, and among equals the
        last one of the tenant with the most for a tenant with fewer.
        """
        if self._count >= self._size and not self._make_room(priority, tenant, now):
            return None
        if self._count == 0:
            self._virtual = 0.0
            self._offered = now
        level = self._levels.get(priority)
        if level is None:
            level = self._levels[priority] = _Level(priority, self._virtual)
        ticket = Ticket(priority, tenant, waiter, min(now + self._timeout, deadline))
        level.tenants.setdefault(tenant, OrderedDict())[ticket] = None
        heapq.heappush(self._deadlines, (ticket.deadline, next(self._sequence), ticket))
        self._count += 1
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """Go away, because the client has. Nothing happens when it no longer waits."""
        if not ticket.waiting:
            return
        ticket.waiting = False
        self._count -= 1
        level = self._levels[ticket.priority]
        own = level.tenants[ticket.tenant]
        del own[ticket]
        if not own:
            del level.tenants[ticket.tenant]
        if not level.tenants:
            del self._levels[level.priority]
        if len(self._deadlines) > 2 * self._count + MOST_REFUSALS:
            self._deadlines = [entry for entry in self._deadlines if entry[2].waiting]
            heapq.heapify(self._deadlines)

    def released(self, now: float) -> int:
        """Offer slots, because one was freed or may have been, until nobody takes one; how many were taken."""
        self._again = True
        if self._offering:  # whoever took a slot has given it back at once
            return 0
        taken = 0
        self._offering = True
        try:
            while self._again:
                self._again = False
                while self._offer(now):
                    taken += 1
        finally:
            self._offering = False
        self._offered = now
        return taken

    def poll(self, now: float) -> None:
        """Turn away whose time is over, and offer what other workers may have freed. To be called at next_poll()."""
        while self._deadlines and (self._deadlines[0][0] <= now or not self._deadlines[0][2].waiting):
            ticket = heapq.heappop(self._deadlines)[2]
            if ticket.waiting:
                self._turn_away(ticket, "timeout", now)
        if self._count and now >= self._offered + POLL_INTERVAL:
            self.released(now)

    def next_deadline(self) -> float | None:
        """When the next one will have waited too long; None when nobody waits."""
        while self._deadlines and not self._deadlines[0][2].waiting:
            heapq.heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else None

    def next_poll(self) -> float | None:
        """When poll() has something to do; None when nobody waits."""
        deadline = self.next_deadline()
        return None if deadline is None else min(deadline, self._offered + POLL_INTERVAL)

    def _heads(self) -> Iterator[Ticket]:
        """Yield who is first of each tenant, in the order of turns."""
        for level in sorted(self._levels.values(), key=lambda level: (level.due, level.priority)):
            for tickets in level.tenants.values():
                yield next(iter(tickets))

    def _offer(self, now: float) -> bool:
        for ticket in list(islice(self._heads(), MOST_REFUSALS)):
            if ticket.waiting and ticket.waiter.wake(now):
                self._serve(ticket)
                return True
        return False

    def _serve(self, ticket: Ticket) -> None:
        """Book the turn of a ticket's level, and of its tenant, and let it go."""
        if not ticket.waiting:
            return
        level = self._levels[ticket.priority]
        self._virtual = max(self._virtual, level.due)
        level.due += level.cost
        level.tenants.move_to_end(ticket.tenant)
        self.leave(ticket)

    def _make_room(self, priority: int, tenant: Hashable, now: float) -> bool:
        if not self._levels:
            return False
        level = self._levels[max(self._levels)]
        if level.priority < priority:
            return False
        longest, tickets = max(level.tenants.items(), key=lambda item: len(item[1]))
        if level.priority == priority and len(tickets) < len(level.tenants.get(tenant, ())) + 2:
            return False
        self._turn_away(next(reversed(level.tenants[longest])), "displaced", now)
        return True

    def _turn_away(self, ticket: Ticket, reason: str, now: float) -> None:
        self.leave(ticket)
        ticket.waiter.turned_away(reason, now)


class Patience(Struct, frozen=True):
    """How a request waits for a slot. `seconds` 0: not at all, which is how LiteLLM does it."""

    seconds: float = 0.0
    size: int = 1000
    default_priority: int = 0

    def line(self) -> Line:
        """Make the line of a group."""
        return Line(timeout=self.seconds, size=self.size)

    def worth_it(self, verdicts: Sequence[tuple[str, float]], minute_left: float) -> bool:
        """Whether a deployment may be free before the patience ends; `verdicts` are those of the failed choice.

        Slots for requests at a time are freed at any moment, the limits of a minute when it ends, a rest when it does.
        """
        waits = {"parallel": 0.0, "requests": minute_left, "tokens": minute_left}
        return self.seconds > 0 and any(
            waits.get(reason, seconds if reason == "cooldown" else self.seconds) < self.seconds
            for reason, seconds in verdicts
        )

    def priority(self, asked: object) -> int:
        """Read the member `priority` of a request, the lower the more urgent. Raises InvalidRequest out of 0 to 255."""
        if asked is None:
            return self.default_priority
        if isinstance(asked, int) and not isinstance(asked, bool) and 0 <= asked <= LOWEST_PRIORITY:
            return asked
        raise InvalidRequest(f"`priority` must be a whole number from 0 to {LOWEST_PRIORITY}", param="priority")


def patience_of(router: RouterSettings) -> Patience:
    """Read what `router_settings` say of waiting."""
    return Patience(router.queue_timeout, router.queue_size, router.default_priority or 0)
