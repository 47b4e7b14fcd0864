"""Work that another process does."""

import os
import subprocess
import sys

import pytest

from tianji.cli.apart import apart


def test_the_result_comes_back_and_the_work_leaves_no_trace() -> None:
    touched: list[int] = []

    def work() -> dict[str, int]:
        touched.append(1)
        return {"process": os.getpid()}

    told = apart(work, dict[str, int])
    assert told["process"] != os.getpid()
    assert touched == []


def test_a_large_result_comes_back() -> None:
    assert apart(lambda: "x" * 1_000_000, str) == "x" * 1_000_000


def test_a_fault_ends_both_and_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    def work() -> int:
        raise ZeroDivisionError("the reason")

    with pytest.raises(SystemExit) as left:
        apart(work, int)
    assert left.value.code == 1
    assert "the reason" in capfd.readouterr().err


def test_what_the_parent_does_at_its_end_is_not_done_twice() -> None:
    code = (
        "import atexit, sys; from tianji.cli.apart import apart\n"
        "atexit.register(print, 'the end')\n"
        "print('begun')\n"
        "print(apart(lambda: sys.exit(3), int))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (1, "begun\nthe end\n")
