"""What turns of several gateways in several passes say together: of all requests of one, and of two beside each other.

Times of a turn are kept as how many there were in each of many narrow bins, so that passes of several runs can be put
together, and drawn from again.
"""

import json
import math
import random
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from operator import mul
from pathlib import Path
from typing import Final

from bench.macro.stats import percentile

BINS: Final = 200  # between a time and one that is e times as long: each is half a percent wide
DRAWS: Final = 1000
SURE: Final = 0.95
MEANS: Final = ("worker", "waits", "books", "teller", "late", "left out", "stolen", "told")
USUAL: Final = "usual p99"
"""The geometric mean of the p99s of the turns: that of a usual turn, where the p99 of all is that of the slowest."""
WHOLE: Final = "whole p50", "whole p99"
FIGURES: Final = ("p50", "p99", USUAL, *WHOLE, *MEANS)


@dataclass(frozen=True)
class Turn:
    """What was seen of one gateway in one pass, in microseconds.

    away: how many requests took the gateway how long, by number of the bin; whole: likewise, from when they were due
    until the client had read the answer, with what client and upstream were late
    means: CPU of a request by who had it, and how long the worker could have run while others had its core; and the p99
    of how late the client itself came to a request, and how many of a thousand it left out; for how long the machine's
    host had its cores; and events that the healthy destination has got for each request
    """

    away: Mapping[int, int]
    whole: Mapping[int, int]
    means: Mapping[str, float]


Pass = Mapping[str, Turn]
"""The turns that lay beside each other, by who was told."""


def together(one: Turn, other: Turn) -> Turn:
    """Return two turns of gateways that do the same as one."""
    means = {name: (mean + other.means[name]) / 2 for name, mean in one.means.items()}
    return Turn(Counter(one.away) + Counter(other.away), Counter(one.whole) + Counter(other.whole), means)


def binned(nanoseconds: Iterable[int]) -> dict[int, int]:
    """Return how many of these times are in each bin."""
    return dict(Counter(int(math.log(each / 1e3) * BINS) for each in nanoseconds))


def written(passes: Sequence[Pass], file: Path) -> None:
    """Keep passes in a file."""
    file.write_text(json.dumps([{told: asdict(turn) for told, turn in each.items()} for each in passes]))


def read(file: Path) -> list[Pass]:
    """Return the passes of a file. Raises OSError and ValueError."""
    return [
        {told: Turn(_bins(turn["away"]), _bins(turn["whole"]), turn["means"]) for told, turn in each.items()}
        for each in json.loads(file.read_text())
    ]


def _bins(kept: Mapping[str, int]) -> dict[int, int]:
    return {int(number): count for number, count in kept.items()}


class _Times:
    """Those of all turns of one gateway: `turns` has how many there were in each bin."""

    def __init__(self, turns: Sequence[Mapping[int, int]]) -> None:
        self._bins = sorted(set().union(*turns))
        columns = ([turn.get(number, 0) for number in self._bins] for turn in turns)
        self._below = list(zip(*(accumulate(column) for column in columns), strict=True))

    def percentile(self, share: float, weights: Sequence[int]) -> float:
        """Return that of all turns together, as often as each was drawn."""

        def up_to(at: int) -> int:
            return sum(map(mul, weights, self._below[at]))

        wanted = share * up_to(len(self._bins) - 1)
        at = bisect_left(range(len(self._bins)), wanted, key=up_to)
        before = up_to(at - 1) if at else 0
        return math.exp((self._bins[at] + (wanted - before) / (up_to(at) - before)) / BINS)


class Gateway:
    """All turns of one, of which each has a weight when something is asked: how often it was drawn."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        self._means = {name: [turn.means[name] for turn in turns] for name in MEANS}
        self._away, self._whole = _Times([turn.away for turn in turns]), _Times([turn.whole for turn in turns])
        each = ([int(one == at) for one in range(len(turns))] for at in range(len(turns)))
        self._logs = [math.log(self._away.percentile(0.99, alone)) for alone in each]

    def figure(self, name: str, weights: Sequence[int]) -> float:
        """Return a mean of the turns, or a percentile of all their requests together."""
        if name == USUAL:
            return math.exp(sum(map(mul, weights, self._logs)) / sum(weights))
        if name in self._means:
            return sum(map(mul, weights, self._means[name])) / sum(weights)
        times = self._whole if name in WHOLE else self._away
        return times.percentile(float(name.rpartition("p")[2]) / 100, weights)


@dataclass(frozen=True)
class Moved:
    """How much more one is than another, as a share, and where that lies with a probability of 95 %."""

    by: float
    low: float
    high: float

    def within(self, bound: float) -> bool | None:
        """Whether it is less than a bound; None: that is undecided."""
        return True if self.high < bound else False if self.low > bound else None


def moved(one: Gateway, other: Gateway, name: str, passes: int) -> Moved:
    """Compare a figure of two gateways, whose passes are drawn from again, each time the same of both."""
    dice = random.Random(0)

    def ratio(weights: Sequence[int]) -> float:
        base = other.figure(name, weights)
        return one.figure(name, weights) / base - 1 if base else math.inf

    drawn = []
    for _ in range(DRAWS):
        often = Counter(dice.choices(range(passes), k=passes))
        drawn.append(ratio([often[number] for number in range(passes)]))
    drawn.sort()
    return Moved(ratio([1] * passes), percentile(drawn, (1 - SURE) / 2), percentile(drawn, (1 + SURE) / 2))
