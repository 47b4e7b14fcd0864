"""The regression gate: how many instructions the gateway takes for a request, under valgrind.

    python -m bench.instructions            compare with bench/instructions.json; fails above LIMIT
    python -m bench.instructions --record   write what was seen there
    python -m bench.instructions --pairs    count each pair of forms (bench/pairs.py); says how they compare with bytes;
                                            with words behind it those whose names hold all of them

Instructions are the same in every run where seconds are not, whatever else the machine does. A worker is driven in
memory (bench/inmemory.py), so none of the kernel's are counted. Each figure is the difference between 2N requests and
N, so that nothing that happens once is in it. Figures compare only between equal builds: where the versions differ from
the recorded ones, this reports and judges nothing.
"""

import argparse
import gc
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

RECORD = Path(__file__).with_suffix(".json")
LIMIT = 0.05  # more than recorded
WARM = 50  # requests before anything is counted
COUNT = 200  # N
FEW = 30  # N of pairs, of which there are many
MARK = "getppid"  # a C function that nothing else here calls: callgrind writes its counts whenever it is entered
LOOPS = "glibc.cpu.x86_rep_movsb_threshold=0x7fffffff"
"""Has libc copy in loops: valgrind counts `rep movsb`, which it takes for more than 2 KB, as an instruction a byte."""
CALLGRIND = ("valgrind", "--tool=callgrind", f"--dump-before={MARK}")


def main() -> int:
    """Return the exit code: 1 where a scenario became dearer than it may."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--record", action="store_true", help="write what was seen to bench/instructions.json")
    parser.add_argument("--pairs", nargs="*", metavar="WORD", help="count pairs of forms instead: these, or all")
    parser.add_argument("--drive", type=Path, help=argparse.SUPPRESS)  # what runs under valgrind; the folder to use
    given = parser.parse_args()
    if given.drive is not None:
        drive(given.drive, given.pairs)
        return 0
    if shutil.which("valgrind") is None:
        print("valgrind is not installed: nothing was counted")
        return 0
    if given.pairs is not None:
        print("\n".join(shares(count("--pairs", *given.pairs))))
        return 0
    seen, versions = count(), versions_here()
    if given.record:
        RECORD.write_text(json.dumps({"versions": versions, "instructions": seen}, indent=1) + "\n")
        print(f"recorded: {RECORD}")
        return 0
    recorded = json.loads(RECORD.read_text())
    lines, dearer = compare(recorded["instructions"], seen)
    print("\n".join(lines))
    if recorded["versions"] != versions:
        print("not judged: " + difference(recorded["versions"], versions))
        return 0
    if dearer:
        print(f"FAILED: over {LIMIT:.0%} more than recorded: {', '.join(dearer)}; if it is worth it, --record")
    return bool(dearer)


def compare(recorded: Mapping[str, int], seen: Mapping[str, int]) -> tuple[list[str], list[str]]:
    """Return a line for each scenario, and the names of those that became too dear."""
    lines = [f"{'instructions a request':28}{'recorded':>12}{'seen':>12}"]
    dearer = []
    for name, now in seen.items():
        before = recorded.get(name)
        lines.append(f"{name:28}{before or '-':>12}{now:>12}" + (f"{now / before - 1:>+9.1%}" if before else ""))
        if before and now > before * (1 + LIMIT):
            dearer.append(name)
    return lines, dearer


def shares(seen: Mapping[str, int]) -> list[str]:
    """Return a line for each pair: what it takes, and which part of that bytes in the same form take."""
    from bench.pairs import KINDS  # noqa: PLC0415 - as above

    lines = [f"{'instructions a request':32}{'seen':>12}{'share':>8}"]
    for name, now in seen.items():
        bytes_take = seen["chat to demo" + next(kind for kind in reversed(KINDS) if name.endswith(kind))]
        lines.append(f"{name:32}{now:>12}{bytes_take / now:>8.0%}")
    return lines


def difference(recorded: Mapping[str, str], here: Mapping[str, str]) -> str:
    """Say what is another version than when the figures were recorded."""
    names = [name for name in {**recorded, **here} if recorded.get(name) != here.get(name)]
    return "; ".join(f"{name} is {here.get(name)}, recorded with {recorded.get(name)}" for name in names)


def versions_here() -> dict[str, str]:
    """What decides how many instructions the same source takes."""
    from tianji._core.edges import server  # noqa: PLC0415 - only here: counting must not need a build of its own

    built = re.search(rb"GCC: \([^)]*\) [\d.]+|clang version [\d.]+", Path(server.__file__).read_bytes())
    return {
        "python": f"{platform.python_version()}, {platform.python_compiler()}",
        "compiler": built[0].decode() if built else "unknown",
        "libc": " ".join(platform.libc_ver()),
        "machine": platform.machine(),
        **{name: version(name) for name in ("Cython", "uvloop", "msgspec")},
    }


def count(*options: str) -> dict[str, int]:
    """Run every scenario under callgrind; return instructions a request. `options`: which, as above."""
    with tempfile.TemporaryDirectory(prefix="instructions-") as made:
        folder = Path(made)
        environ = {name: value for name, value in os.environ.items() if name in ("PATH", "LD_LIBRARY_PATH")}
        environ |= {"PYTHONHASHSEED": "0", "PYTHONPATH": os.pathsep.join(sys.path), "GLIBC_TUNABLES": LOOPS}
        # first as they are: what is loaded for the first time is compiled, and under valgrind that takes very long
        for name, counted in (("plain", ()), ("counted", (*CALLGRIND, f"--callgrind-out-file={folder}/out"))):
            (folder / name).mkdir()
            command = (*counted, sys.executable, "-m", "bench.instructions", "--drive", str(folder / name), *options)
            done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(f"the scenarios failed ({name}):\n{done.stderr[-4000:]}")
        # each mark ends a dump: what came before the first mark, then for each scenario warming up, N and 2N
        names = done.stdout.splitlines()
        totals = [total(folder / f"out.{number}") for number in range(1, 3 * len(names) + 1)]
        return {
            name: round((totals[3 * i + 2] - totals[3 * i + 1]) / (FEW if options else COUNT))
            for i, name in enumerate(names)
        }


def total(dump: Path) -> int:
    """The instructions of one of callgrind's files."""
    found = re.search(r"^(?:summary|totals): (\d+)", dump.read_text(), re.MULTILINE)
    if found is None:
        raise SystemExit(f"{dump} says nothing of totals")
    return int(found[1])


