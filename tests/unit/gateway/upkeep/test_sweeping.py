"""What a worker looks after comes a part at a time, and all of it within a round."""

import asyncio
from typing import Any

from tianji.gateway.upkeep.sweeping import PARTS, ROUND, Sweeping


class Limits:
    """Notes which parts were looked after. `shift`: the wall clock over the other one."""

    def __init__(self) -> None:
        self.swept: list[tuple[int, int]] = []
        self.taken: list[tuple[int, int]] = []
        self.shift: float | None = None

    def sweep(self, part: int, parts: int) -> None:
        self.swept.append((part, parts))

    def take_unsaved(self, part: int, parts: int) -> None:
        self.taken.append((part, parts))


class Memory:
    """What workers share, as far as it is swept; it is its own table of health."""

    def __init__(self) -> None:
        self.limits, self.health, self.sweeps = Limits(), self, 0

    def sweep(self) -> None:
        self.sweeps += 1


async def test_a_round_looks_after_each_part_once(monkeypatch: Any) -> None:
    loop, due = asyncio.get_running_loop(), []
    monkeypatch.setattr(loop, "call_later", lambda seconds, call: due.append((seconds, call)), raising=False)
    shared: Any = Memory()
    often: list[int] = []
    Sweeping(shared, lambda: often.append(1)).begin()
    for _ in range(PARTS):
        seconds, call = due.pop()
        assert seconds == ROUND / PARTS
        call()
    assert shared.limits.swept == shared.limits.taken == [*((part, PARTS) for part in range(PARTS)), (0, PARTS)]
    assert (shared.sweeps, len(often)) == (2, 2)
    assert shared.limits.shift is not None


async def test_nothing_is_looked_after_once_it_was_stopped() -> None:
    shared: Any = Memory()
    sweeping = Sweeping(shared)
    sweeping.stop()
    sweeping.begin()
    sweeping.stop()
    assert sweeping._timer is not None
    assert sweeping._timer.cancelled()
