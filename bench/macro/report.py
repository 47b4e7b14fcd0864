"""The table, the crowds and the promises, as text."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.figures import SAMPLED, TITLES, figures
from bench.promises import judge

Line = tuple[str, ...]
LONG = 120  # characters of a failure
SIGNED = {figure.name for figure in SAMPLED if figure.signed}
CROWD: Line = (
    "",
    "streams",
    "events/s each",
    "stalls",
    "out of order",
    "longest gap ms",
    "µs chunk",
    "KiB a stream",
    "",
)


def main_table(run: Mapping[str, Any]) -> list[str]:
    """A line for each row; what a row did not do is a dash, and a failure says why."""
    found = figures(run)
    lines: list[Line] = [("", *TITLES.values(), "")]
    for row in run["rows"]:
        values = found[row["name"]]
        lines.append((row["name"], *(shown(name, values[name]) for name in TITLES), failure(row)))
    return aligned(lines)


def failure(row: Mapping[str, Any]) -> str:
    """What went wrong in a row, if anything did."""
    if row["problem"]:
        return f"FAILED: {row['problem']}"[:LONG]
    broken = [(name, s) for name, samples in row["cells"].items() for s in samples if s["failures"] or s["problem"]]
    if not broken:
        return ""
    count = sum(sample["failures"] for _, sample in broken)
    return f"FAILED {count}: {broken[0][0]}: {broken[0][1]['problem']}"[:LONG]


def crowd_table(run: Mapping[str, Any]) -> list[str]:
    """A line for each row that was put under a crowd; nothing when there was none."""
    lines: list[Line] = [CROWD]
    for row in run["rows"]:
        if crowd := row["crowd"]:
            names = ("streams", "pace", "stalls", "disordered", "longest_gap", "cpu_event", "kib_a_stream")
            note = f"FAILED {crowd['failures']}: {crowd['problem']}" if crowd["failures"] else ""
            if crowd["loader_busy"] > 0.9:
                note = f"mock and client at {crowd['loader_busy']:.0%} of their cores; {note}".rstrip("; ")
            lines.append((row["name"], *(number(crowd[name]) for name in names), note))
    return aligned(lines) if len(lines) > 1 else []


def promise_table(run: Mapping[str, Any]) -> list[str]:
    """A line for each promise: met, missed, or not measured."""
    lines: list[Line] = [("promise", "bound", "seen", "")]
    for verdict in judge(figures(run)):
        word = "not measured" if verdict.met is None else "met" if verdict.met else "MISSED"
        lines.append((verdict.promise.text, verdict.promise.bound, number(verdict.seen), word))
    return aligned(lines)


def aligned(lines: Sequence[Line]) -> list[str]:
    """Columns as wide as they must be; the first and the last to the left, the others to the right."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    last = len(widths) - 1
    out = []
    for line in lines:
        cells = [
            text.ljust(width) if i in (0, last) else text.rjust(width)
            for i, (text, width) in enumerate(zip(line, widths, strict=True))
        ]
        out.append("  ".join(cells).rstrip())
    return out


def shown(name: str, value: float | None) -> str:
    if value is not None and name == "load_share":
        return f"{value:.0%}"
    return number(value, signed=name in SIGNED)


def number(value: float | None, *, signed: bool = False) -> str:
    """Three digits that say something."""
    if value is None:
        return "-"
    digits = 0 if abs(value) >= 100 or value == int(value) else 1 if abs(value) >= 10 else 2
    return f"{value:{'+' if signed else ''},.{digits}f}"
