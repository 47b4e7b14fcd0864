"""The gate by instruction count: its judgement, and that what it drives answers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from bench.inmemory import Worker
from bench.instructions import LIMIT, compare, difference, total
from bench.scenarios import SCENARIOS

ROOT = Path(__file__).parent.parent.parent.parent


def test_only_what_is_dearer_than_the_limit_fails() -> None:
    recorded = {"same": 1000, "cheaper": 1000, "almost": 1000, "dearer": 1000}
    seen = {"same": 1000, "cheaper": 500, "almost": int(1000 * (1 + LIMIT)), "dearer": 1051, "new": 9}
    lines, dearer = compare(recorded, seen)
    assert dearer == ["dearer"]
    assert [line.split() for line in lines[1:]] == [
        ["same", "1000", "1000", "+0.0%"],
        ["cheaper", "1000", "500", "-50.0%"],
        ["almost", "1000", "1050", "+5.0%"],
        ["dearer", "1000", "1051", "+5.1%"],
        ["new", "-", "9"],
    ]


def test_another_build_is_named() -> None:
    here = {"python": "3.12", "libc": "2", "uvloop": "1"}
    said = difference({"python": "3.11", "libc": "2", "old": "7"}, here)
    assert said == "python is 3.12, recorded with 3.11; old is None, recorded with 7; uvloop is 1, recorded with None"
    assert difference(here, here) == ""


def test_totals_of_a_dump(tmp_path: Path) -> None:
    dump = tmp_path / "out.1"
    dump.write_text("version: 1\nevents: Ir\nsummary: 12345\n\nfn=(1)\n0 7\ntotals: 12345\n")
    assert total(dump) == 12345
    dump.write_text("version: 1\n")
    with pytest.raises(SystemExit, match="says nothing"):
        total(dump)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_worker_in_memory_answers(tmp_path: Path, scenario) -> None:
    worker = Worker(tmp_path, scenario.config)
    try:
        for _ in range(3):
            first = worker.answered(scenario.request, scenario.answer)
            assert first.startswith(b"HTTP/1.1 %d " % scenario.status)
        before = worker.client.writes
        worker.ask(scenario.request, scenario.answer)
        pieces = len(scenario.answer) if scenario.name.startswith("stream") else 1
        assert worker.client.writes - before >= pieces - 1
    finally:
        worker.close()


def test_the_driver_names_each_scenario_behind_its_marks(tmp_path: Path) -> None:
    done = subprocess.run(
        (sys.executable, "-m", "bench.instructions", "--drive", str(tmp_path)),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.split(), done.stderr) == ([scenario.name for scenario in SCENARIOS], "")
