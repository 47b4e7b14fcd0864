"""`python -m bench`: run the table, print it, write JSON and a plot into bench/results/."""

import platform
import subprocess
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import msgspec

from bench.callbacks import callbacks
from bench.figures import CROWD, DIRECT, NATIVE, NGINX, TITLES, figures
from bench.hits import hits
from bench.ledger import ledger
from bench.macro import measure
from bench.macro.cells import FULL, QUICK, Plan
from bench.macro.noise import objections
from bench.macro.plot import svg
from bench.macro.process import NotRunning
from bench.macro.report import crowd_table, main_table, promise_table
from bench.macro.run import Runner
from bench.macro.targets import PEERS, ROOT, Target, builtin, peer, peers_found, recipe, recipes
from bench.memory.command import memory
from bench.migration import migration
from bench.money import money
from bench.paired import pairs
from bench.sessions.command import sessions
from bench.told import told

RESULTS = Path(__file__).parent / "results"
PLOTTED = ("rate_core", "cpu", "cpu_400k", "cpu_chunk", "load_p99")


def plan_of(*, quick: bool, rounds: int | None, seconds: float | None, streams: int | None) -> Plan:
    """What a run does; what is not said is as fits a quick or a whole one."""
    if quick:
        return Plan(QUICK, rounds or 1, seconds or 0.6, streams or 0)
    return Plan(FULL, rounds or 3, seconds or 1.2, CROWD if streams is None else streams)


def measured(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that every measurement has."""
    for option in (
        click.option("--output", type=click.Path(path_type=Path), default=RESULTS, help="Folder for JSON and plot."),
        click.option(
            "--peer", "peers", multiple=True, metavar="NAME[=COMMAND]", help="A peer; see bench/peers. Repeatable."
        ),
        click.option(
            "--streams", type=click.IntRange(0), help="Of the crowd; 0 leaves it out.  [default: 4000; quick: 0]"
        ),
        click.option("--seconds", type=click.FloatRange(0.2), help="Of a measurement.  [default: 1.2; quick: 0.6]"),
        click.option("--rounds", type=click.IntRange(1), help="[default: 3; quick: 1]"),
        click.option("--quick", is_flag=True, help="A minute: fewer cells, one short round. Not for publishing."),
    ):
        command = option(command)
    return command


@click.group(invoke_without_command=True)
@click.option("--only", help="Rows to run, by comma; direct is always among them.")
@click.option("--skip", default="", help="Rows to leave out, by comma.")
@measured
@click.pass_context
def main(context: click.Context, only: str | None, skip: str, **options: Any) -> None:
    """Compare gateways side by side in one run."""
    if context.invoked_subcommand is not None:
        return
    targets = builtin() + given_peers(options["peers"])
    names = {target.name for target in targets}
    wanted = (set(only.split(",")) | {"direct"} if only else names) - set(skip.split(","))
    if unknown := wanted - names:
        raise click.BadParameter(f"no such row: {', '.join(sorted(unknown))}", param_hint="--only")
    measure_targets([target for target in targets if target.name in wanted], options)


@main.command("peers")
@measured
def peers_command(**options: Any) -> None:
    """Compare Tianji and nginx with other gateways: those given, or all of bench/peers that are installed."""
    peers = given_peers(options["peers"]) or peers_found()
    if not peers:
        known = "\n".join(f"  {name}: {recipe(name)['setup']}" for name in recipes())
        raise click.ClickException(f"no peer is on the path; install one, or give --peer NAME=COMMAND:\n{known}")
    measure_targets([t for t in builtin() if t.name in (DIRECT, NGINX, NATIVE)] + peers, options)


def given_peers(given: tuple[str, ...]) -> list[Target]:
    """The peers of --peer. Raises BadParameter."""
    try:
        return [peer(name, command) for name, _, command in (text.partition("=") for text in given)]
    except ValueError as error:
        raise click.BadParameter(f"{error}; known: {', '.join(recipes())} in {PEERS}", param_hint="--peer") from error


def measure_targets(targets: list[Target], options: dict[str, Any]) -> None:
    """Run the plan over the targets, show the tables, write the files."""
    plan = plan_of(**{name: options[name] for name in ("quick", "rounds", "seconds", "streams")})
    before = load_before()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        try:
            runner = Runner(targets, Path(folder), lambda line: click.echo(line, err=True))
            try:
                runner.start()
                runner.run(plan)
            finally:
                runner.close()
        except NotRunning as error:
            raise click.ClickException(f"the mock does not run: {error}") from error
    doubts = objections(runner.rows, before)
    run = about(plan, doubts) | {"rows": [row.as_data() for row in runner.rows]}
    show(run)
    write(run, options["output"])


def load_before() -> float:
    """Cores' worth of work on the machine while this program does nothing."""
    began, busy = time.monotonic(), measure.Machine.read().busy
    time.sleep(2)
    return (measure.Machine.read().busy - busy) / (time.monotonic() - began)


def show(run: dict[str, Any]) -> None:
    """Print all that a run says."""
    for lines in (main_table(run), crowd_table(run), promise_table(run)):
        click.echo("\n".join(["", *lines]) if lines else "", nl=bool(lines))
    click.echo("\nDO NOT PUBLISH: this run is too noisy." if run["objections"] else "\nQuiet enough to publish.")
    for doubt in run["objections"]:
        click.echo(f"  {doubt}")


def about(plan: Plan, doubts: list[str]) -> dict[str, Any]:
    """When, where and how the figures were made."""
    packages = {name: version(name) for name in ("granian", "uvloop", "msgspec", "Cython")}
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return {
        "at": time.strftime("%Y%m%d-%H%M%S", time.gmtime()),
        "commit": commit.stdout.strip() or None,
        "machine": measure.describe() | {"python": platform.python_version(), "packages": packages},
        "rounds": plan.rounds,
        "seconds": plan.seconds,
        "publishable": not doubts,
        "objections": doubts,
    }


def write(run: dict[str, Any], output: Path) -> None:
    """Write TIME.json and TIME.svg."""
    output.mkdir(parents=True, exist_ok=True)
    path = output / f"{run['at']}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(run), indent=1))
    found = figures(run)
    broken = {row["name"] for row in run["rows"] if row["problem"]}
    panels = {
        TITLES[name]: {row: v[name] for row, v in found.items() if v[name] is not None or row in broken}
        for name in PLOTTED
    }
    noisy = "" if run["publishable"] else " (noisy, not for publishing)"
    path.with_suffix(".svg").write_text(svg(panels, f"{run['at']}{noisy}"))
    click.echo(f"\nwritten: {path} and {path.with_suffix('.svg').name}")


main.add_command(callbacks)
main.add_command(ledger)
main.add_command(memory)
main.add_command(migration)
main.add_command(money)
main.add_command(pairs)
main.add_command(sessions)
main.add_command(hits)
main.add_command(told)

if __name__ == "__main__":
    main()