def drive(folder: Path, pairs: list[str] | None) -> None:
    """Run every scenario: warm up, N requests, 2N, with a mark behind each; print their names."""
    from bench.inmemory import Worker  # noqa: PLC0415 - the gateway is loaded under valgrind only
    from bench.pairs import KINDS, PAIRS  # noqa: PLC0415
    from bench.scenarios import SCENARIOS  # noqa: PLC0415

    scenarios = SCENARIOS
    if pairs is not None:
        scenarios = tuple(
            one for one in PAIRS if one in PAIRS[: len(KINDS)] or all(word in one.name.split() for word in pairs)
        )
    configurations = dict.fromkeys(scenario.config for scenario in scenarios)
    workers = {config: Worker(folder / str(number), config) for number, config in enumerate(configurations)}
    for scenario in scenarios:
        first = workers[scenario.config].answered(scenario.request, scenario.answer)
        if not first.startswith(b"HTTP/1.1 %d " % scenario.status):
            raise SystemExit(f"{scenario.name} was answered {first!r}")
    gc.collect()
    gc.disable()
    for scenario in scenarios:
        worker, request, answer = workers[scenario.config], scenario.request, scenario.answer
        for rounds in (WARM, COUNT, 2 * COUNT) if pairs is None else (FEW, FEW, 2 * FEW):
            before = worker.client.writes
            for _ in range(rounds):
                worker.ask(request, answer)
            os.getppid()
            if worker.client.writes - before < rounds:
                raise SystemExit(f"{scenario.name}: requests went unanswered")
        worker.turn()
        print(scenario.name)
    for worker in workers.values():
        worker.close()


if __name__ == "__main__":
    sys.exit(main())
