"""A hundred thousand events for a destination that hangs, one that fails half of the time, and one that is well."""

import asyncio
import gc
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from tests.unit.ledger.conftest import entry

from tianji.callbacks.event import LogEvent
from tianji.callbacks.sink import Delivery, Sink
from tianji.callbacks.teller import Teller
from tianji.ledger import reading
from tianji.ledger.journal import Journal

EVENTS = 100_000
BATCH = 500
IN_MEMORY = 12_000  # events: what is being sent, and what is remembered for others


def write_into(folder: Path) -> None:
    journal = Journal(folder)
    journal.prepare().result()
    usual = entry(1)
    for number in range(EVENTS):
        journal.append(msgspec.structs.replace(usual, request_id=f"{number:x}"))
    journal.close()


def sink(name: str) -> Sink:
    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        yield Delivery(name, msgspec.json.encode([event.id for event in events]))

    return Sink(name, write, batch=BATCH, interval=0.0)


class World:
    def __init__(self) -> None:
        self.heard: dict[str, Counter[str]] = {"well": Counter(), "half": Counter()}
        self.tries: Counter[str] = Counter()
        self.alive = 0

    async def send(self, request: Delivery) -> int:
        name = request.url
        self.tries[name] += 1
        if name == "hanging":
            await asyncio.Event().wait()
        if self.tries[name] % 50 == 0:
            self.alive = max(self.alive, sum(isinstance(one, LogEvent) for one in gc.get_objects()))
        if name == "half" and self.tries[name] % 2:
            return 503
        self.heard[name].update(msgspec.json.decode(request.body, type=list[str]))
        return 200

    async def sleep(self, _seconds: float) -> None:
        await asyncio.sleep(0)


async def test_each_is_told_at_its_own_pace(tmp_path: Path) -> None:
    folder = tmp_path / "journals"
    await asyncio.to_thread(write_into, folder)
    world = World()
    teller = Teller(folder, world.send, sleep=world.sleep)
    teller.adopt([sink("hanging"), sink("half"), sink("well")])
    await teller.round()
    for name in ("well", "half"):
        outlet = teller.outlets[name]
        outlet.end()
        await asyncio.wait_for(teller._tasks[name], 300)
        assert (outlet.standing.told, outlet.standing.dropped, outlet.standing.refused) == (EVENTS, 0, 0)
    everything = {f"{number:x}": 1 for number in range(EVENTS)}
    assert world.heard["well"] == everything
    assert world.heard["half"] == everything
    assert world.tries == {"hanging": 1, "half": 2 * EVENTS / BATCH, "well": EVENTS / BATCH}
    assert 0 < world.alive < IN_MEMORY
    first, *_ = await asyncio.to_thread(reading.journals, folder)
    assert not await teller.finished(first, first.stat().st_size), "the one that hangs is not told yet"
    await teller.close(0.01)
