"""`python -m bench money`: many requests of all kinds, processes killed at random, and then the books.

What each answered call must have cost is known from how it was asked; the ledger has to say the same, to the
nano-dollar, without a row too many. The gateway and all its processes die once in the middle, too, and if that is
wanted the database is away for a while before that.
"""

import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import msgspec
import sqlalchemy as sa

from bench.macro.process import BESIDE, Process, free_port, start_mock
from bench.macro.targets import KEY
from bench.stores import StoreInUse, opened
from tianji.ledger import proof
from tianji.storage.engine import Database

PROMPT, ANSWER = 1000, 2000  # nano-dollars a token
WORDS = [{"role": "user", "content": "one two"}]
START, DRAINED = 30.0, 300.0  # seconds
OLD = 11.0  # seconds that a process has lived before it is killed: who dies younger died of its start
BETWEEN = (1.0, 3.0)  # seconds between two kills
WHOLE, LEFT = "whole", "left"
# kind of call: how many of a hundred, the model it names, whether it streams
KINDS = {
    "plain": (40, "mock-tokens-{}", False),
    "stream": (34, "mock-tokens-{}", True),
    LEFT: (8, "mock-tokens-200-token-rate-200", True),
    "retried": (8, "flaky", False),
    "failed over": (8, "down", False),
    "hedged": (2, "hedged", False),
}
FIXED = 7  # tokens of the answers of models with a name of their own


def priced(name: str, upstream: str, address: str, **params: object) -> dict[str, Any]:
    """A deployment with the prices of this benchmark."""
    prices = {"input_cost_per_token": PROMPT / 1e9, "output_cost_per_token": ANSWER / 1e9}
    base = {"model": f"openai/{upstream}", "api_base": f"http://{address}/v1", "api_key": "sk-mock"}
    return {"model_name": name, "litellm_params": {**base, **prices, **params}}


def configuration(address: str, url: str | None) -> bytes:
    """What the gateway serves: JSON, which YAML is, too."""
    good = f"mock-tokens-{FIXED}"
    return msgspec.json.encode({
        "model_list": [
            priced("mock-*", "mock-*", address),
            priced("flaky", "mock-status-500", address, order=1),
            priced("flaky", good, address, order=2),
            priced("down", "mock-status-503", address),
            priced("up", good, address),
            priced("hedged", "mock-first-byte-2000", address, order=1, hedge_after=0.02),
            priced("hedged", good, address, order=2),
        ],
        "router_settings": {
            "num_retries": 0, "retry_policy": {"InternalServerErrorRetries": 1}, "fallbacks": [{"down": ["up"]}],
            "disable_cooldowns": True,
        },
        "general_settings": {"master_key": KEY, **({} if url is None else {"database_url": url})},
    })  # fmt: skip


def age(process: int) -> float:
    """Return how many seconds ago a process began (proc_pid_stat(5)); 0 for one that is gone."""
    try:
        began = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19])
    except OSError:
        return 0.0
    return time.clock_gettime(time.CLOCK_BOOTTIME) - began / os.sysconf("SC_CLK_TCK")


@dataclass
class Truth:
    """What the clients know: calls with their costs, by what became of them."""

    costs: dict[str, int] = field(default_factory=dict)
    ends: dict[str, str] = field(default_factory=dict)  # WHOLE, LEFT, or nothing: nobody knows
    wrong: Counter[str] = field(default_factory=Counter)


class Gateway:
    """The gateway's processes, which come and go."""

    def __init__(self, folder: Path, address: str, store: StoreInUse, *, edge: str, workers: int) -> None:
        file = folder / "config.yaml"
        file.write_bytes(configuration(address, store.url))
        self.store = store
        self.port = free_port()
        self.folder = folder
        arguments = ("serve", "--config", str(file), "--host", "127.0.0.1", "--port", str(self.port))
        self._command = (sys.executable, "-m", "tianji", *arguments, "--workers", str(workers), "--edge", edge)
        self.kills: Counter[str] = Counter()

    def start(self) -> None:
        self._process = Process(self._command, set(range(os.cpu_count() or 1)), self.folder / "log", {})

    async def ready(self) -> None:
        """Wait until it accepts connections."""
        deadline = time.monotonic() + START
        while True:
            self._process.check()
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return

    def kill_one(self, dice: random.Random) -> None:
        """End a worker, or one of the processes beside them, that has lived for a while."""
        old = [pid for pid in self._process.pids()[1:] if age(pid) > OLD]
        if old:
            chosen = dice.choice(old)
            with suppress(OSError):
                named = Path(f"/proc/{chosen}/comm").read_text().strip()
                os.kill(chosen, signal.SIGKILL)
                self.kills[named if named in BESIDE else "a worker"] += 1

    def kill_all(self) -> None:
        for pid in self._process.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.close()
        self.kills["everything"] += 1

    def stop(self) -> None:
        self._process.close()


