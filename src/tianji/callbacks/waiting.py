"""How the process that tells destinations begins: behind the workers, and holding nothing until something is said."""

import contextlib
import socket
from pathlib import Path
from typing import Final

from tianji.ledger.priority import go_behind

NAME: Final = "tianji-teller"  # what lists of processes call it


def wait(link: socket.socket) -> bool:
    """Wait until something is said, which stays to be read; False where the other end was closed before."""
    with contextlib.suppress(OSError):  # it only helps whoever looks
        Path("/proc/self/comm").write_text(NAME)
    go_behind()
    return bool(link.recv(1, socket.MSG_PEEK))
