"""A process that gateways are forked from, so that what all of them load is loaded once.

Half a second of processor time is what a gateway takes to start, and nearly all of it goes into loading modules. One
that comes from here has those which a parent of several workers loads before it forks them. Where the start itself, or
the memory, is what is tested, a gateway begins as it does anywhere; see `conftest.OF_ITS_START`.
"""

import contextlib
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

ROOT = Path(__file__).parents[2]
# the program's own that are loaded later stay so: whether they can be is one of the things that tests prove
LOADED: Final = (
    "tianji.cli", "tianji.app", "tianji.edge.granian", "tianji.edge.native",
    "alembic.command", "sqlalchemy.ext.asyncio", "sqlalchemy.dialects.sqlite.aiosqlite", "httpx",
)  # fmt: skip


class Child:
    """A process that was forked there, to be used as a subprocess.Popen with a pipe for what it prints."""

    def __init__(self, stdout: int, life: int) -> None:
        self.stdout: IO[bytes] | None = os.fdopen(stdout, "rb")
        self.returncode: int | None = None
        self._life: IO[bytes] = os.fdopen(life, "rb")  # a line with its id, later one with its exit code
        self.pid = int(self._life.readline())

    def poll(self) -> int | None:
        """Return its exit code, None while it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return its exit code; below zero: ended by a signal. Raises TimeoutExpired."""
        if self.returncode is None:
            if not select.select([self._life], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("a gateway", timeout or 0.0)
            self.returncode = int(self._life.readline())
            self._life.close()
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[bytes, None]:
        """Read what it prints until it has ended. Raises TimeoutExpired."""
        said, end = b"", None if timeout is None else time.monotonic() + timeout
        while self.stdout is not None and not self.stdout.closed:
            left = None if end is None else max(0.0, end - time.monotonic())
            if not select.select([self.stdout], [], [], left)[0]:
                raise subprocess.TimeoutExpired("a gateway", timeout or 0.0)
            more = os.read(self.stdout.fileno(), 65536)
            said += more
            if not more:
                self.stdout.close()
        self.wait(None if end is None else max(0.0, end - time.monotonic()))
        return said, None

    def send_signal(self, number: int) -> None:
        """Send it a signal, as long as it runs."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it has ended, and that is about to be told
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


class Nursery:
    """The process, as tests use it; it ends when it is left."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._control, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        line = [sys.executable, "-m", __name__, str(there.fileno())]
        path = f"{ROOT / 'src'}{os.pathsep}{ROOT}"
        self._process = subprocess.Popen(
            line, pass_fds=[there.fileno()], cwd=ROOT, env={**env, "PYTHONPATH": path}, stdout=subprocess.DEVNULL
        )
        there.close()

    def begin(
        self, module: str, arguments: Sequence[str], folder: Path, env: Mapping[str, str], errors: IO[bytes]
    ) -> Child:
        """Begin `tianji` with these arguments; `errors` is what it has for stderr."""
        assert module == "tianji"
        told, tells = os.pipe()
        life, lives = os.pipe()
        asked = json.dumps([list(arguments), str(folder), dict(env)]).encode()
        socket.send_fds(self._control, [asked], [tells, errors.fileno(), lives])
        os.close(tells)
        os.close(lives)
        return Child(told, life)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._control.close()
        self._process.wait(30)


def fork_on_request(control: socket.socket) -> bool:
    """Fork whom somebody asks for, and tell how they end; return True in each of them, False when nobody asks more."""
    ended, ends = os.pipe()
    os.set_blocking(ends, False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.set_wakeup_fd(ends, warn_on_full_buffer=False)
    lives: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([control, ended], [], [])
        if ended in ready:
            os.read(ended, 4096)
            tell_ends(lives)
        if control not in ready:
            continue
        asked, handles, _, _ = socket.recv_fds(control, 1 << 20, 3)
        if not asked:
            return False
        child = os.fork()
        if child == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            control.close()
            for handle in (ended, ends, *lives.values()):
                os.close(handle)
            become(asked, handles)
            return True
        stdout, stderr, lives[child] = handles
        os.close(stdout)
        os.close(stderr)
        os.write(lives[child], b"%d\n" % child)


def tell_ends(lives: dict[int, int]) -> None:
    """Say of those that have ended how they did."""
    while lives:
        child, status = os.waitpid(-1, os.WNOHANG)
        if child == 0:
            return
        life = lives.pop(child)
        with contextlib.suppress(BrokenPipeError):  # nobody wants to know
            os.write(life, b"%d\n" % os.waitstatus_to_exitcode(status))
        os.close(life)


def become(asked: bytes, handles: Sequence[int]) -> None:
    """Make this process look as if it had begun with what was asked for."""
    arguments, folder, env = json.loads(asked)
    stdout, stderr, life = handles
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
    for handle in (stdout, stderr, life):
        os.close(handle)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    os.chdir(folder)
    sys.path[0] = folder
    sys.argv = [str(ROOT / "src" / "tianji" / "__main__.py"), *arguments]
    sys.orig_argv = [sys.executable, "-m", "tianji", *arguments]


if __name__ == "__main__":
    for name in LOADED:
        importlib.import_module(name)
    assert [task.name for task in Path("/proc/self/task").iterdir()] == [str(os.getpid())], "who forks has no threads"
    if fork_on_request(socket.socket(fileno=int(sys.argv[1]))):
        importlib.import_module("tianji.cli").main()
