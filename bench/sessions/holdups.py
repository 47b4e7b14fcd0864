"""How long a worker's loop is held up while it relays, in CPU time of its thread: `holdups.c` counts.

What other processes take is not in it, so this is the part of a latency that is the gateway's own, whatever else the
machine does.
"""

import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from bench.macro.process import alone, compiled
from bench.memory.command import Gateway
from bench.sessions.pace import SOURCES, Between, Cell, Load

CELLS = (Cell(1000, 50, "up"), Cell(1000, 50, "down"))
KINDS = ("a turn of the loop", "a callback")
BUCKETS = 1000
WIDTH = 10  # microseconds
_SHARES = (0.5, 0.99, 0.999, 0.9999, 1.0)
_SHARED = ("-shared", "-fPIC", "-ldl")


def measure(folder: Path, cores: set[int], upstream: int, path: str, seconds: float) -> Iterator[str]:
    """Start a gateway with `holdups.c` in it, and have messages relayed; yield the lines of a table."""
    counts = folder / "counts"
    counts.mkdir()
    library = compiled(SOURCES / "holdups.c", folder, _SHARED)
    own = {"HOLDUPS": str(counts), "LD_PRELOAD": str(library)}
    os.environ.update(own)
    try:
        gateway = Gateway("native", folder / "held-up", (f"127.0.0.1:{upstream}", f"127.0.0.1:{upstream}"), cores)
    finally:
        for name in own:
            del os.environ[name]
    with closing(gateway):
        alone(gateway.workers)
        file = counts / str(gateway.workers[0])
        target = Between("native", gateway.port, path, gateway.workers)
        titles = "".join(f"{title:>9}" for title in ("p50", "p99", "p99.9", "p99.99", "max"))
        yield f"{'µs of the thread, at most':46}{titles}{'above 1 ms':>12}"
        for cell in CELLS:
            yield from _lines(cell, *_counted(Load(folder, upstream), target, cell, seconds, file))


def _counted(load: Load, target: Between, cell: Cell, seconds: float, file: Path) -> list[list[int]]:
    """Run a cell; how long the loop was held up while all sessions were open."""
    marks: list[list[Sequence[int]]] = []
    load.measure(target, cell, seconds, lambda: marks.append(_read(file)))
    return [[b - a for a, b in zip(*pair, strict=True)] for pair in zip(marks[0], marks[-1], strict=True)]


def _lines(cell: Cell, *counted: Sequence[int]) -> Iterator[str]:
    for name, counts in zip(KINDS, counted, strict=True):
        yield f"{f'{cell.title}, {name}':46}{_line(counts)}"


def _read(file: Path) -> list[Sequence[int]]:
    numbers = struct.unpack(f"<{2 * BUCKETS}Q", file.read_bytes())
    return [numbers[:BUCKETS], numbers[BUCKETS:]]


def _line(counts: Sequence[int]) -> str:
    shown = "".join(f"{_at(counts, share):>9}" for share in _SHARES)
    return f"{shown}{sum(counts[1000 // WIDTH :]):>6} of {sum(counts):,}"


def _at(counts: Sequence[int], share: float) -> int:
    seen, wanted = 0, share * sum(counts)
    for number, count in enumerate(counts):
        seen += count
        if seen >= wanted:
            return (number + 1) * WIDTH
    return 0
