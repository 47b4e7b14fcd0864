"""`python -m bench told`: what destinations cost a request, however ill they are.

Gateways that differ in whom they tell are asked at one rate, in short turns, there and back again (A B C D, D C B A),
so that a change of the machine's mood meets all alike: one that tells nobody, another one that does so, one with a
destination that is well, and one with three, of which one is well, one fails half its calls and one never answers.
Who is not asked stands still (SIGSTOP), so that each tells what it has to in its own turns. How far the two that do the
same lie apart says what the rest is worth.

A gateway runs as it does without further ado: worker, books and the process that tells share a core, which is the
hardest that can happen to requests. Client, upstream and destinations are one program on the other core (`open.c`) and
go before all others there: in the life of a gateway they are other machines.

A request counts for as long as it was the gateway's: from when it was sent until the kernel had the answer, without the
time that its upstream took, from when the kernel had what was asked of that until it answered. What the one program
for client and upstream waits for a core is not in it, since no gateway waits for other machines' cores; `whole` is
with it, from when a request was due.

With `--spread` the gateway has two cores: its worker keeps the first, as it would where clients are other machines,
and its books and who tells may use both. That program sleeps while there is nothing to do for it, and leaves the rest
of the second core to them. Then what is told keeps cores awake that would have stopped, and in a virtual machine it is
dear to wake one: so a process that goes last keeps both of them busy whoever is asked (`filler.c`). `told` says
whether the destination that is well gets all: one event for each request.

Compared is the p99 of all requests of a gateway together, since that is what is promised: a p99 of each turn would be
of its few slowest, and their median would leave out the turns in which there were most of these. Where it lies with a
probability of 95 % is told by drawing passes again and again, each with all its turns: requests of one turn have much
in common, and turns of one pass their moment. A bound is kept when all of that interval is below it, and broken when
all of it is above; else it is undecided, and more minutes or a quieter machine are needed.

Beside it stands the geometric mean of the turns' own p99s, which says how a usual turn compares and decides nothing.
For how long the machine's host had its cores is told, too (`stolen`): turns in which that was much would say nothing of
a gateway.

Gateways of one kind lie apart, too, each for its lifetime. So passes of several runs are put together (`--output`, and
`--pool` for each file): each run has processes of its own.
"""

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from os import sched_getaffinity, sched_setaffinity
from pathlib import Path
from typing import Final

import click

from bench.macro import measure
from bench.macro.cells import SMALL, Row, request_bytes
from bench.macro.driver import Driver
from bench.macro.process import NotRunning, Process, compiled, start_mock, working
from bench.macro.starting import probe, start
from bench.macro.targets import KEY, MODELS, READY, TIANJI_SERVE, Target
from bench.turns import FIGURES, USUAL, WHOLE, Gateway, Pass, Turn, binned, moved, read, together, written

NOBODY, AGAIN = "nobody", "nobody, again"
TOLD: Final = {
    NOBODY: (),
    AGAIN: (),
    "one that is well": ("healthy",),
    "well, failing, hanging": ("healthy", "half", "hanging"),
}
WARM: Final = 4.0  # seconds until the process that tells has begun, too
REST: Final = 0.06  # seconds before each burst: as few as possible, since what is told then holds up nobody
BOUND: Final = 0.05  # by which the p99 may move
OFTEN: Final = {"DEFAULT_FLUSH_INTERVAL_SECONDS": "0.5"}  # so that each turn has its share of what is told
SIGNED: Final = (b'"the', b'"#00')  # in the prompt, so that the upstream knows whose request it has: see `open.c`
FILLER: Final = Path(__file__).parent / "macro" / "filler.c"
PLACES: Final = {"told": 2}  # behind the point
WORDS: Final = {True: f"within {BOUND:.0%}", False: f"beyond {BOUND:.0%}", None: "undecided"}


def target(number: int, told: tuple[str, ...], before: str) -> Target:
    """Return a gateway that tells these destinations, which are where its upstream is.

    before: what a shell begins beside it
    """
    ears = {
        name: {"callback_type": "generic_api", "endpoint": f"http://UPSTREAM/{name}", "headers": {"x": "y"}}
        for name in told
    }
    settings = {"litellm_settings": {"callbacks": list(told)}, "callback_settings": ears}
    settings["general_settings"] = {"master_key": KEY}
    lines = (f"{name}: {json.dumps(block)}".replace("{", "{{").replace("}", "}}") for name, block in settings.items())
    files = {"config.yaml": "\n".join((MODELS, *lines)).replace("UPSTREAM", "{upstream}")}
    command = ("sh", "-c", f'{before} "$@"; exit', "sh", *TIANJI_SERVE.split(), "native")
    return Target(f"gateway-{number}", command, files, OFTEN, ready=READY)


def process_of(row: Row) -> Process:
    """Return the process of a gateway that was started."""
    assert row.process is not None
    return row.process


def named(pids: Sequence[int], name: str) -> list[int]:
    """Return those of the processes that are called so."""
    return [pid for pid in pids if Path(f"/proc/{pid}/comm").read_text().strip() == name]


def keep_to(core: int, process: Process) -> None:
    """Have the worker of a gateway, which has no children, use one core."""
    pids, parents = process.pids(), set(measure.parents().values())
    for worker in set(working(pids)) - parents:
        for task in Path(f"/proc/{worker}/task").iterdir():
            sched_setaffinity(int(task.name), {core})


def told_by(folder: Path) -> int:
    """Return how many events the healthy destination of a gateway has got."""
    try:
        standings = json.loads((folder / "data" / "callbacks.json").read_text())["standings"]
    except FileNotFoundError:
        return 0
    return int(standings.get("healthy", {"told": 0})["told"])


