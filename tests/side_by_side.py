"""Run the suite in parts, several at the same time: unit tests keep a core busy, the others mostly wait for processes.

What a part says comes whole when it has ended. Exit code 0 when all passed.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

TESTS = Path(__file__).parent
PYTEST = (sys.executable, "-m", "pytest")
AT_ONCE = 4
SUMMED_UP = re.compile(rb"^=+ .* in [0-9.]+s", re.MULTILINE)  # code under test may end its process with exit code 0
Running = dict[subprocess.Popen[bytes], IO[bytes]]
SHARES = {"unit": 2, "contract": 6}  # the more, the less is one waited for, but each loads what all need


def parts() -> Iterator[list[Path]]:
    """Yield what one run takes, the longest first; a folder or file that is new is in one of them by itself."""
    yield [path for path in sorted(TESTS.iterdir()) if path.name not in (*SHARES, "clients") and holds_tests(path)]
    for folder, shares in SHARES.items():
        inside = testing(TESTS / folder)
        for share in range(shares):
            yield inside[share::shares]


def testing(folder: Path) -> list[Path]:
    """List what in a folder has tests, file by file where its own folders do not share what they start."""
    found: list[Path] = []
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not (path / "conftest.py").exists():
            found += testing(path)
        elif holds_tests(path):
            found.append(path)
    return found


def holds_tests(path: Path) -> bool:
    """Whether it is a test file, or a folder with some."""
    return any(path.rglob("test_*.py")) if path.is_dir() else path.match("test_*.py")


def main() -> int:
    """Run all parts; return the worst exit code."""
    waiting = list(parts())
    running: Running = {}
    worst = 0
    while waiting or running:
        while waiting and len(running) < AT_ONCE:
            said = tempfile.TemporaryFile()  # noqa: SIM115 - closed when its part has ended
            line = [*PYTEST, *map(str, waiting.pop(0))]
            # a folder of its own: runs that share one clean up after each other
            apart = {**os.environ, "PYTEST_DEBUG_TEMPROOT": tempfile.mkdtemp(prefix="part-")}
            running[subprocess.Popen(line, stdout=said, stderr=subprocess.STDOUT, env=apart)] = said
        ended = first_to_end(running)
        with running.pop(ended) as file:
            file.seek(0)
            said = file.read()
        sys.stdout.buffer.write(said)
        sys.stdout.flush()
        worst = max(worst, abs(ended.returncode), not SUMMED_UP.search(said))  # below zero: by a signal
    return worst


def first_to_end(running: Running) -> subprocess.Popen[bytes]:
    """Wait until one of them has ended."""
    while True:
        for process in running:
            try:
                process.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
            return process


if __name__ == "__main__":
    sys.exit(main())
