"""The time between "stop" and the end: running requests finish, new ones are refused."""

import time

from tianji.edge.control import Control

INTERVAL = 0.05  # seconds between two looks at the load
# seconds a worker has to leave once it was told to: when it is idle, when the grace period is over, on a second signal
LEAVE_IDLE, LEAVE_BUSY, LEAVE_NOW = 10.0, 1.0, 0.2


class Drain:
    """Refuses new requests from the moment it is made. Look at it every INTERVAL."""

    def __init__(self, control: Control, grace: float) -> None:
        self._control = control
        self._deadline = time.monotonic() + grace
        self._quiet = 0
        control.drain()

    def patience(self) -> float | None:
        """Say how many seconds workers get to leave now; None while requests run and the grace period does."""
        self._quiet = self._quiet + 1 if self._control.load == 0 else 0
        if self._quiet == 2:  # twice: a request may be on its way between two threads
            return LEAVE_IDLE
        return LEAVE_BUSY if time.monotonic() >= self._deadline else None
