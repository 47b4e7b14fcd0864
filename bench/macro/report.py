"""The table."""

from bench.macro.run import Row, middle

Line = tuple[str, ...]
HEADERS: Line = ("", "req/s", "p50 µs", "p99 µs", "+p50", "+p99", "CPU µs/req", "req/s a core", "CPU µs/event", "")


FIGURES = ("rate", "p50", "p99", "added_p50", "added_p99", "cpu", "cpu_event")


def cell_table(rows: list[Row], cell: str) -> list[str]:
    """One cell's lines: a target each, failures as failures."""
    lines: list[Line] = [HEADERS]
    for row in rows:
        samples = row.samples.get(cell, [])
        name = row.target.name
        if row.problem or not samples:
            lines.append((name, *["-"] * 8, f"FAILED: {row.problem}" if row.problem else "not comparable"))
            continue
        failures = sum(sample.failures for sample in samples)
        problem = next((sample.problem for sample in samples if sample.problem), "")
        note = f"FAILED {failures}: {problem}" if failures or problem else ""
        rate, p50, p99, more_p50, more_p99, cpu, event = (middle(samples, figure) for figure in FIGURES)
        figures = [rate, p50, p99, more_p50, more_p99, cpu, 1e6 / cpu if cpu else None, event]
        if not any(sample.answers for sample in samples):
            figures = [None] * 8
        shown = [_number(value, signed=3 <= i <= 4) for i, value in enumerate(figures)]
        lines.append((name, *shown, note))
    return aligned(lines)


def memory_table(rows: list[Row]) -> list[str]:
    lines: list[Line] = [("", "idle MiB", "after MiB")]
    lines += [(row.target.name, _number(row.idle_mib), _number(row.after_mib)) for row in rows if not row.problem]
    return aligned(lines)


def aligned(lines: list[Line]) -> list[str]:
    """Columns as wide as they must be; the first and the last to the left, the others to the right."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    last = len(widths) - 1
    out = []
    for line in lines:
        cells = [
            text.ljust(width) if i == 0 or (i == last and last > 2) else text.rjust(width)
            for i, (text, width) in enumerate(zip(line, widths, strict=True))
        ]
        out.append("  ".join(cells).rstrip())
    return out


def _number(value: float | None, *, signed: bool = False) -> str:
    if value is None:
        return "-"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:{'+' if signed else ''},.{digits}f}"
