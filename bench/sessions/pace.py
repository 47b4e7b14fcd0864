"""How long messages take through what stands between clients and an upstream, by `load.c`; the floor is `splice.c`."""

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Self

import click

from bench.macro.measure import cpu_seconds
from bench.macro.process import Process, alone, compiled
from bench.macro.targets import KEY

SOURCES = Path(__file__).parent


@dataclass(frozen=True)
class Cell:
    """What is said: `sessions` say `rate` messages a second each, in one shape of `load.c`."""

    sessions: int
    rate: float
    shape: str

    @property
    def relayed(self) -> int:
        """Messages that what is between hands on for each that is timed."""
        return 2 if self.shape == "echo" else 1

    @property
    def title(self) -> str:
        return f"{self.sessions:,} x {self.rate:g}/s {self.shape}"

    def core(self, cpu: float) -> float:
        """The share of a core that what is between takes, at `cpu` microseconds a message."""
        return cpu * self.sessions * self.rate * self.relayed / 1e6


CELLS = (
    Cell(1, 500, "echo"),
    Cell(1, 500, "up"),
    Cell(1, 500, "down"),
    Cell(1000, 25, "echo"),
    Cell(1000, 50, "up"),
    Cell(1000, 50, "down"),
    Cell(1000, 50, "echo"),
)


@dataclass(frozen=True)
class Sample:
    """One round of a cell: milliseconds, the share of them that the driver worked, µs of CPU a message between."""

    p50: float
    p99: float
    p999: float
    longest: float
    late: float
    driver: float
    cpu: float = 0.0

    @classmethod
    def middle(cls, samples: Sequence["Sample"]) -> Self:
        """Each figure's median."""
        return cls(*(median(getattr(sample, name) for sample in samples) for name in cls.__dataclass_fields__))


def start_splice(folder: Path, cores: set[int], upstream: int) -> tuple[Process, int]:
    """Start the floor; return it and its port."""
    splice = Process((str(compiled(SOURCES / "splice.c", folder)), str(upstream)), cores, folder / "splice.log", {})
    while not (line := splice.log.read_text()).endswith("\n"):
        splice.check()
        time.sleep(0.05)
    return splice, int(line)


@dataclass(frozen=True)
class Between:
    """What stands between the two sides: where it is asked, and whose CPU it uses."""

    name: str
    port: int
    path: str = "/"
    pids: Sequence[int] = ()


class Load:
    """The clients and their upstream, of which there is none between two measurements."""

    def __init__(self, folder: Path, upstream: int) -> None:
        self._program = compiled(SOURCES / "load.c", folder)
        self._upstream = upstream

    def measure(self, between: Between, cell: Cell, seconds: float, mark: Callable[[], None] = lambda: None) -> Sample:
        """Run a cell once. Raises ClickException when a session is lost.

        mark: called when all sessions are open, and when all was said, before they end
        """
        words = (self._upstream, between.port, between.path, KEY, cell.sessions, cell.rate, cell.shape, seconds)
        command = (str(self._program), *map(str, words))
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as load:
            if load.stdout is None or load.stderr is None:
                raise TypeError("pipes were asked for")
            alone((load.pid,))
            marks = []
            for _ in _until("end", load.stdout):
                mark()
                marks.append(cpu_seconds(list(between.pids)))
            said, problem = load.stdout.read(), load.stderr.read()
        if load.returncode:
            raise click.ClickException(f"{cell.title}, {between.name}: {problem.strip()}")
        _, count, *nanoseconds, busy = map(int, said.split())
        used = 1e6 * (marks[-1] - marks[0]) / (count * cell.relayed)
        return Sample(*(each / 1e6 for each in nanoseconds), busy / 1000, used)


def _until(last: str, lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        yield line
        if line.strip() == last:
            return


def table(load: Load, targets: Sequence[Between], cells: Sequence[Cell], rounds: int, seconds: float) -> Iterator[str]:
    """Measure all cells, target after target in each round; yield the lines of the table.

    The first target is that with nothing between, the second the floor.
    """
    times, added = ("p50", "p99", "p99.9", "max"), ("+p50", "+p99", "+p99.9", "µs CPU", "core")
    titles = "".join(f"{title:>9}" for title in (*times, *added, "late p99", "driver"))
    yield f"{'messages of 1 KB, ms':34}{titles}"
    samples: dict[tuple[Cell, str], list[Sample]] = {}
    for _ in range(rounds):
        for cell in cells:
            for target in targets:
                samples.setdefault((cell, target.name), []).append(load.measure(target, cell, seconds))
    for cell in cells:
        direct, *others = (Sample.middle(samples[cell, target.name]) for target in targets)
        for target, seen in zip(targets, (direct, *others), strict=True):
            yield f"{cell.title + ', ' + target.name:34}{_line(cell, seen, None if seen is direct else direct)}"


def _line(cell: Cell, seen: Sample, direct: Sample | None) -> str:
    figures = f"{seen.p50:9.3f}{seen.p99:9.3f}{seen.p999:9.3f}{seen.longest:9.3f}"
    if direct is None:
        figures += 45 * " "
    else:
        figures += f"{seen.p50 - direct.p50:9.3f}{seen.p99 - direct.p99:9.3f}{seen.p999 - direct.p999:9.3f}"
        figures += f"{seen.cpu:9.1f}{cell.core(seen.cpu):9.0%}"
    return f"{figures}{seen.late:9.3f}{seen.driver:9.0%}"
