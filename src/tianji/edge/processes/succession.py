"""How one process takes the place of another: it inherits the listening sockets and says when it serves."""

import os
import sys
from collections.abc import Mapping, MutableMapping, Sequence

import msgspec

from tianji.errors import ConfigurationError

VARIABLE = "TIANJI_HANDOVER"
_READY = b"ready"


class Inheritance(msgspec.Struct, frozen=True):
    """What a process got from its predecessor: descriptors. Without one, nothing."""

    listeners: tuple[int, ...] = ()  # its listening sockets
    ready: int | None = None  # the pipe on which it waits

    def announce(self) -> None:
        """Tell the predecessor that this process serves. To be called once."""
        if self.ready is None:
            return
        try:
            os.write(self.ready, _READY)
        except BrokenPipeError:  # it is gone already
            pass
        finally:
            os.close(self.ready)


def inherit(environ: MutableMapping[str, str]) -> Inheritance:
    """Take what a predecessor left out of the environment. Raises ConfigurationError when it is not what one leaves."""
    left = environ.pop(VARIABLE, None)
    if left is None:
        return Inheritance()
    try:
        inheritance = msgspec.json.decode(left, type=Inheritance)
        for descriptor in (*inheritance.listeners, *([] if inheritance.ready is None else [inheritance.ready])):
            os.set_inheritable(descriptor, False)
    except (msgspec.DecodeError, OSError) as error:
        raise ConfigurationError(
            f"{VARIABLE} is what a running gateway sets for its successor, and unusable here ({error}); unset it"
        ) from error
    return inheritance


class Successor:
    """A process started to take this one's place, by the command line and the interpreter that started this one."""

    def __init__(self, environ: Mapping[str, str], listeners: Sequence[int]) -> None:
        """Start it. Raises OSError."""
        self._reader, writer = os.pipe()
        os.set_blocking(self._reader, False)
        inheritance = Inheritance(tuple(listeners), writer)
        passed = [*listeners, writer]
        try:
            for descriptor in passed:
                os.set_inheritable(descriptor, True)
            self.process = os.posix_spawn(
                sys.executable,
                sys.orig_argv,
                {**environ, VARIABLE: msgspec.json.encode(inheritance).decode()},
                setsigmask=[],
            )
        except OSError:
            os.close(self._reader)
            raise
        finally:
            for descriptor in listeners:
                os.set_inheritable(descriptor, False)
            os.close(writer)

    @property
    def serves(self) -> bool:
        """Whether it said that it serves."""
        try:
            return os.read(self._reader, len(_READY)) == _READY
        except BlockingIOError:
            return False

    def ended(self) -> int | None:
        """Return its exit code, below 0 the signal it died of, once it ended; None before. Asked until it is known."""
        process, status = os.waitpid(self.process, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if process else None

    def forget(self) -> None:
        """Wait for its message no longer."""
        os.close(self._reader)
