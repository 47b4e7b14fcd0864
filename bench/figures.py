"""What the table shows of a run, by name: the one reading of results/*.json that report, promises and README share.

A run is the decoded JSON; a row of it is a target with its cells. Times in microseconds, memory in MiB.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.macro.cells import KB_1, KB_4, KB_150, KB_400, ONE, OPEN, PACED, SMALL, Cell
from bench.macro.stats import middle

DIRECT, NGINX, HELLO, GRANIAN, NATIVE = "direct", "nginx", "hello", "granian", "native"
GOVERNED = f"{NATIVE}-governed"
TO_CLAUDE, MESSAGES, THROUGH = f"{NATIVE}-to-claude", f"{NATIVE}-messages", f"{NATIVE}-through"

LITELLM = "litellm"
CROWD = 4000  # streams in parallel


@dataclass(frozen=True)
class Figure:
    """One column: the median over rounds of what the samples of a cell say."""

    name: str
    title: str
    cell: Cell
    field: str
    signed: bool = False


SAMPLED = (
    Figure("cpu", "µs 0.2 KB", SMALL, "cpu"),
    Figure("cpu_1k", "1 KB", KB_1, "cpu"),
    Figure("cpu_4k", "4 KB", KB_4, "cpu"),
    Figure("cpu_150k", "150 KB", KB_150, "cpu"),
    Figure("cpu_400k", "400 KB", KB_400, "cpu"),
    Figure("cpu_chunk", "µs chunk", PACED, "cpu_event"),
    Figure("one_p50", "+p50 c=1", ONE, "added_p50", signed=True),
    Figure("one_p99", "+p99 c=1", ONE, "added_p99", signed=True),
    Figure("load_p50", "+p50 load", OPEN, "added_p50", signed=True),
    Figure("load_p99", "+p99 load", OPEN, "added_p99", signed=True),
    Figure("load_share", "load", OPEN, "share"),
)
RATIOS = (  # name, title, of, against the same of this row
    ("cpu_nginx", "CPU x nginx", "cpu", NGINX),
    ("cpu_hello", "x hello", "cpu", HELLO),
    ("big_nginx", "400 KB x nginx", "cpu_400k", NGINX),
    ("chunk_nginx", "chunk x nginx", "cpu_chunk", NGINX),
    ("rate_nginx", "req/s x nginx", "rate_core", NGINX),
)
TITLES = (
    {"rate_core": "req/s a core"}
    | {figure.name: figure.title for figure in SAMPLED}
    | {"idle_mib": "idle MiB", "start_seconds": "start s"}
    | {name: title for name, title, _, _ in RATIOS}
)

Figures = dict[str, float | None]


def figures(run: Mapping[str, Any]) -> dict[str, Figures]:
    """Every row's figures, by the row's name."""
    found = {row["name"]: _of_row(row) for row in run["rows"]}
    best = max((found[row["name"]]["rate_core"] or 0.0 for row in run["rows"] if row["peer"]), default=None)
    for row, values in found.items():
        for name, _, figure, against in RATIOS:
            of = found.get(against, {}).get(figure)
            values[name] = ratio(values[figure], of) if row != DIRECT else None
        values["rate_litellm"] = ratio(values["rate_core"], found.get(LITELLM, {}).get("rate_core"))
        own = found.get(NATIVE, {})
        values["rate_native"] = ratio(values["rate_core"], own.get("rate_core"))
        values["cpu_native"] = ratio(values["cpu"], own.get("cpu"))
        values["chunks_native"] = ratio(own.get("cpu_chunk"), values["cpu_chunk"])
        values["rate_peers"] = ratio(values["rate_core"], best)
    return found


def ratio(value: float | None, of: float | None) -> float | None:
    return value / of if value is not None and of else None


def _of_row(row: Mapping[str, Any]) -> Figures:
    values: Figures = {figure.name: _middle(row, figure) for figure in SAMPLED}
    values["rate_core"] = ratio(1e6, values["cpu"])
    values["idle_mib"] = row["idle_mib"]
    values["start_seconds"] = row["start_seconds"]
    values["crowd_faults"] = _faults(row["crowd"])
    return values


def _faults(crowd: Mapping[str, Any] | None) -> float | None:
    """What went wrong in a crowd of the promised size; None when there was no such crowd."""
    if crowd is None or crowd["streams"] + crowd["failures"] < CROWD:
        return None
    return float(crowd["stalls"] + crowd["disordered"] + crowd["failures"])


def _middle(row: Mapping[str, Any], figure: Figure) -> float | None:
    """The median over the rounds without a failure."""
    samples = row["cells"].get(figure.cell.name, [])
    return middle(s[figure.field] for s in samples if not s["failures"])
