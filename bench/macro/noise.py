"""Whether a run is quiet enough to be published."""

from bench.macro.cells import ONE, OPEN, PACED, Row, Sample
from bench.macro.stats import middle, spread

LOAD, SPREAD, CEILING = 0.2, 0.15, 0.9
LATE = 100.0  # µs, p99 of how late the open loop may ask


def objections(rows: list[Row], before: float) -> list[str]:
    """Why the figures should not be published; empty when they may. `before`: cores in use before the run."""
    found = []
    if before > LOAD:
        found.append(f"other processes used {before:.2f} cores before the run (limit {LOAD})")
    noise = [figure(samples, "other_load") for row in rows for samples in row.samples.values()]
    if loud := [load for load in noise if load > LOAD]:
        found.append(f"other processes used up to {max(loud):.2f} cores in {len(loud)} of {len(noise)} measurements")
    for row in rows:
        for name, samples in row.samples.items():
            found += [f"{row.target.name}, {name}: {doubt}" for doubt in doubts(name, samples)]
    return found


def doubts(cell: str, samples: list[Sample]) -> list[str]:
    """What speaks against the figure that the table shows of a cell."""
    found = []
    shown = "p50" if cell in (ONE.name, OPEN.name) else "cpu_event" if cell == PACED.name else "cpu"
    values = [value for sample in samples if (value := getattr(sample, shown)) is not None]
    if len(values) > 1 and (apart := spread(values)) > SPREAD:
        found.append(f"rounds lie {apart:.0%} apart")
    # a closed loop may fill the loaders' cores: what the gateway's own takes is the same
    if cell == OPEN.name and (busy := figure(samples, "loader_busy")) > CEILING:
        found.append(f"the open loop was busy {busy:.0%} of its time, and waited for")
    if late := [sample.late for sample in samples if sample.late is not None and sample.late > LATE]:
        found.append(f"the open loop itself asked up to {max(late):,.0f} µs late (p99) in {len(late)} rounds")
    return found


def figure(samples: list[Sample], name: str) -> float:
    return middle(getattr(sample, name) for sample in samples) or 0.0
