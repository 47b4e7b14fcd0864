"""Put the figures of a run into the README, between its two markers. Figures never get there by hand.

python -m bench.readme bench/results/TIME.json
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.figures import DIRECT, Figures, figures
from bench.macro.report import number
from bench.promises import Verdict, judge

ROOT = Path(__file__).parent.parent
BEGIN, END = "<!-- figures:begin -->", "<!-- figures:end -->"
WORDS = {
    "nginx": "nginx `proxy_pass`",
    "hello": "bare Granian application, answers by itself",
    "hello-deaf": "the same, without reading the request",
    "relay": "bare relay on Granian, plain Python",
    "granian-bare": "Tianji on Granian, without a key",
    "granian": "Tianji on Granian, with keys",
    "granian-governed": "**Tianji on Granian, everything on**: every limit, budgets, metrics, ledger",
    "native-bare": "Tianji, native edge, without a key",
    "native": "Tianji, native edge, with keys",
    "native-governed": "**Tianji, native edge, everything on**: every limit, budgets, metrics, ledger",
    "native-to-claude": "with keys, OpenAI's form to Anthropic's",
    "native-messages": "with keys, Anthropic's form to OpenAI's",
    "native-through": "with keys, passed through",
}
COLUMNS = {
    "cpu": "µs a request",
    "cpu_nginx": "x nginx",
    "rate_core": "requests/s a core",
    "cpu_150k": "µs a 150 KB request",
    "cpu_chunk": "µs a stream chunk",
    "load_p99": "µs p99 added at 60 % load",
    "idle_mib": "MiB idle",
    "start_seconds": "s to start",
}


def table(run: Mapping[str, Any]) -> list[str]:
    """The Markdown lines of a run: the rows that ran."""
    found = figures(run)
    lines = markdown(("CPU on one core", *COLUMNS.values()))
    for row in run["rows"]:
        name = row["name"]
        if name != DIRECT and not row["problem"]:
            lines += [line((WORDS.get(name, name), *(number(found[name][column]) for column in COLUMNS)))]
    return lines


def promises(found: Mapping[str, Figures]) -> list[str]:
    """The Markdown lines of what was promised and measured."""
    verdicts = [verdict for verdict in judge(found) if verdict.met is not None]
    if not verdicts:
        return []
    return ["", *markdown(("promise", "bound", "seen", "")), *(line(_promise(verdict)) for verdict in verdicts)]


def _promise(verdict: Verdict) -> Sequence[str]:
    return verdict.promise.text, verdict.promise.bound, number(verdict.seen), "met" if verdict.met else "**missed**"


def markdown(titles: Sequence[str]) -> list[str]:
    """The head of a table."""
    return [line(titles), "|---" * len(titles) + "|"]


def line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def notes(run: Mapping[str, Any]) -> list[str]:
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
        first, rest = run["objections"][:4], len(run["objections"][4:])
        more = f"; and {rest} more of its kind" if rest else ""
        lines.append(f"The harness objects to this run: {'; '.join(first)}{more}.")
    return lines


def main() -> None:
    run = json.loads(Path(sys.argv[1]).read_text())
    readme = ROOT / "README.md"
    text = readme.read_text()
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    readme.write_text("\n".join([head + BEGIN, *table(run), *promises(figures(run)), *notes(run), END]) + tail)


if __name__ == "__main__":
    main()
