"""`python -m bench`: run the table, print it, write JSON and a plot into bench/results/."""

import platform
import subprocess
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import click
import msgspec

from bench.macro import measure
from bench.macro.plot import svg
from bench.macro.process import NotRunning
from bench.macro.report import cell_table, memory_table
from bench.macro.run import Cell, Plan, Row, Runner, as_data, middle, objections
from bench.macro.targets import ROOT, builtin, peer

RESULTS = Path(__file__).parent / "results"
SWEEP = (1, 8, 32, 64)


def plan_of(bodies: list[float], rounds: int, seconds: float, *, quick: bool) -> Plan:
    """The smallest body gets the sweep and the open loop, the others a low and a high concurrency, streams too."""
    sizes = [int(body * 1000) for body in bodies]
    first = sizes[0]
    sweep = (1, 32) if quick else SWEEP
    cells = [Cell(first, concurrency=c) for c in sweep]
    cells += [Cell(first)]
    cells += [Cell(size, concurrency=c) for size in sizes[1:] for c in ((32,) if quick else (1, 32))]
    cells += [Cell(first, stream=True, concurrency=c) for c in ((32,) if quick else (1, 32))]
    cells += [Cell(first, stream=True, concurrency=64, paced=True)]
    return Plan(tuple(cells), rounds, seconds)


@click.command()
@click.option("--quick", is_flag=True, help="A minute: fewer cells, short rounds. Not for publishing.")
@click.option("--only", help="Rows to run, by comma; direct is always among them.")
@click.option("--skip", default="", help="Rows to leave out, by comma.")
@click.option(
    "--bodies", help="Sizes of the request in KB, by comma; the first gets the sweep.  [default: 0.2,4,150,400]"
)
@click.option("--rounds", type=click.IntRange(1), help="[default: 3; quick: 1]")
@click.option("--seconds", type=click.FloatRange(0.2), help="Of each measurement.  [default: 3; quick: 1]")
@click.option("--peer", "peers", multiple=True, metavar="NAME[=COMMAND]", help="A peer; see bench/peers. Repeatable.")
@click.option("--output", type=click.Path(path_type=Path), default=RESULTS, help="Folder for JSON and plot.")
def main(**given: object) -> None:
    """Compare gateways side by side in one run."""
    quick = bool(given["quick"])
    bodies = str(given["bodies"] or ("0.2,150" if quick else "0.2,4,150,400"))
    plan = plan_of(
        [float(body) for body in bodies.split(",")],
        int(given["rounds"] or (1 if quick else 3)),  # type: ignore[call-overload] # click made it a number
        float(given["seconds"] or (1 if quick else 3)),  # type: ignore[arg-type] # click made it a number
        quick=quick,
    )
    targets = builtin() + [peer(name, command) for name, _, command in (p.partition("=") for p in given["peers"])]  # type: ignore[attr-defined] # a tuple of str
    wanted = set(str(given["only"]).split(",")) | {"direct"} if given["only"] else {t.name for t in targets}
    wanted -= set(str(given["skip"]).split(","))
    if unknown := wanted - {t.name for t in targets}:
        raise click.BadParameter(f"no such row: {', '.join(sorted(unknown))}", param_hint="--only")
    before = _load_before()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        runner = Runner([t for t in targets if t.name in wanted], Path(folder), lambda line: click.echo(line, err=True))
        try:
            runner.start()
            runner.run(plan)
        except NotRunning as error:
            raise click.ClickException(f"the mock does not run: {error}") from error
        finally:
            runner.close()
    doubts = objections(runner.rows, before)
    _show(runner.rows, plan, doubts)
    _write(runner.rows, plan, doubts, Path(str(given["output"])))


def _load_before() -> float:
    """Cores' worth of work on the machine while this program does nothing."""
    began, busy = time.monotonic(), measure.Machine.read().busy
    time.sleep(2)
    return (measure.Machine.read().busy - busy) / (time.monotonic() - began)


def _show(rows: list[Row], plan: Plan, doubts: list[str]) -> None:
    for cell in plan.cells:
        click.echo(f"\n{cell.name}")
        for line in cell_table(rows, cell.name):
            click.echo("  " + line)
    click.echo("\nmemory")
    for line in memory_table(rows):
        click.echo("  " + line)
    click.echo("\nDO NOT PUBLISH: this run is too noisy." if doubts else "\nQuiet enough to publish.")
    for doubt in doubts:
        click.echo(f"  {doubt}")


def _write(rows: list[Row], plan: Plan, doubts: list[str], output: Path) -> None:
    output.mkdir(parents=True, exist_ok=True)
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    packages = {name: version(name) for name in ("granian", "uvloop", "msgspec", "Cython")}
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    data = {
        "at": stamp,
        "commit": commit.stdout.strip() or None,
        "machine": measure.describe() | {"python": platform.python_version(), "packages": packages},
        "rounds": plan.rounds,
        "seconds": plan.seconds,
        "publishable": not doubts,
        "objections": doubts,
        "rows": as_data(rows),
    }
    path = output / f"{stamp}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(data), indent=1))
    panels = {}
    for cell in plan.cells:
        if cell.paced:
            figures = {"CPU µs an event": "cpu_event"}
        elif cell.concurrency == 32:
            figures = {"req/s": "rate", "CPU µs a request": "cpu"}
        else:
            continue
        shown = [row for row in rows if row.target.paces or not cell.paced]
        for label, figure in figures.items():
            panels[f"{cell.name}: {label}"] = {
                row.target.name: middle(row.samples.get(cell.name, []), figure) for row in shown
            }
    path.with_suffix(".svg").write_text(svg(panels, f"{stamp}{'' if not doubts else ' (noisy, not for publishing)'}"))
    click.echo(f"\nwritten: {path} and {path.with_suffix('.svg').name}")


if __name__ == "__main__":
    main()
