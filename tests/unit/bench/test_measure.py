"""Memory of a process tree."""

import os
import subprocess
import sys

from bench.macro.measure import resident_mib

FORKED = """
import os, sys
block = bytearray(os.urandom(1 << 20) * 64)
if not os.fork():
    sys.stdin.read()
    os._exit(0)
print(os.getpid(), *open(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read().split(), flush=True)
sys.stdin.read()
"""


def test_what_a_fork_shares_counts_once() -> None:
    with subprocess.Popen(
        (sys.executable, "-c", FORKED), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        together = resident_mib(pids)
        parent.communicate()
    assert len(pids) == 2
    assert 64 < together < 100


def test_processes_that_are_gone_count_nothing() -> None:
    assert resident_mib([2**22 + 1]) == 0
    assert resident_mib([os.getpid()]) > 1
