"""`python -m bench sessions`: what a WebSocket message costs through the gateway, beside the same without it.

An upstream that says everything back, one process of clients on its core, the gateway on another. A round trip is two
messages: what it takes more through the gateway is therefore the latency that the gateway adds to both. In its place
stands once what does nothing but hand bytes on (`splice`): the floor.
"""

import asyncio
import os
import random
import resource
import socket
import struct
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple, Self

import click
import picows
import uvloop

from bench.macro.process import Process, free_port, start_mock
from bench.macro.stats import percentile
from bench.macro.targets import KEY
from bench.memory.command import Gateway
from bench.memory.readings import read

HOST = "127.0.0.1"
SIZE = 1024  # bytes of a message
WARM_UP = 0.5  # seconds
PATH = "/v1/realtime?model=echo"
TOKENS = 32
TURNS = 1000  # of one session each, a second of a cell
RST_ON_CLOSE = struct.pack("ii", 1, 0)


class Session(picows.WSListener):
    """One client: says a message every now and then, and notes how long each takes to come back."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.lost = False
        self.gone = asyncio.Event()
        self.ended = 0.0  # when it was gone
        self.answered = asyncio.Event()
        self._sent = 0.0

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, _transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == picows.WSMsgType.CLOSE:
            self.leave()
        elif frame.msg_type == picows.WSMsgType.BINARY:
            self.times.append(time.perf_counter() - self._sent)
            self.answered.set()

    def on_ws_disconnected(self, _transport: picows.WSTransport) -> None:
        self.lost = True
        self.ended = time.perf_counter()
        self.gone.set()

    def say(self, message: bytes) -> None:
        self.answered.clear()
        self._sent = time.perf_counter()
        self._transport.send(picows.WSMsgType.BINARY, message)

    def leave(self) -> None:
        self._transport.disconnect(False)

    def end(self, way: str) -> None:
        """Cut it off, with or without a word, or have the other side do that."""
        if way == "part":
            self._transport.send_close(picows.WSCloseCode.OK)
        elif way == "wait":
            self._transport.send(picows.WSMsgType.TEXT, b'{"type":"response.create"}')
        else:
            if way == "reset":
                sock = self._transport.underlying_transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)
            self.leave()


async def connect(port: int, count: int) -> list[Session]:
    """Open sessions, some at a time."""
    url = f"ws://{HOST}:{port}{PATH}"
    opened: list[Session] = []

    async def one() -> None:
        _, session = await picows.ws_connect(Session, url, extra_headers={"authorization": f"Bearer {KEY}"})
        opened.append(session)

    for begin in range(0, count, 50):
        await asyncio.gather(*(one() for _ in range(min(50, count - begin))))
    return opened


async def paced(
    port: int, count: int, rate: float, seconds: float, pids: list[int]
) -> tuple[list[float], "Cpu", "Cpu"]:
    """Let `count` sessions say `rate` messages a second each, out of step.

    Returns the round trips in milliseconds, sorted, and what the processes had used before them and after.
    """
    sessions = await connect(port, count)
    message = bytes(SIZE)
    gap = 1 / (count * rate)
    begin = time.perf_counter()
    turn = 0
    before = None
    while (now := time.perf_counter()) < begin + WARM_UP + seconds:
        while begin + turn * gap <= now:
            sessions[turn % count].say(message)
            turn += 1
        await asyncio.sleep(max(0.0, begin + turn * gap - time.perf_counter()))
        if before is None and now >= begin + WARM_UP:
            before = Cpu.of(pids)
            for session in sessions:
                session.times.clear()
    await asyncio.sleep(0.2)
    after = Cpu.of(pids)
    times = sorted(1e3 * taken for session in sessions for taken in session.times)
    if any(session.lost for session in sessions):
        raise click.ClickException("a session was lost")
    for session in sessions:
        session.leave()
    return times, before or after, after


async def in_turns(ports: dict[str, int], turns: int) -> dict[str, list[float]]:
    """Let one session at each port say a message after the other, so that all meet what else the machine does.

    Returns their round trips in milliseconds, sorted.
    """
    sessions = {name: (await connect(port, 1))[0] for name, port in ports.items()}
    message = bytes(SIZE)
    for _ in range(turns):
        for session in sessions.values():
            session.say(message)
            await session.answered.wait()
    for session in sessions.values():
        session.leave()
    return {name: sorted(1e3 * taken for taken in session.times) for name, session in sessions.items()}


async def crowd(port: int, count: int, workers: list[int]) -> float:
    """Open `count` sessions that say nothing; KiB of the gateway's memory for each."""
    before = sum(read(pid).rss for pid in workers)
    sessions = await connect(port, count)
    await asyncio.sleep(1.0)
    after = sum(read(pid).rss for pid in workers)
    for session in sessions:
        session.leave()
    return (after - before) * 1024 / count


