"""CPU time and memory of a process tree, and of the machine, from /proc."""

import os
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")


def parents() -> dict[int, int]:
    """The parent of every process that exists."""
    found = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                # the name in parentheses may hold anything, so the fields are counted from its end
                found[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


def tree(root: int) -> list[int]:
    """`root` and all that descend from it."""
    by_pid = parents()
    found = [root]
    for pid in found:
        found += [child for child, parent in by_pid.items() if parent == pid]
    return found


def cpu_seconds(pids: list[int]) -> float:
    """Time on a CPU, kernel included, of all threads that live, in nanosecond steps (schedstat(5))."""
    return _of_threads(pids, 0)


def waited_seconds(pids: list[int]) -> float:
    """Time for which threads that live could have run and others had the CPU, likewise."""
    return _of_threads(pids, 1)


def stolen_seconds() -> float:
    """Time for which the machine's CPUs could have run and its host had them, in clock ticks' steps (proc_stat(5))."""
    return int((PROC / "stat").read_text().split("\n", 1)[0].split()[8]) / TICKS


def _of_threads(pids: list[int], field: int) -> float:
    total = 0
    for pid in pids:
        try:
            for task in (PROC / str(pid) / "task").iterdir():
                total += int((task / "schedstat").read_text().split()[field])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total / 1e9


def resident_mib(pids: list[int]) -> float:
    """Memory of the processes together: what they share with each other since a fork counts once.

    Anonymous pages by their share (Pss_Anon of smaps_rollup(5)), which adds up to one over the processes; files as the
    process has them that has most, since others map the same ones.
    """
    anonymous, files = 0, [0]
    for pid in pids:
        try:
            anonymous += kib(PROC / str(pid) / "smaps_rollup")["Pss_Anon"]
            files.append(kib(PROC / str(pid) / "status")["RssFile"])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return (anonymous + max(files)) / 1024


def kib(file: Path) -> dict[str, int]:
    """The lines `Name: number kB` of a file of /proc."""
    pairs = (line.split() for line in file.read_text().splitlines() if line.endswith("kB"))
    return {name.rstrip(":"): int(number) for name, number, _ in pairs}


@dataclass(frozen=True)
class Machine:
    """A reading of the whole machine: seconds that its CPUs were busy, in clock ticks' steps."""

    busy: float

    @classmethod
    def read(cls) -> "Machine":
        fields = [int(x) for x in (PROC / "stat").read_text().split("\n", 1)[0].split()[1:9]]
        return cls((sum(fields) - fields[3] - fields[4]) / TICKS)


def describe() -> dict[str, object]:
    """What a reader must know of the machine."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in (PROC / "cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        "unknown",
    )
    memory = int((PROC / "meminfo").read_text().split()[1]) // 1024
    return {"cpu": cpu, "cores": os.cpu_count(), "memory_mib": memory, "kernel": os.uname().release}
