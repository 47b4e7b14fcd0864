"""`python -m bench sessions`: what a WebSocket message costs through the gateway, beside the same without it.

An upstream that says everything back, one process of clients on its core, the gateway on another. A round trip is two
messages: what it takes more through the gateway is therefore the latency that the gateway adds to both.
"""

import asyncio
import os
import resource
import tempfile
import time
from contextlib import closing
from pathlib import Path

import click
import picows
import uvloop

from bench.macro.process import start_mock
from bench.macro.stats import percentile
from bench.macro.targets import KEY
from bench.memory.command import Gateway
from bench.memory.readings import read

HOST = "127.0.0.1"
SIZE = 1024  # bytes of a message
WARM_UP = 0.5  # seconds
PATH = "/v1/realtime?model=echo"
TOKENS = 32


class Session(picows.WSListener):
    """One client: says a message every now and then, and notes how long each takes to come back."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.lost = False
        self._sent = 0.0

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, _transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == picows.WSMsgType.BINARY:
            self.times.append(time.perf_counter() - self._sent)

    def on_ws_disconnected(self, _transport: picows.WSTransport) -> None:
        self.lost = True

    def say(self, message: bytes) -> None:
        self._sent = time.perf_counter()
        self._transport.send(picows.WSMsgType.BINARY, message)

    def leave(self) -> None:
        self._transport.disconnect(False)


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


async def paced(port: int, count: int, rate: float, seconds: float) -> list[float]:
    """Let `count` sessions say `rate` messages a second each, out of step; the round trips in milliseconds, sorted."""
    sessions = await connect(port, count)
    message = bytes(SIZE)
    gap = 1 / (count * rate)
    begin = time.perf_counter()
    turn = 0
    while (now := time.perf_counter()) < begin + WARM_UP + seconds:
        while begin + turn * gap <= now:
            sessions[turn % count].say(message)
            turn += 1
        await asyncio.sleep(max(0.0, begin + turn * gap - time.perf_counter()))
        if now < begin + WARM_UP:
            for session in sessions:
                session.times.clear()
    await asyncio.sleep(0.2)
    times = sorted(1e3 * taken for session in sessions for taken in session.times)
    if any(session.lost for session in sessions):
        raise click.ClickException("a session was lost")
    for session in sessions:
        session.leave()
    return times


async def crowd(port: int, count: int, workers: list[int]) -> float:
    """Open `count` sessions that say nothing; KiB of the gateway's memory for each."""
    before = sum(read(pid).rss for pid in workers)
    sessions = await connect(port, count)
    await asyncio.sleep(1.0)
    after = sum(read(pid).rss for pid in workers)
    for session in sessions:
        session.leave()
    return (after - before) * 1024 / count


def cpu(pids: list[int]) -> float:
    """Seconds of CPU that processes have used."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(one[11]) + int(one[12]) for one in fields) / os.sysconf("SC_CLK_TCK")


def row(name: str, times: list[float]) -> str:
    """One line of the table."""
    return f"{name:28}{len(times):>10,}{percentile(times, 0.5):>10.3f}{percentile(times, 0.99):>10.3f}"


def run(edge: str, cells: list[tuple[int, float]], seconds: float, idle: int, folder: Path) -> None:
    """Measure one edge and print its table."""
    cores = sorted(os.sched_getaffinity(0))
    near, far = {cores[0]}, {cores[-1]}
    os.sched_setaffinity(0, near)
    mock, upstream = start_mock(near, folder, TOKENS)
    with closing(mock), closing(Gateway(edge, folder / edge, (upstream, upstream), far)) as gateway:
        click.echo(f"{'round trips, ms':28}{'count':>10}{'p50':>10}{'p99':>10}")
        for count, rate in cells:
            direct = uvloop.run(paced(int(upstream.rpartition(":")[2]), count, rate, seconds))
            used = cpu(gateway.workers)
            through = uvloop.run(paced(gateway.port, count, rate, seconds))
            used = cpu(gateway.workers) - used
            title = f"{count:,} x {rate:g}/s"
            click.echo(row(f"{title} direct", direct))
            click.echo(row(f"{title} {edge}", through))
            each = 1e6 * used / (2 * count * rate * (seconds + WARM_UP))
            added = [percentile(through, point) - percentile(direct, point) for point in (0.5, 0.99)]
            click.echo(f"  added {added[0]:.3f} and {added[1]:.3f} ms; {each:.1f} µs of CPU a message")
        if idle:
            click.echo(f"  {uvloop.run(crowd(gateway.port, idle, gateway.workers)):.1f} KiB a session of {idle:,} idle")


@click.command("sessions")
@click.option("--edge", default="native", type=click.Choice(("native", "granian")), show_default=True)
@click.option("--seconds", default=3.0, show_default=True, type=click.FloatRange(0.2))
@click.option("--idle", default=5000, show_default=True, type=click.IntRange(0), help="Sessions that say nothing.")
@click.option("--rate", default=10.0, show_default=True, help="Messages a second of each of 1,000 sessions.")
def sessions(edge: str, seconds: float, idle: int, rate: float) -> None:
    """Measure latency and memory of WebSocket sessions."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory() as folder:
        run(edge, [(1, 200.0), (1000, rate)], seconds, idle, Path(folder))