async def cuts(port: int, count: int, workers: list[int]) -> None:
    """Open sessions and cut them off from random sides; say what is left of them in the gateway."""
    dice = random.Random(1)
    ways = ("echo", "cutting", "parting")

    async def one() -> None:
        url = f"ws://{HOST}:{port}/v1/realtime?model={dice.choice(ways)}"
        _, session = await picows.ws_connect(Session, url, extra_headers={"authorization": f"Bearer {KEY}"})
        session.end(dice.choice(("cut", "reset", "part", "wait" if "echo" not in url else "cut")))
        await session.gone.wait()

    def held() -> tuple[int, float]:
        links = [str(link.readlink()) for pid in workers for link in Path(f"/proc/{pid}/fd").iterdir()]
        return sum(link.startswith("socket:") for link in links), sum(read(pid).rss for pid in workers)

    before = held()
    for turn in range(2):
        for _ in range(0, count // 2, 50):
            await asyncio.gather(*(one() for _ in range(50)))
        await asyncio.sleep(1.0)
        now = held()
        click.echo(
            f"  after {(turn + 1) * count // 2:,} opens and cuts: {now[0] - before[0]:+} sockets, "
            f"{now[1] - before[1]:+.1f} MiB"
        )


async def losses(port: int, upstream: int, count: int) -> dict[str, list[float]]:
    """Lose one side of sessions, one after the other, by FIN or RST; `upstream` is the port of the other side.

    Returns how long the other side took to be closed then, in milliseconds, sorted, by which side was lost.
    """
    dice = random.Random(2)
    accepted: asyncio.Queue[Session] = asyncio.Queue()
    taken: dict[str, list[float]] = {"client": [], "upstream": []}

    def accept(_request: picows.WSUpgradeRequest) -> Session:
        session = Session()
        accepted.put_nowait(session)
        return session

    url = f"ws://{HOST}:{port}/v1/realtime?model=sink"
    async with await picows.ws_create_server(accept, HOST, upstream):
        for _ in range(count):
            _, client = await picows.ws_connect(Session, url, extra_headers={"authorization": f"Bearer {KEY}"})
            sides = {"client": client, "upstream": await accepted.get()}
            side = dice.choice(tuple(sides))
            lost = sides.pop(side)
            (other,) = sides.values()
            begin = time.perf_counter()
            lost.end(dice.choice(("cut", "reset")))
            await other.gone.wait()
            taken[side].append(1e3 * (other.ended - begin))
    return {side: sorted(times) for side, times in taken.items()}


class Cpu(NamedTuple):
    """Seconds of CPU that processes have used: of their own, and in the kernel."""

    own: float
    kernel: float

    @classmethod
    def of(cls, pids: list[int]) -> Self:
        """Return what they have used so far."""
        fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
        tick = os.sysconf("SC_CLK_TCK")
        return cls(*(sum(int(one[column]) for one in fields) / tick for column in (11, 12)))

    def since(self, before: "Cpu", messages: float) -> str:
        """Return what each message has cost."""
        own, kernel = (1e6 * (now - then) / messages for now, then in zip(self, before, strict=True))
        return f"{own + kernel:.1f} µs of CPU a message, {kernel:.1f} of them in the kernel"


def row(name: str, times: list[float], far: float = 0.99) -> str:
    """One line of the table: the median, and what a `far` share of them does not exceed."""
    return f"{name:28}{len(times):>10,}{percentile(times, 0.5):>10.3f}{percentile(times, far):>10.3f}"


def start_splice(cores: set[int], folder: Path, upstream: str) -> tuple[Process, int]:
    """Start the floor; return it and its port."""
    splice = Process((sys.executable, "-m", "bench.splice", upstream), cores, folder / "splice.log", {})
    while not (line := splice.log.read_text()).endswith("\n"):
        splice.check()
        time.sleep(0.05)
    return splice, int(line)


def latency(
    edge: str, gateway: Gateway, splice: tuple[Process, int], upstream: str, cell: tuple[int, float], seconds: float
) -> None:
    """Measure round trips, with nothing between the two sides, with the floor and with the gateway."""
    count, rate = cell
    title = f"{count:,} x {rate:g}/s"
    direct, *_ = uvloop.run(paced(int(upstream.rpartition(":")[2]), count, rate, seconds, []))
    click.echo(row(f"{title} direct", direct))
    for name, port, pids in (("splice", splice[1], splice[0].pids()), (edge, gateway.port, gateway.workers)):
        through, before, after = uvloop.run(paced(port, count, rate, seconds, pids))
        used = after.since(before, 2 * len(through))
        click.echo(row(f"{title} {name}", through))
        added = [percentile(through, point) - percentile(direct, point) for point in (0.5, 0.99)]
        click.echo(f"  added {added[0]:.3f} and {added[1]:.3f} ms; {used}")


def run(
    edge: str, cells: list[tuple[int, float]], seconds: float, idle: int, lose: int, cut: int, folder: Path
) -> None:
    """Measure one edge and print its table."""
    cores = sorted(os.sched_getaffinity(0))
    near, far = {cores[0]}, {cores[-1]}
    os.sched_setaffinity(0, near)
    mock, upstream = start_mock(near, folder, TOKENS)
    own = free_port()  # of the upstream whose side of a session is lost
    with (
        closing(mock),
        closing(Gateway(edge, folder / edge, (upstream, f"{HOST}:{own}"), far)) as gateway,
        ExitStack() as stack,
    ):
        if idle:  # first, so that nothing lies free which others have left
            click.echo(f"{uvloop.run(crowd(gateway.port, idle, gateway.workers)):.1f} KiB a session of {idle:,} idle")
        if cells:
            splice = start_splice(far, folder, upstream)
            stack.callback(splice[0].close)
            click.echo(f"{'round trips, ms':28}{'count':>10}{'p50':>10}{'p99':>10}")
            ports = {"direct": int(upstream.rpartition(":")[2]), "splice": splice[1], edge: gateway.port}
            for name, times in uvloop.run(in_turns(ports, round(TURNS * seconds))).items():
                click.echo(row(f"in turns, {name}", times))
            for cell in cells:
                latency(edge, gateway, splice, upstream, cell, seconds)
        if lose:
            click.echo(f"{'until the other side, ms':28}{'count':>10}{'p50':>10}{'max':>10}")
            for side, times in uvloop.run(losses(gateway.port, own, lose)).items():
                click.echo(row(f"{side} lost, {edge}", times, 1.0))
        if cut:
            uvloop.run(cuts(gateway.port, cut, gateway.workers))


@click.command("sessions")
@click.option("--edge", default="native", type=click.Choice(("native", "granian")), show_default=True)
@click.option("--seconds", default=3.0, show_default=True, type=click.FloatRange(0), help="Of a cell; 0: no latency.")
@click.option("--idle", default=8000, show_default=True, type=click.IntRange(0), help="Sessions that say nothing.")
@click.option("--rate", default=10.0, show_default=True, help="Messages a second of each of 1,000 sessions.")
@click.option("--lose", default=200, show_default=True, type=click.IntRange(0), help="Sessions that lose one side.")
@click.option("--cut", default=10000, show_default=True, type=click.IntRange(0), help="Sessions that are cut off.")
def sessions(edge: str, seconds: float, idle: int, rate: float, lose: int, cut: int) -> None:
    """Measure latency and memory of WebSocket sessions, how fast both sides of one end, and what is left of them."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    cells = [(1000, rate)] if seconds else []
    with tempfile.TemporaryDirectory() as folder:
        run(edge, cells, seconds, idle, lose, cut, Path(folder))
