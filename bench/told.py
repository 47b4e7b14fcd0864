"""`python -m bench told`: what destinations cost a request, however ill they are.

Gateways that differ in whom they tell are asked at one rate, in short turns, there and back again (A B C D, D C B A),
so that a change of the machine's mood meets all alike: one that tells nobody, one with a destination that is well, one
with one that fails half its calls, and one with one that never answers. A request counts from when it was due. Who is
not asked stands still (SIGSTOP), so that each tells what it has to in its own turns.

A gateway runs as it does without further ado. Its worker and its process that tells share a core, which is the hardest
that can happen to requests, unless `--apart`. Client and upstream have another, and go before the destinations there
(SCHED_FIFO): in the life of a gateway these are other machines. What the worker itself had to wait for its core is read
from the kernel, so that it can be told from what happens to the client.

Compared are turns of the same pass. What is said is the median of their ratios, and where that lies with a probability
of 95 % (bootstrap over the passes). A bound is kept when all of that interval is below it, and broken when all of it is
above; else it is undecided, and more minutes or a quieter machine are needed.
"""

import asyncio
import json
import multiprocessing
import os
import signal
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Final

import click
import uvloop

from bench.callbacks import Destinations
from bench.macro import loops, measure
from bench.macro.cells import SMALL, Row, request_bytes
from bench.macro.process import BESIDE, Process, among_others
from bench.macro.run import Runner
from bench.macro.stats import median_interval, percentile
from bench.macro.targets import KEY, MODELS, READY, TIANJI_SERVE, Target
from bench.paired import put

NOBODY, WELL = "nobody", "one that is well"
TOLD: Final = {NOBODY: (), WELL: ("healthy",), "one that fails": ("half",), "one that hangs": ("hanging",)}
WARM: Final = 4.0  # seconds until the process that tells has begun, too
BOUND: Final = 0.05  # by which the p99 may move
OFTEN: Final = {"DEFAULT_FLUSH_INTERVAL_SECONDS": "0.5"}  # so that each turn has its share of what is told
FIGURES: Final = {"p50": "p50 µs", "p99": "p99 µs", "worker": "worker µs", "waits": "waits µs", "ledger": "ledger µs"}
WORDS: Final = {True: f"within {BOUND:.0%}", False: f"beyond {BOUND:.0%}", None: "undecided"}
Seen = dict[str, list[float]]
"""Figures of a gateway, one a pass, in microseconds: latencies; and for a request the CPU of the worker, how long that
could have run while others had its core, and the CPU of the process that tells."""


class Ears(Destinations):
    """Destinations that do not listen: what they make of events would be counted in the latency of the client."""

    async def _answer(self, name: str, _body: bytes) -> int:
        self.tries[name] += 1
        if name == "hanging":
            await self._never.wait()
        return 503 if name == "half" and self.tries[name] % 2 else 200


def listen(pipe: Connection) -> None:
    """Be the destinations, and say the port."""

    async def run() -> None:
        server = await asyncio.start_server(Ears(0).serve, "127.0.0.1", 0, limit=1 << 24)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


def target(number: int, told: tuple[str, ...], port: int) -> Target:
    """Return a gateway that tells these destinations."""
    ears = {
        name: {"callback_type": "generic_api", "endpoint": f"http://127.0.0.1:{port}/{name}", "headers": {"x": "y"}}
        for name in told
    }
    settings = {"litellm_settings": {"callbacks": list(told)}, "callback_settings": ears}
    settings["general_settings"] = {"master_key": KEY}
    lines = (f"{name}: {json.dumps(block)}".replace("{", "{{").replace("}", "}}") for name, block in settings.items())
    files = {"config.yaml": "\n".join((MODELS, *lines))}
    return Target(f"gateway-{number}", (*TIANJI_SERVE.split(), "native"), files, OFTEN, ready=READY)


def is_ledger(process: int) -> bool:
    """Whether a process keeps the books or tells."""
    return Path(f"/proc/{process}/comm").read_text().strip() in BESIDE


def wake(gateway: Process) -> list[int]:
    """Let the processes of a gateway go on, and return them."""
    pids = gateway.pids()
    for pid in reversed(pids):  # who looks after others comes last
        os.kill(pid, signal.SIGCONT)
    return pids


@contextmanager
def running(gateway: Process) -> Iterator[list[int]]:
    """Let a gateway go on that stands still."""
    try:
        yield wake(gateway)
    finally:
        for pid in gateway.pids():
            os.kill(pid, signal.SIGSTOP)


