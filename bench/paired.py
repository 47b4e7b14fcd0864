"""`python -m bench pairs`: what each pair of a client's form and an upstream's takes of a core, with the kernel's work.

One gateway with a model of each form, before the mock; pairs are asked in turns, so that a change of the machine's mood
meets all alike. `bench.instructions --pairs` counts the same without the kernel.

What a core carries is seen where a worker always has more to do. On a core of its own it waits half of the time for the
client and the mock on the other, and is woken the more often the slower the mock's form is. So small requests, and
streams that come at once, are asked with all three on one core, where each runs until it has nothing left (SCHED_BATCH,
sched(7)). Paced streams wake a worker in any case: for them it has its own.

A stream that comes at once is one read and one write, however many events it has: of a short one most is what begins
and ends it, of a burst its events, for which bytes hardly pay.
"""

import json
import os
import tempfile
from collections import defaultdict
from contextlib import closing
from pathlib import Path
from statistics import median

import click
import uvloop

from bench.macro import loops, measure
from bench.macro.cells import PACED, SMALL, Row
from bench.macro.run import Runner
from bench.macro.targets import KEYS, PACED_MODELS, PACES, READY, TIANJI_SERVE, Target
from bench.pairs import DIALECTS, FEW, UPSTREAMS, asked

AWS = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "secret", "aws_region_name": "us-east-1"}
FORMS = {
    "demo": ("openai/", "/v1", {}),
    "claude": ("anthropic/", "", {}),
    "gemini": ("gemini/", "/v1beta", {}),
    "converse": ("bedrock/converse/", "", AWS),
    "cohere": ("cohere_chat/", "", {}),
    "responses": ("openai/responses/", "/v1", {}),
}
"""How models of each form are called in a configuration, the path of the upstream, and what else they need."""
ENDS = {"whole": ("", "demo"), "short": ("-short", f"mock-tokens-{len(FEW)}"), "burst": ("", "demo"),
        "paced": ("-paced", PACED_MODELS[PACES[0]])}  # fmt: skip
"""What is asked for, a whole answer, a short stream or a long one that comes at once, or a paced one: what the name of
its model ends in, and the upstream's, out of which the mock reads pace and length (64 texts where it does not say).
"""
BYTES = ("chat", "demo")
"""The pair that the others are compared with: bytes that go through."""
Pair = tuple[str, str]


def target() -> Target:
    """Return a gateway with three models of each form: streams that come at once, those that are short, paced ones."""
    models = [
        {
            "model_name": name + end,
            "litellm_params": {"model": prefix + model, "api_base": "http://{upstream}" + path, "api_key": "k"} | more,
        }
        for name, (prefix, path, more) in FORMS.items()
        for end, model in dict.fromkeys(ENDS.values())
    ]
    for model in models:
        if model["model_name"].startswith("converse"):
            del model["litellm_params"]["api_key"]  # it would stand in the place of a signature
    lines = json.dumps(models).replace("{", "{{").replace("}", "}}").replace("{{upstream}}", "{upstream}")
    files = {"config.yaml": f"model_list: {lines}{KEYS}"}
    return Target("pairs", (*TIANJI_SERVE.split(), "native"), files, ready=READY)


def put(pids: list[int], cores: set[int]) -> None:
    """Let all threads of these processes run on these cores."""
    for pid in pids:
        for task in (measure.PROC / str(pid) / "task").iterdir():
            os.sched_setaffinity(int(task.name), cores)


def ask(row: Row, pair: Pair, seconds: float, kind: str) -> float:
    """Return the CPU of one request, or of one event of a paced stream, in microseconds."""
    dialect, model = pair
    paced = kind == "paced"
    request = asked(dialect, model + ENDS[kind][0], stream=kind != "whole")
    pids = [] if row.process is None else row.process.pids()
    marks: list[float] = []
    cell = PACED if paced else SMALL
    load = uvloop.run(
        loops.closed_loop(
            *row.address, request, None, cell.concurrency, seconds, lambda: marks.append(measure.cpu_seconds(pids))
        )
    )
    if load.failures or not load.latencies:
        raise click.ClickException(f"{' to '.join(pair)}: {load.failures} failures: {load.first_failure}")
    done = cell.concurrency * cell.pace * load.seconds if paced else len(load.latencies)
    return (marks[1] - marks[0]) / done * 1e6


@click.command("pairs")
@click.argument("words", nargs=-1)
@click.option("--rounds", default=3, show_default=True)
@click.option("--seconds", default=0.6, show_default=True, help="Of a measurement; of streams twice as long.")
def pairs(words: tuple[str, ...], rounds: int, seconds: float) -> None:
    """Compare pairs of forms with bytes that go through: all, or those whose names hold all WORDS."""
    chosen = [(dialect, model) for dialect in DIALECTS for model in UPSTREAMS]
    chosen = [pair for pair in chosen if pair == BYTES or set(words) <= set(pair)]
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))  # of all that is started from here
    seen: dict[tuple[Pair, str], list[float]] = defaultdict(list)
    with (
        tempfile.TemporaryDirectory(prefix="pairs-") as folder,
        closing(Runner([Target("direct"), target()], Path(folder), lambda text: click.echo(text, err=True))) as runner,
    ):
        runner.start()
        row = runner.rows[1]
        if row.problem:
            raise click.ClickException(row.problem)
        for number in range(rounds):
            click.echo(f"round {number + 1} of {rounds}", err=True)
            for pair in chosen:
                for kind in ENDS:
                    paced = kind == "paced"
                    if row.process is not None:
                        put(row.process.pids(), runner.gateway_cores if paced else runner.loader_cores)
                    seen[pair, kind].append(ask(row, pair, seconds * (1 + paced), kind))
    click.echo(f"{'':24}{'µs':>8}{'share':>8}" + "".join(f"{f'µs {kind}':>10}{'share':>8}" for kind in list(ENDS)[1:]))
    for pair in chosen:
        took = [(median(seen[pair, kind]), median(seen[BYTES, kind])) for kind in ENDS]
        click.echo(f"{' to '.join(pair):24}" + "".join(f"{own:>9.2f}{plain / own:>8.0%} " for own, plain in took))
