"""How the process that tells destinations begins: behind all others, and holding nothing until something is said."""

import contextlib
import os
import socket
import sys
from pathlib import Path
from typing import Final

NAME: Final = "tianji-teller"  # what lists of processes call it
LAST: Final = 19  # nice(2), where there is no SCHED_IDLE


def wait(link: socket.socket) -> bool:
    """Wait until something is said, which stays to be read; False where the other end was closed before."""
    with contextlib.suppress(OSError):  # it only helps whoever looks
        Path("/proc/self/comm").write_text(NAME)
    go_last()
    return bool(link.recv(1, socket.MSG_PEEK))


def go_last() -> None:
    """Have this process run only where nobody else wants to, and be interrupted at once (SCHED_IDLE of sched(7))."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
            return
    os.nice(LAST)
