"""Whether a run is quiet enough to be published."""

from bench.macro.cells import Row, Sample
from bench.macro.stats import middle, spread

LOAD, SPREAD, CEILING = 0.2, 0.15, 0.9


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
            where = f"{row.target.name}, {name}"
            if row.target.command and (busy := figure(samples, "loader_busy")) > CEILING:
                found.append(f"{where}: mock and client were at {busy:.0%} of their cores; the rate is a lower bound")
            if len(samples) > 1 and (apart := spread([s.rate for s in samples])) > SPREAD:
                found.append(f"{where}: rounds lie {apart:.0%} apart")
    return found


def figure(samples: list[Sample], name: str) -> float:
    return middle(getattr(sample, name) for sample in samples) or 0.0
