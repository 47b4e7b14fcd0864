"""Which of several processes that share a folder does what only one may do."""

import fcntl
import os
from pathlib import Path


class Lead:
    """A lead is a lock on a file: whoever gets it has it until he gives it up or ends, however that is."""

    def __init__(self, file: Path) -> None:
        """`file`: what is locked; it is made with its folder where it is not there, and stays."""
        self._file = file
        self._opened: int | None = None

    @property
    def held(self) -> bool:
        """Whether this process has it."""
        return self._opened is not None

    def take(self) -> bool:
        """Have it from now on; False where another one has it, or this one had it before. Raises OSError."""
        if self._opened is not None:
            return False
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        opened = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(opened)
            return False
        self._opened = opened
        return True

    def release(self) -> None:
        """Let another one have it."""
        if self._opened is not None:
            os.close(self._opened)
            self._opened = None