class Client:
    """One connection at a time."""

    def __init__(self, port: int, truth: Truth, dice: random.Random) -> None:
        self._port = port
        self._truth = truth
        self._dice = dice
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, call: str) -> None:
        kinds, shares = zip(*((kind, share) for kind, (share, _, _) in KINDS.items()), strict=True)
        kind = self._dice.choices(kinds, shares)[0]
        tokens = self._dice.randrange(1, 40) if "{}" in KINDS[kind][1] else FIXED
        body = {"model": KINDS[kind][1].format(tokens), "messages": WORDS, "stream": KINDS[kind][2]}
        self._truth.costs[call] = 2 * PROMPT + tokens * ANSWER
        try:
            await self._exchange(call, kind, msgspec.json.encode(body))
        except (OSError, asyncio.IncompleteReadError):
            self._forget()
            await asyncio.sleep(0.02)

    async def _exchange(self, call: str, kind: str, body: bytes) -> None:
        reader, writer = await self._connected()
        writer.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\ncontent-type: application/json\r\n"
            b"authorization: Bearer %b\r\nx-litellm-call-id: %b\r\ncontent-length: %d\r\n\r\n%b"
            % (KEY.encode(), call.encode(), len(body), body)
        )
        head = await reader.readuntil(b"\r\n\r\n")
        if kind == LEFT:
            await reader.readuntil(b"data: ")
            self._truth.ends[call] = LEFT
            self._forget()
            return
        length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), None)
        if length is None:
            answer = await reader.readuntil(b"\r\n0\r\n\r\n")
            good = b"data: [DONE]" in answer
        else:
            answer = await reader.readexactly(int(length.partition(b":")[2]))
            good = True
        if not head.startswith(b"HTTP/1.1 200 ") or not good:
            self._truth.wrong[f"{kind}: {head[9:12].decode()}"] += 1
            return
        self._truth.ends[call] = WHOLE

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 20)
        return self._reader, self._writer

    def _forget(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


async def load(gateway: Gateway, truth: Truth, requests: int, clients: int, seed: int, away: float) -> None:
    """Ask and kill: everything once, when half of the requests were made; after a quarter the database is away."""
    numbers = iter(range(requests))
    quarter, half = asyncio.Event(), asyncio.Event()

    async def client(number: int) -> None:
        dice = random.Random(seed * 1000 + number)
        one = Client(gateway.port, truth, dice)
        for count in numbers:
            await one.ask(f"call-{seed}-{count}")
            if count > requests // 4:
                quarter.set()
            if count > requests // 2:
                half.set()
        one._forget()

    async def kill() -> None:
        dice = random.Random(seed)
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(half.wait(), dice.uniform(*BETWEEN))
            if half.is_set() and not gateway.kills["everything"]:
                gateway.kill_all()
                gateway.start()
                await gateway.ready()
            else:
                gateway.kill_one(dice)
            if half.is_set():
                await asyncio.sleep(dice.uniform(*BETWEEN))

    async def stop() -> None:
        await quarter.wait()
        if away:
            await gateway.store.away(away)

    killing, stopping = asyncio.create_task(kill()), asyncio.create_task(stop())
    await asyncio.gather(*(client(number) for number in range(clients)))
    killing.cancel()
    await asyncio.wait({killing, stopping})


async def drained(folder: Path) -> float:
    """Wait until no journal is left; returns the seconds that took."""
    began = time.monotonic()
    journals = folder / "tianji-data" / "journals"
    while time.monotonic() - began < DRAINED:
        if not list(journals.iterdir()):
            break
        await asyncio.sleep(0.1)
    return time.monotonic() - began


async def judged(store: StoreInUse, truth: Truth, clients: int, kills: int, took: float) -> list[str]:
    """Compare the ledger with the truth; what is wrong, in words. took: seconds until its last row."""
    database = Database(store.location, pool=1)
    try:
        async with database.reading() as connection:
            found = await connection.execute(sa.text("SELECT call_id, attempt, status, cost FROM ledger"))
            rows = [tuple(row) for row in found]
            summed = "SELECT SUM(requests), SUM(spend) FROM daily_spend WHERE kind = 'all'"
            daily = tuple(map(int, (await connection.execute(sa.text(summed))).one()))
    finally:
        await database.close()
    good = {call: cost for call, _, status, cost in rows if status == "success"}
    known = {call for call, _, _, _ in rows}
    whole = {call for call, end in truth.ends.items() if end == WHOLE}
    left = {call for call, end in truth.ends.items() if end == LEFT}
    unseen = good.keys() - whole - left
    click.echo(
        f"  {len(rows):,} rows, {len(rows) / took:,.0f} a second while it served, {sum(row[3] for row in rows):,} "
        f"nano-dollars; calls: {len(whole):,} answered in whole, "
        f"{len(left):,} left by their clients, {len(unseen):,} answered to nobody, as something was killed"
    )
    wrong = [f"lost: {call}" for call in sorted(whole - good.keys())]
    wrong += [f"{call} cost {good[call]}, not {truth.costs[call]}" for call in sorted(whole & good.keys())
              if good[call] != truth.costs[call]]  # fmt: skip
    wrong += [f"{call} cost {good[call]}" for call in sorted(unseen) if good[call] != truth.costs[call]]
    wrong += [f"twice: {pair}" for pair, count in Counter(row[:2] for row in rows).items() if count > 1]
    wrong += [f"lost after its client left: {call}" for call in sorted(left - known)][clients * kills :]
    if len(unseen) > clients * kills:
        wrong.append(f"{len(unseen)} calls that nobody saw the end of, with {kills} kills under {clients} clients")
    if daily != (len(rows), sum(row[3] for row in rows)):
        wrong.append(f"the sums by day say {daily}")
    return wrong


async def proved(store: StoreInUse) -> proof.Proof:
    """What `tianji ledger verify` says."""
    database = Database(store.location, pool=1)
    try:
        async with database.still() as connection:
            return await proof.verify(connection)
    finally:
        await database.close()


async def measured(gateway: Gateway, requests: int, clients: int, seed: int, away: float) -> int:
    """Run it all; returns how many things are wrong."""
    truth = Truth()
    gateway.start()
    await gateway.ready()
    began = time.monotonic()
    await load(gateway, truth, requests, clients, seed, away)
    took = time.monotonic() - began
    click.echo(f"  {requests:,} requests in {took:.0f} s; killed: {dict(gateway.kills)}")
    if truth.wrong:
        click.echo(f"  answered otherwise: {dict(truth.wrong)}")
    gateway.stop()
    gateway.start()
    await gateway.ready()
    left = await drained(gateway.folder)
    click.echo(f"  what was left came in within {left:.1f} s of a new start")
    gateway.stop()
    wrong = await judged(gateway.store, truth, clients, gateway.kills.total(), took + left)
    told = await proved(gateway.store)
    wrong += list(told.wrong)
    click.echo("  the ledger is the truth" if not wrong else "\n".join(f"  {text}" for text in wrong[:20]))
    return len(wrong)


@click.command("money")
@click.option("--requests", default=1_000_000, show_default=True, help="How many are asked.")
@click.option("--clients", default=32, show_default=True, help="Connections at once.")
@click.option("--workers", default=2, show_default=True)
@click.option("--edge", type=click.Choice(["native", "granian"]), default="native", show_default=True)
@click.option("--seed", default=1, show_default=True, help="Of the dice.")
@click.option("--database", type=click.Choice(["sqlite", "postgresql"]), default="sqlite", show_default=True)
@click.option("--stop-database", "away", default=0.0, show_default=True, help="Seconds that it is away in the middle.")
def money(requests: int, clients: int, workers: int, edge: str, seed: int, database: str, away: float) -> None:
    """Prove that the ledger is the truth, whatever dies. Exit code 1 when it is not."""
    with tempfile.TemporaryDirectory(prefix="money-") as name, opened(database, Path(name)) as store:
        folder = Path(name)
        mock, address = start_mock(set(range(os.cpu_count() or 1)), folder, 10)
        gateway = Gateway(folder, address, store, edge=edge, workers=workers)
        try:
            click.echo(f"{edge}, {workers} workers, {database}:")
            wrong = asyncio.run(measured(gateway, requests, clients, seed, away))
        finally:
            with suppress(AttributeError):
                gateway.stop()
            mock.close()
    raise SystemExit(bool(wrong))
