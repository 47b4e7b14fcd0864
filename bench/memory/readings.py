"""What a process tree holds in memory, from /proc: proc_pid_smaps(5), proc_pid_status(5), proc_pid_clear_refs(5).

RSS counts a page in every process that maps it, PSS divides it among them, USS is what would be free if the process
ended. Of a tree, the sum of the PSS is what it really takes.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.macro.measure import PROC, kib


@dataclass(frozen=True)
class Reading:
    """MiB of one process or of several together."""

    rss: float = 0.0
    pss: float = 0.0
    uss: float = 0.0

    def __add__(self, other: Reading) -> Reading:
        return Reading(self.rss + other.rss, self.pss + other.pss, self.uss + other.uss)


def read(pid: int) -> Reading:
    """Read one process. Raises FileNotFoundError or ProcessLookupError when it has ended."""
    found = kib(PROC / str(pid) / "smaps_rollup")
    private = found["Private_Clean"] + found["Private_Dirty"]
    return Reading(found["Rss"] / 1024, found["Pss"] / 1024, private / 1024)


def forget_peak(pid: int) -> None:
    """Let the peak of a process begin at what it holds now."""
    (PROC / str(pid) / "clear_refs").write_text("5")


def peak(pid: int) -> float:
    """The most MiB that were resident since `forget_peak`."""
    return kib(PROC / str(pid) / "status").get("VmHWM", 0) / 1024


def slope(points: list[tuple[float, float]]) -> float:
    """The inclination of the straight line that fits `points` best (least squares); 0 for fewer than two."""
    if len(points) < 2:
        return 0.0
    middle_x = sum(x for x, _ in points) / len(points)
    middle_y = sum(y for _, y in points) / len(points)
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / spread
