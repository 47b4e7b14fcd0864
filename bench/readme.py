"""Put the figures of a run into the README, between its two markers. Figures never get there by hand.

python -m bench.readme bench/results/TIME.json
"""

import json
import statistics
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
BEGIN, END = "<!-- figures:begin -->", "<!-- figures:end -->"
PLAIN, BIG, STREAM = "plain 0.2 KB c=32", "plain 150 KB c=32", "stream at 100 events/s 0.2 KB c=64"
WORDS = {
    "nginx": "nginx `proxy_pass`",
    "hello": "bare Granian application, answers by itself",
    "hello-deaf": "the same, without reading the request",
    "relay": "bare relay on Granian, plain Python",
    "tianji-bare": "Tianji without a key",
    "tianji": "**Tianji, everything on**",
}


def figure(row: dict[str, Any], cell: str, name: str) -> float | None:
    """The median of a figure over the rounds of a cell that had answers; None when there is none."""
    samples = row["cells"].get(cell, [])
    values = [s[name] for s in samples if s[name] is not None and s["answers"] and not s["failures"]]
    return statistics.median(values) if values else None


def shown(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def table(run: dict[str, Any]) -> list[str]:
    """The Markdown lines of a run."""
    lines = [
        "| CPU on one core | µs a request | requests/s a core | µs a 150 KB request | µs a stream event | MiB idle |",
        "|---|---|---|---|---|---|",
    ]
    for row in run["rows"]:
        if row["name"] == "direct" or row["problem"]:
            continue
        cpu = figure(row, PLAIN, "cpu")
        cells = (
            cpu,
            1e6 / cpu if cpu else None,
            figure(row, BIG, "cpu"),
            figure(row, STREAM, "cpu_event"),
            row["idle_mib"],
        )
        lines.append(f"| {WORDS.get(row['name'], row['name'])} | {' | '.join(map(shown, cells))} |")
    return lines


def notes(run: dict[str, Any]) -> list[str]:
    """Where and when, and what speaks against the run."""
    machine = run["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    day = f"{run['at'][:4]}-{run['at'][4:6]}-{run['at'][6:8]}"
    lines = [
        "",
        (
            f"One run on {day}: {machine['cores']} cores of {machine['cpu']}, Python {machine['python']}, {versions}; "
            "the gateway on one core, client and mock on the other, 32 connections, median of "
            f"{run['rounds']} interleaved rounds of {run['seconds']:g} s. "
            "Stream: 64 connections of 100 events a second."
        ),
    ]
    if run["objections"]:
        lines.append(f"The harness objects to this run: {'; '.join(run['objections'][:4])}.")
    return lines


def main() -> None:
    run = json.loads(Path(sys.argv[1]).read_text())
    readme = ROOT / "README.md"
    text = readme.read_text()
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    readme.write_text("\n".join([head + BEGIN, *table(run), *notes(run), END]) + tail)


if __name__ == "__main__":
    main()
