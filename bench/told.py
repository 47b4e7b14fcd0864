"""`python -m bench told`: what destinations cost a request, however ill they are.

Gateways that differ in whom they tell are asked in turns at one rate, so that a change of the machine's mood meets all
alike: one that tells nobody, one with a destination that is well, and one that has another that fails half its calls
and one that never answers besides. Compared are the latency of the client and the CPU of the worker that serves it;
that of the process which tells stands apart, since no request waits for it.
"""

import json
import multiprocessing
import os
import tempfile
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import median

import click
import uvloop

from bench.callbacks import NAMES, destinations
from bench.macro import loops, measure
from bench.macro.cells import SMALL, Row, request_bytes
from bench.macro.run import Runner
from bench.macro.stats import percentile, spread
from bench.macro.targets import KEY, MODELS, READY, TIANJI_SERVE, Target
from tianji.ledger.process import NAME

NOBODY = "nobody"
TOLD = {NOBODY: (), "one that is well": NAMES[:1], "two that are ill, too": NAMES}
BOUND = 0.05  # by which the p99 may move
Seen = dict[str, list[float]]


def target(title: str, told: tuple[str, ...], port: int) -> Target:
    """Return a gateway that tells these destinations."""
    ears = {
        name: {"callback_type": "generic_api", "endpoint": f"http://127.0.0.1:{port}/{name}", "headers": {"x": "y"}}
        for name in told
    }
    settings = {"litellm_settings": {"callbacks": list(told)}, "callback_settings": ears}
    settings["general_settings"] = {"master_key": KEY}
    lines = (f"{name}: {json.dumps(block)}".replace("{", "{{").replace("}", "}}") for name, block in settings.items())
    files = {"config.yaml": "\n".join((MODELS, *lines))}
    return Target(title.partition(" ")[0], (*TIANJI_SERVE.split(), "native"), files, ready=READY)


def is_ledger(process: int) -> bool:
    """Whether a process is the one that tells."""
    return Path(f"/proc/{process}/comm").read_text().strip() == NAME


def ask(row: Row, rate: float, seconds: float, seen: Seen) -> None:
    """Ask one gateway at a rate, and take down what was seen."""
    assert row.process is not None
    ledger = [process for process in row.process.pids() if is_ledger(process)]
    worker = [process for process in row.process.pids() if process not in ledger]
    marks: list[tuple[float, float]] = []

    def mark() -> None:
        marks.append((measure.cpu_seconds(worker), measure.cpu_seconds(ledger)))

    request = request_bytes(row, SMALL.size)
    load = uvloop.run(loops.open_loop(*row.address, request, None, rate, seconds, mark))
    if load.failures or not load.latencies:
        raise click.ClickException(f"{row.target.name}: {load.failures} failures: {load.first_failure}")
    (worker_before, ledger_before), (worker_after, ledger_after) = marks
    seen["p50"].append(percentile(load.latencies, 0.5) * 1e6)
    seen["p99"].append(percentile(load.latencies, 0.99) * 1e6)
    seen["worker"].append((worker_after - worker_before) / len(load.latencies) * 1e6)
    seen["ledger"].append((ledger_after - ledger_before) / len(load.latencies) * 1e6)


def report(seen: dict[str, Seen], say: Callable[[str], None]) -> bool:
    """Print the table; whether ill destinations move the p99 by less than the bound, against a well one and nobody."""
    say(f"{'told':24}{'p50 µs':>10}{'p99 µs':>10}{'spread':>10}{'worker µs':>12}{'ledger µs':>12}")
    for title, columns in seen.items():
        middle = {name: median(values) for name, values in columns.items()}
        apart = f"{spread(columns['p99']):.0%}"
        say(f"{title:24}{middle['p50']:>10.0f}{middle['p99']:>10.0f}{apart:>10}"
            f"{middle['worker']:>12.1f}{middle['ledger']:>12.1f}")  # fmt: skip
    kept = True
    ill = list(TOLD)[-1]
    for other in TOLD.keys() - {ill}:
        moved = median(seen[ill]["p99"]) / median(seen[other]["p99"]) - 1
        kept = kept and moved < BOUND
        say(f"p99 of {ill!r} against {other!r}: {moved:+.1%}, {'within' if moved < BOUND else 'beyond'} {BOUND:.0%}")
    return kept


@click.command("told")
@click.option("--rate", default=1500.0, show_default=True, help="Requests a second to each, in turn.")
@click.option("--rounds", default=9, show_default=True)
@click.option("--seconds", default=2.0, show_default=True, help="Of a measurement.")
def told(rate: float, rounds: int, seconds: float) -> None:
    """Compare the latency and CPU of requests with and without destinations."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    events = int(len(TOLD) * rounds * (seconds + 5) * rate)
    ears = spawn.Process(target=destinations, args=(events, there), daemon=True)
    ears.start()
    port = here.recv()
    seen: dict[str, Seen] = {title: defaultdict(list) for title in TOLD}
    with tempfile.TemporaryDirectory(prefix="told-") as name:
        rows = [target(title, names, port) for title, names in TOLD.items()]
        with closing(Runner([Target("direct"), *rows], Path(name), lambda text: click.echo(text, err=True))) as runner:
            os.sched_setaffinity(ears.pid or 0, runner.loader_cores)
            runner.start()
            for number in range(rounds + 1):
                for title, row in zip(TOLD, runner.rows[1:], strict=True):
                    if row.problem:
                        raise click.ClickException(f"{title}: {row.problem}")
                    ask(row, rate, seconds, seen[title] if number else defaultdict(list))  # the first warms up
    ears.terminate()
    if not report(seen, click.echo):
        raise SystemExit(1)
