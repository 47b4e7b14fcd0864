"""How processes beside the workers let those go first: sched(7), nice(2)."""

import contextlib
import os
import sys
from pathlib import Path
from typing import Final

PATIENT: Final = 10  # how much they let others go first
_MAY_PASS: Final = 23  # the bit of CAP_SYS_NICE, capabilities(7)


def go_behind() -> None:
    """Have this process go behind those that serve, also where it inherited a real-time priority from their parent."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # where that is not allowed, niceness remains
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    os.nice(PATIENT)


def may_come_back() -> bool:
    """Whether this process may take one back out of SCHED_IDLE; who may not never puts one there."""
    if sys.platform != "linux":
        return False
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return False
    capable = next((line.split()[1] for line in status.splitlines() if line.startswith("CapEff:")), "0")
    return bool(int(capable, 16) >> _MAY_PASS & 1)


def go_last(process: int = 0) -> None:
    """Have a process run only where nobody else wants to, and be interrupted at once (SCHED_IDLE)."""
    _schedule(process, "SCHED_IDLE")


def come_back(process: int) -> None:
    """Have a process compete again, as far as its niceness lets it."""
    _schedule(process, "SCHED_OTHER")


def _schedule(process: int, policy: str) -> None:
    """Give all threads of a process a policy, which is one of each thread."""
    try:
        threads = [int(task.name) for task in Path(f"/proc/{process or 'self'}/task").iterdir()]
    except OSError:
        return  # it has ended, or there is no such thing here
    for thread in threads:
        with contextlib.suppress(OSError):
            os.sched_setscheduler(thread, getattr(os, policy), os.sched_param(0))
