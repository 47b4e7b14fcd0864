"""The line of a model group on a worker's loop: it is asked when something may be free."""

import asyncio
import time
from collections.abc import Callable, Hashable
from typing import Final

from tianji.routing.queue import Patience, Ticket, Waiter

_NEVER: Final = float("inf")


class Place:
    """One request's place in line."""

    __slots__ = ("_room", "_ticket")

    def __init__(self, room: "WaitingRoom", ticket: Ticket) -> None:
        self._room = room
        self._ticket = ticket

    def cancel(self) -> None:
        """Go away. Nothing happens when the wait is over."""
        self._room.leave(self._ticket)


class WaitingRoom:
    """Requests that wait for a slot of one group. Its times are those of the machine's monotonic clock."""

    def __init__(self, patience: Patience, count: Callable[[int], object]) -> None:
        """`count` hears how many more wait, or fewer."""
        self._line = patience.line()
        self._count = count
        self._counted = 0
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """How many wait."""
        return len(self._line)

    def join(
        self, priority: int, tenant: Hashable, waiter: Waiter, now: float, deadline: float = _NEVER
    ) -> Place | None:
        """Stand in line; None when it is full."""
        ticket = self._line.join(priority, tenant, waiter, now, deadline=deadline)
        if ticket is None:
            return None
        self._look_again(now)
        return Place(self, ticket)

    def leave(self, ticket: Ticket) -> None:
        """Let one go whose client has gone."""
        self._line.leave(ticket)
        self._tell()

    def released(self, now: float) -> None:
        """Hear that a slot was freed here."""
        if len(self._line):
            self._line.released(now)
            self._tell()

    def _tell(self) -> None:
        self._count(len(self._line) - self._counted)
        self._counted = len(self._line)

    def _look_again(self, now: float) -> None:
        self._tell()
        due = self._line.next_poll()
        if self._timer is None and due is not None:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, due - now), self._poll)

    def _poll(self) -> None:
        self._timer = None
        now = time.monotonic()
        self._line.poll(now)
        self._look_again(now)