def ask(row: Row, rate: float, seconds: float) -> dict[str, float]:
    """Ask one gateway at a rate, and return its figures."""
    assert row.process is not None
    request = request_bytes(row, SMALL.size)
    marks: list[tuple[float, float, float]] = []
    with running(row.process) as pids:
        ledger = [pid for pid in pids if is_ledger(pid)]
        worker = [pid for pid in pids if pid not in ledger]

        def mark() -> None:
            used, waited = measure.cpu_seconds(worker), measure.waited_seconds(worker)
            marks.append((used, waited, measure.cpu_seconds(ledger)))

        load = uvloop.run(loops.open_loop(*row.address, request, None, rate, seconds, mark))
    if load.failures or not load.latencies:
        raise click.ClickException(f"{row.target.name}: {load.failures} failures: {load.first_failure}")
    spent = ((after - before) / len(load.latencies) * 1e6 for before, after in zip(*marks, strict=True))
    latencies = (percentile(load.latencies, share) * 1e6 for share in (0.5, 0.99))
    return dict(zip(FIGURES, (*latencies, *spent), strict=True))


def compared(one: list[float], other: list[float]) -> tuple[float, float, float]:
    """Return how much more one is than the other: the median of the passes, and its interval."""
    ratios = [mine / others for mine, others in zip(one, other, strict=True)]
    low, high = median_interval(ratios)
    return median(ratios) - 1, low - 1, high - 1


def kept(low: float, high: float) -> bool | None:
    """Whether what lies there moved by less than the bound; None: that is undecided."""
    return True if high < BOUND else False if low > BOUND else None


def report(seen: dict[str, Seen], say: Callable[[str], None]) -> list[bool | None]:
    """Print the figures and how they compare; return of each comparison whether its p99 kept the bound."""
    say(f"{'told':18}" + "".join(f"{title:>12}" for title in FIGURES.values()))
    for title, columns in seen.items():
        say(f"{title:18}" + "".join(f"{median(columns[name]):>12.1f}" for name in FIGURES))
    found: list[bool | None] = []
    say(f"\n{len(seen[NOBODY]['p99'])} passes; medians of ratios, with 95 % between")
    for title in list(seen)[1:]:
        for name in FIGURES:
            middle, low, high = compared(seen[title][name], seen[NOBODY][name])
            line = f"{title} against {NOBODY}, {name}: {middle:+.1%} ({low:+.1%} to {high:+.1%})"
            if name == "p99":
                found.append(kept(low, high))
                line += f": {WORDS[found[-1]]}"
            say(line)
    return found


@click.command("told")
@click.option("--rate", default=1500.0, show_default=True, help="Requests a second to each, in turn.")
@click.option("--minutes", default=4.5, show_default=True)
@click.option("--seconds", default=1.0, show_default=True, help="Of a turn.")
@click.option("--apart", is_flag=True, help="The process that tells has the core of the client, and not the worker's.")
def told(rate: float, minutes: float, seconds: float, *, apart: bool) -> None:
    """Compare the latency and CPU of requests with and without destinations; fails beyond the bound."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    ears = spawn.Process(target=listen, args=(there,), daemon=True)
    ears.start()
    port = here.recv()
    seen: dict[str, Seen] = {title: defaultdict(list) for title in TOLD}
    with tempfile.TemporaryDirectory(prefix="told-") as name:
        rows = [target(number, names, port) for number, names in enumerate(TOLD.values())]
        with closing(Runner([Target("direct"), *rows], Path(name), lambda text: click.echo(text, err=True))) as runner:
            os.sched_setaffinity(ears.pid or 0, runner.loader_cores)
            runner.start()
            turns = list(zip(TOLD, runner.rows[1:], strict=True))
            for title, row in turns:
                if row.problem or row.process is None:
                    raise click.ClickException(f"{title}: {row.problem}")
                among_others(row.process.pids())
                ask(row, rate, WARM)
                if apart:
                    put([pid for pid in row.process.pids() if is_ledger(pid)], runner.loader_cores)
            end = time.monotonic() + 60 * minutes
            while time.monotonic() < end or len(seen[NOBODY]["p99"]) < 2:
                for title, row in turns:
                    for figure, value in ask(row, rate, seconds).items():
                        seen[title][figure].append(value)
                turns.reverse()
            for gateway in filter(None, (row.process for _, row in turns)):
                wake(gateway)  # or they would not hear that they are to end
    ears.terminate()
    if False in report(seen, click.echo):
        raise SystemExit(1)
