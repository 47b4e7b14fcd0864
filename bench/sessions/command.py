"""`python -m bench sessions`: what a WebSocket message costs through the gateway, beside the same without it.

Clients and upstream are one program on its core (`load.c`), the gateway has another. An echo is two messages: what
it takes more through the gateway is therefore the latency that the gateway adds to both. In its place stands once what
does nothing but hand bytes on (`splice.c`): the floor.
"""

import os
import resource
import tempfile
from contextlib import closing
from pathlib import Path

import click
import uvloop

from bench.macro.process import alone, free_port, start_mock
from bench.macro.stats import percentile
from bench.memory.command import Gateway
from bench.sessions import holdups
from bench.sessions.clients import HOST, PATH, crowd, cuts, losses
from bench.sessions.pace import CELLS, Between, Load, start_splice, table

TOKENS = 32  # of the mock's answers
SPARE = 400  # descriptors of a worker beside those of its sessions


def latencies(edge: str, gateway: Gateway, upstream: int, rounds: int, seconds: float, folder: Path) -> None:
    """Print how long messages take with nothing between, with the floor and with the gateway."""
    splice, port = start_splice(folder, os.sched_getaffinity(gateway.workers[0]), upstream)
    with closing(splice):
        alone(splice.pids())
        targets = (
            Between("direct", upstream),
            Between("splice", port, pids=splice.pids()),
            Between(edge, gateway.port, f"{PATH}sink", gateway.workers),
        )
        for line in table(Load(folder, upstream), targets, CELLS, rounds, seconds):
            click.echo(line)


def run(edge: str, rounds: int, seconds: float, idle: int, lose: int, cut: int, folder: Path) -> None:
    """Measure one edge and print what is seen."""
    cores = sorted(os.sched_getaffinity(0))
    near, far = {cores[0]}, {cores[-1]}
    os.sched_setaffinity(0, near)
    mock, upstream = start_mock(near, folder, TOKENS)
    own = free_port()  # of the upstream that is not the mock
    with closing(mock), closing(Gateway(edge, folder / edge, (upstream, f"{HOST}:{own}"), far)) as gateway:
        if not alone((os.getpid(), *mock.pids(), *gateway.workers)):
            click.echo("no real-time priority (CAP_SYS_NICE): what follows is also what others do on these cores")
        if idle:  # first, so that nothing lies free which others have left
            click.echo(f"{uvloop.run(crowd(gateway.port, idle, gateway.workers)):.1f} KiB a session of {idle:,} idle")
        if seconds:
            latencies(edge, gateway, own, rounds, seconds, folder)
        if lose:
            click.echo(f"{'until the other side, ms':28}{'count':>10}{'p50':>10}{'max':>10}")
            for side, times in uvloop.run(losses(gateway.port, own, lose)).items():
                name = f"{side} lost, {edge}"
                click.echo(f"{name:28}{len(times):>10,}{percentile(times, 0.5):>10.3f}{times[-1]:>10.3f}")
        if cut:
            uvloop.run(cuts(gateway.port, cut, gateway.workers))
    if edge == "native" and seconds:
        for line in holdups.measure(folder, far, own, f"{PATH}sink", seconds):
            click.echo(line)


@click.command("sessions")
@click.option("--edge", default="native", type=click.Choice(("native", "granian")), show_default=True)
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1), help="Of the latencies; medians count.")
@click.option("--seconds", default=3.0, show_default=True, type=click.FloatRange(0), help="Of a cell; 0: no latency.")
@click.option("--idle", default=10000, show_default=True, type=click.IntRange(0), help="Sessions that say nothing.")
@click.option("--lose", default=200, show_default=True, type=click.IntRange(0), help="Sessions that lose one side.")
@click.option("--cut", default=10000, show_default=True, type=click.IntRange(0), help="Sessions that are cut off.")
def sessions(edge: str, rounds: int, seconds: float, idle: int, lose: int, cut: int) -> None:
    """Measure latency and memory of WebSocket sessions, how fast both sides of one end, and what is left of them."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    idle = min(idle, (most - SPARE) // 2)  # each has two sockets in the worker
    with tempfile.TemporaryDirectory() as folder:
        run(edge, rounds, seconds, idle, lose, cut, Path(folder))
