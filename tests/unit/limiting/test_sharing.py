"""What a worker does about limits that machines share: when it asks, for whom, and when it stops asking."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from tianji._core.limits.limiter import KIND_NAMES, Limit, LimitTable
from tianji._core.sharing.shm import SharedCounters
from tianji.limiting.sharing import INTERVAL, LimitSharing
from tianji.storage.leases import Answer, Claim

REQUESTS, PARALLEL = KIND_NAMES.index("requests"), KIND_NAMES.index("parallel")


class Desk:
    """A store that grants what is wanted when it is told to answer, and one worker."""

    def __init__(self, patience: float = 30) -> None:
        self.now = 1000.0
        self.asked: list[Sequence[Claim]] = []
        self.known: list[int] = []
        self.open = asyncio.Event()
        self.open.set()
        self.heard = asyncio.Event()
        self.error: OSError | None = None
        self.grants = True
        self.leads = True
        self.pauses: list[float] = []
        self.table = LimitTable(16)
        self.counters = SharedCounters(64)
        self.sharing = LimitSharing(
            self.table, lambda _: self.leads, lambda: self.now, self.counters, patience=patience, sleep=self._sleep
        )
        self.leases = self.sharing.leases

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0)
        if len(self.pauses) == 3:
            raise asyncio.CancelledError

    async def exchange(self, known: int, claims: Sequence[Claim]) -> Answer:
        self.known.append(known)
        self.asked.append(claims)
        self.heard.set()
        await self.open.wait()
        if self.error is not None:
            raise self.error
        answers = [(claim[4], 50, 0) if self.grants else (0, 0, 0) for claim in claims]
        return Answer(self.now, int(self.now // 2), 2, 9, self.grants, False, answers)  # type: ignore[arg-type]

    def limit(self, name: str = "key:a") -> Limit:
        return Limit(self.table, name, requests=100, parallel=10)

    async def begun(self) -> "Desk":
        self.leases.begin()
        self.sharing._store = self
        assert await self.sharing.step()
        self.asked.clear()
        self.heard.clear()
        return self


async def test_who_asks_while_an_answer_is_under_way_is_asked_for_together() -> None:
    desk = await Desk().begun()
    desk.open.clear()
    first = asyncio.create_task(desk.sharing.ask([(desk.limit(), REQUESTS, 1)]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    others: list[asyncio.Task[Any]] = [
        asyncio.create_task(desk.sharing.ask([(desk.limit(), REQUESTS, amount), (desk.limit(), PARALLEL, 1)]))
        for amount in (3, 2, 4)
    ]
    await asyncio.sleep(0)
    assert len(desk.asked) == 1
    desk.open.set()
    await asyncio.gather(first, *others)
    kinds = [[(claim[0], *claim[2:5]) for claim in claims] for claims in desk.asked]
    assert kinds == [[(REQUESTS, 100, 1, 1)], [(REQUESTS, 100, 2, 9), (PARALLEL, 10, 1, 3)]]
    assert desk.leases.mode == "on"


async def test_a_slow_store_is_not_waited_for() -> None:
    desk = await Desk(patience=0.001).begun()
    desk.open.clear()
    await asyncio.wait_for(desk.sharing.ask([(desk.limit(), REQUESTS, 1)]), 20)
    assert desk.leases.mode == "alone"
    desk.open.set()
    assert await desk.sharing.step()
    assert desk.leases.mode == "on"


async def test_an_answer_that_took_long_is_none() -> None:
    desk = await Desk(patience=0.01).begun()
    desk.open.clear()
    asking = asyncio.create_task(desk.sharing.step())
    await asyncio.sleep(0)
    desk.now += 0.02
    desk.open.set()
    assert not await asking
    assert desk.leases.mode == "alone"


async def test_a_store_that_is_away_is_told_later(caplog: pytest.LogCaptureFixture) -> None:
    desk = await Desk().begun()
    await desk.sharing.ask([(desk.limit(), REQUESTS, 1)])
    desk.error = ConnectionRefusedError()
    assert not await desk.sharing.step()
    assert not await desk.sharing.step()
    await desk.sharing.ask([(desk.limit(), REQUESTS, 1)])
    assert [record.levelname for record in caplog.records] == ["WARNING"], "it is said once"
    desk.error = None
    desk.asked.clear()
    assert await desk.sharing.step()
    assert len(desk.asked[0]) == 1


def told(desk: Desk) -> dict[str, int]:
    """Return what the breaker says, without what is nothing."""
    return {name.removeprefix("litellm_redis_circuit_breaker_"): n for name, n in desk.counters.items() if n}


async def test_how_the_store_fares_is_told() -> None:
    desk = Desk()
    with pytest.raises(asyncio.CancelledError):
        await desk.sharing.run(desk)
    closed, open_ = 'state{state="closed"}', 'state{state="open"}'
    assert told(desk) == {closed: 1, 'transitions_total{state="closed"}': 1}
    desk.sharing._store, desk.error = desk, ConnectionRefusedError()
    for _ in range(2):
        assert not await desk.sharing.step()
    assert told(desk) == {
        open_: 1, 'transitions_total{state="closed"}': 1, 'transitions_total{state="open"}': 1,
        'failures_total{failure_class="ConnectionRefusedError"}': 2,
    }  # fmt: skip
    desk.error = None
    assert await desk.sharing.step()
    assert (told(desk)[closed], told(desk)['transitions_total{state="closed"}']) == (1, 2)
    desk.sharing.end()
    assert not told(desk).keys() & {closed, open_}


async def test_a_store_that_grants_nothing_leaves_the_shares() -> None:
    desk = await Desk().begun()
    desk.grants = False
    assert await desk.sharing.step()
    assert (desk.leases.mode, desk.leases.machines) == ("alone", 2)
    assert desk.known[-1] == 9


async def test_without_a_store_nobody_is_asked() -> None:
    desk = await Desk().begun()
    desk.sharing._store = None
    await desk.sharing.ask([(desk.limit(), REQUESTS, 1)])
    assert (desk.leases.mode, desk.asked) == ("alone", [])


async def test_what_is_answered_after_sharing_ended_is_not_heard() -> None:
    desk = await Desk().begun()
    desk.open.clear()
    asking = asyncio.create_task(desk.sharing.ask([(desk.limit(), REQUESTS, 1)]))
    await asyncio.wait_for(desk.heard.wait(), 20)
    desk.sharing.end()
    desk.open.set()
    await asyncio.wait_for(asking, 20)
    assert desk.leases.mode == "off"
    await desk.sharing.ask([(desk.limit(), REQUESTS, 1)])
    assert desk.leases.mode == "off"


@pytest.mark.parametrize("leads", [True, False])
async def test_only_the_worker_that_leads_makes_rounds(leads: bool) -> None:
    desk = Desk()
    desk.leads = leads
    with pytest.raises(asyncio.CancelledError):
        await desk.sharing.run(desk)
    assert desk.pauses == [INTERVAL] * 3
    assert len(desk.asked) == (4 if leads else 1), "every worker makes its connection"
    assert desk.leases.mode == ("on" if leads else "alone")
