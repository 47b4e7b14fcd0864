"""Run the suite as two halves at the same time: unit tests keep a core busy, and the others mostly wait for processes.

The output of the first half comes whole when it has ended. Exit code 0 when both halves passed.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).parent
PYTEST = (sys.executable, "-m", "pytest")


def main() -> int:
    """Run both halves; return the worse exit code."""
    others = sorted(str(path) for path in TESTS.iterdir() if path.is_dir() and list(path.rglob("test_*.py")))
    others.remove(str(TESTS / "unit"))
    with tempfile.TemporaryFile() as said:
        unit = subprocess.Popen([*PYTEST, str(TESTS / "unit")], stdout=said, stderr=subprocess.STDOUT)
        code = subprocess.run([*PYTEST, *others], check=False).returncode
        code = max(code, unit.wait())
        said.seek(0)
        sys.stdout.buffer.write(said.read())
    return code


if __name__ == "__main__":
    sys.exit(main())