class Asked:
    """A gateway that runs, and stands still while it is not asked."""

    def __init__(self, row: Row, driver: Driver, folder: Path) -> None:
        self.row, self.process, self._driver, self._folder = row, process_of(row), driver, folder
        self._request = request_bytes(row, SMALL.size).replace(*SIGNED)
        self._size = len(probe(row, self._request)[0])

    def ask(self, rate: float, seconds: float) -> Turn:
        """Ask it at a rate. Raises ClickException for an answer that is not good."""
        marks: list[dict[str, float]] = []
        with self.process.running():
            pids = self.process.pids()
            workers, books, teller = working(pids), named(pids, "tianji-ledger"), named(pids, "tianji-teller")

            def mark() -> None:
                used = {"worker": workers, "books": books, "teller": teller}
                spent = {name: measure.cpu_seconds(these) for name, these in used.items()}
                waits, stolen = measure.waited_seconds(workers), measure.stolen_seconds()
                marks.append(spent | {"waits": waits, "stolen": stolen, "told": told_by(self._folder) / 1e6})

            seen = self._driver.ask(self.row.address[1], self._request, self._size, rate, seconds, mark)
        if seen.failures:
            raise click.ClickException(f"{self.row.target.name}: {seen.failures} failures: {seen.problem}")
        begin, end = marks
        means = {name: (end[name] - begin[name]) / seen.asked * 1e6 for name in begin}
        means |= {"late": seen.late, "left out": 1000 * seen.left_out / (seen.left_out + seen.asked)}
        return Turn(binned(self._driver.away()), binned(self._driver.times()), means)


@contextmanager
def gateways(rate: float, *, spread: bool) -> Iterator[dict[str, Asked]]:
    """Start a gateway for each of TOLD, have it tell, and let it stand still."""
    cores = sorted(sched_getaffinity(0))
    served, others = set(cores) if spread else {cores[0]}, set(cores[1:]) or {cores[0]}
    sched_setaffinity(0, others)
    busy = cores if spread else []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="told-")))
        mock, address = start_mock(others, folder, 1)
        with closing(mock):
            plain = Row(Target("direct"), values={"address": address})
            answer = probe(plain, request_bytes(plain, SMALL.size))[0]
        driver = stack.enter_context(closing(Driver(folder, others, answer, b"{}", REST, sleeps=spread)))
        filler = compiled(FILLER, folder)
        before = "".join(f"{filler} {core} & " for core in busy)
        asked: dict[str, Asked] = {}
        for number, (title, told) in enumerate(TOLD.items()):
            row = Row(target(number, told, before))
            start(row, served, folder / row.target.name, driver.address)
            stack.enter_context(closing(process_of(row)))
            keep_to(cores[0], process_of(row))
            asked[title] = one = Asked(row, driver, folder / row.target.name)
            one.ask(rate, WARM)
        yield asked


def run(rate: float, minutes: float, seconds: float, *, spread: bool) -> list[Pass]:
    """Ask all in turns for so long, and return what was seen."""
    passes: list[Pass] = []
    with gateways(rate, spread=spread) as asked:
        turns = list(asked.items())
        end = time.monotonic() + 60 * minutes
        while time.monotonic() < end or len(passes) < 2:
            passes.append({title: one.ask(rate, seconds) for title, one in turns})
            turns.reverse()
    return passes


def report(passes: Sequence[Pass], say: Callable[[str], None]) -> list[bool | None]:
    """Print the figures and how they compare; return of each comparison whether its p99 kept the bound."""
    all_alike = [1] * len(passes)
    told = {title: Gateway([each[title] for each in passes]) for title in TOLD}
    say(f"{'µs, told':24}" + "".join(f"{name:>11}" for name in FIGURES))
    for title, one in told.items():
        say(f"{title:24}" + "".join(f"{one.figure(name, all_alike):>11.{PLACES.get(name, 1)}f}" for name in FIGURES))
    say(f"\nagainst both that tell {NOBODY}, which stand against each other, {len(passes)} passes, with 95 % between")
    both = Gateway([together(each[NOBODY], each[AGAIN]) for each in passes])
    found: list[bool | None] = []
    for title, one in list(told.items())[1:]:
        for name in ("p50", "p99", USUAL, *WHOLE, "worker", "waits", "books"):
            by = moved(one, told[NOBODY] if title == AGAIN else both, name, len(passes))
            line = f"{title}, {name}: {by.by:+.1%} ({by.low:+.1%} to {by.high:+.1%})"
            if name == "p99":
                found.append(by.within(BOUND))
                line += f": {WORDS[found[-1]]}"
            say(line)
    return found


@click.command("told")
@click.option("--rate", default=5000.0, show_default=True, help="Requests a second to each, in turn.")
@click.option("--minutes", default=3.5, show_default=True)
@click.option("--seconds", default=1.8, show_default=True, help="Of a turn.")
@click.option("--spread", is_flag=True, help="The gateway has both cores, but for what the client needs.")
@click.option("--output", type=click.Path(path_type=Path), help="A file to keep the passes in.")
@click.option(
    "--pool", multiple=True, type=click.Path(path_type=Path, exists=True), help="A file of passes; nobody is asked."
)
def told(
    rate: float, minutes: float, seconds: float, *, spread: bool, output: Path | None, pool: tuple[Path, ...]
) -> None:
    """Compare the latency and CPU of requests with and without destinations; fails beyond the bound."""
    try:
        passes = [each for file in pool for each in read(file)] or run(rate, minutes, seconds, spread=spread)
    except NotRunning as error:
        raise click.ClickException(str(error)) from error
    if output is not None:
        written(passes, output)
    if False in report(passes, click.echo):
        raise SystemExit(1)
