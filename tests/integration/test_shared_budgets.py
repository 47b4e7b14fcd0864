"""Several machines and a real Valkey: a budget is one for all of them, and nothing of it is counted twice."""

from typing import TYPE_CHECKING

from tests.integration.lending import BUDGET, EPOCH, Machine, World, machines

from tianji._core.limits.leases import Leases
from tianji._core.limits.limiter import LimitSet, LimitTable

if TYPE_CHECKING:
    from tianji._core.limits.admission import Admission


async def spend(machine: Machine, asked: LimitSet, estimate: int, cost: int) -> bool:
    admission = await machine.enter(asked, nano=estimate)
    if admission is None:
        return False
    admission.settle(machine.world.now, 0, 0, cost)
    return True


async def test_a_budget_is_passed_by_one_reservation_at_most(world: World) -> None:
    two = await machines(world, 2)
    asked = [machine.limit(spent=1_000, budget=101_000) for machine in two]
    under_way: list[Admission] = []
    for number in range(300):
        machine = two[number % 2]
        admission = await machine.enter(asked[number % 2], nano=1_000)
        if admission is not None:
            under_way.append(admission)
    assert 99 <= len(under_way) <= 101
    assert sum(admission.covered() for admission in under_way) <= 100_000
    for admission in under_way:
        admission.settle(world.now, 0, 0, 1_000)
    await world.wait(2)
    await world.rounds(2)
    for machine, limits in zip(two, asked, strict=True):
        assert await spend(machine, limits, 1_000, 0) == (len(under_way) < 100)
        spent, reserved, _ = limits.limits[0].money(world.now) or (0, 0, None)
        assert (spent, reserved) == (1_000 + 1_000 * len(under_way), 0)


async def test_an_estimate_that_does_not_fit_takes_what_is_left(world: World) -> None:
    one, two = await machines(world, 2)
    asked = one.limit(spent=0, budget=1_000), two.limit(spent=0, budget=1_000)
    first = await one.enter(asked[0], nano=900)
    second = await two.enter(asked[1], nano=900)
    assert first is not None
    assert second is not None
    assert [first.covered(), second.covered()] == [900, 100]
    assert not await two.enter(asked[1], nano=1)
    assert two.refused == (BUDGET, -1)
    first.settle(world.now, 0, 0, 0)
    await world.wait(2)
    await world.rounds()
    assert await spend(two, asked[1], 500, 500)


async def test_a_period_ends_on_all_machines(world: World) -> None:
    one, two = await machines(world, 2)
    ends = world.now + EPOCH + 100
    asked = [machine.limit(spent=900, ends=ends, budget=1_000) for machine in (one, two)]
    assert await spend(one, asked[0], 100, 100)
    assert not await spend(two, asked[1], 100, 100)
    await world.wait(101)
    assert await spend(two, asked[1], 600, 600)
    assert await spend(one, asked[0], 300, 300)
    assert await spend(one, asked[0], 300, 100), "with what is left"
    assert not await spend(two, asked[1], 300, 100)


async def test_a_machine_that_comes_later_counts_nothing_twice(world: World) -> None:
    (one,) = await machines(world, 1)
    asked = one.limit(spent=500, budget=1_000)
    assert await spend(one, asked, 100, 100)
    two = world.machine()
    await world.rounds(2)
    late = two.limit(spent=590, budget=1_000)  # the ledger has not heard of all of it
    assert await spend(two, late, 1, 1)
    await world.wait(2)
    await world.rounds()
    assert (late.limits[0].money(world.now) or (0,))[0] == 601
    assert await spend(two, late, 390, 390)
    last = await one.enter(asked, nano=100)
    assert last is not None
    assert last.covered() == 9


async def test_a_machine_that_forgot_a_budget_is_told_what_it_spent(world: World) -> None:
    one, two = await machines(world, 2)
    asked = one.limit(spent=0, budget=1_000)
    assert await spend(one, asked, 400, 400)
    await world.wait(2)
    await world.rounds()
    one.table = LimitTable(16, shift=EPOCH + 0.7)  # its row gave way to another
    one.sharing.leases = Leases(one.table)
    one.sharing.leases.begin()
    await world.rounds(2)
    late = one.limit(spent=380, budget=1_000)
    assert await spend(one, late, 100, 100)
    last = await two.enter(two.limit(spent=480, budget=1_000), nano=600)
    assert last is not None
    assert 495 <= last.covered() <= 500


async def test_a_store_that_forgot_everything_is_told_again(world: World) -> None:
    one, two = await machines(world, 2)
    asked = [machine.limit(spent=500, budget=2_000, requests=100) for machine in (one, two)]
    for _ in range(30):
        assert await spend(one, asked[0], 10, 10)
    for _ in range(20):
        assert await spend(two, asked[1], 10, 10)
    await world.wait(2)
    await world.rounds(2)
    await world.client.flushdb()
    await world.wait(0.1)
    await world.rounds(2)
    assert {machine.sharing.leases.mode for machine in (one, two)} == {"alone"}, "nothing is granted for a while"
    await world.client.delete(f"{world.clock.removesuffix(':clock')}:forgot")  # as it ends by itself
    await world.rounds(2)
    assert {machine.sharing.leases.mode for machine in (one, two)} == {"on"}
    assert await one.burst(asked[0], 100) == 50
    last = await two.enter(two.limit(budget=2_000), nano=2_000)
    assert last is not None
    assert last.covered() == 1_000
