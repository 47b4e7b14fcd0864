"""Start what is measured, pinned to its cores; stop it while others are measured; end it with all its children."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from bench.macro import measure
from bench.macro.targets import ROOT, Target, defaults, filled

END_SECONDS = 5.0
FIRST = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
PRIORITY = 1  # of those that have one at all the lowest, and yet before all that have none
BESIDE = {"tianji-ledger", "tianji-teller", "filler"}  # processes that work beside requests, in what they leave


class NotRunning(Exception):  # noqa: N818
    """The process ended, before it was ready or later, or did not say that it is ready."""


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def on_cores(cores: set[int]) -> Callable[[], None]:
    """Return what a child does before it is its program: go to its cores."""
    return lambda: os.sched_setaffinity(0, cores)


def compiled(source: Path, folder: Path, options: Sequence[str] = ()) -> Path:
    """Compile a program into a folder; raises ClickException where there is no compiler, or it fails."""
    program = folder / source.stem
    command = (os.environ.get("CC", "cc"), "-O2", "-Wall", "-Werror", "-o", str(program), str(source), *options)
    try:
        subprocess.run(command, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise click.ClickException(f"{' '.join(command)}: {error}") from error
    return program


class Process:
    """A child in a session of its own, its output in `log`."""

    def __init__(self, command: Sequence[str], cores: set[int], log: Path, env: Mapping[str, str]) -> None:
        paths = os.pathsep.join(filter(None, (str(ROOT), str(ROOT / "src"), os.environ.get("PYTHONPATH"))))
        self.log = log
        self._out = log.open("wb")
        try:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=self._out,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": paths, **env},
                start_new_session=True,
                preexec_fn=on_cores(cores),  # noqa: PLW1509 - this program has one thread
            )
        except OSError as error:
            self._out.close()
            raise NotRunning(str(error)) from error

    def pids(self) -> list[int]:
        return measure.tree(self._child.pid)

    def check(self) -> None:
        """Raise NotRunning if it has ended."""
        if self._child.poll() is not None:
            last = self.log.read_text(errors="replace").strip().splitlines()[-3:]
            raise NotRunning(f"ended with {self._child.returncode}: {' / '.join(last)}")

    def stand(self) -> None:
        """Stand still, whoever looks after others before them."""
        _tell(self.pids(), signal.SIGSTOP)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Go on for a while, whoever looks after others after them."""
        _tell(reversed(self.pids()), signal.SIGCONT)
        try:
            yield
        finally:
            self.stand()

    def close(self) -> None:
        for pid in self.pids():  # two of one priority may wait for each other, and one is to end
            with suppress(ProcessLookupError):
                os.sched_setscheduler(pid, os.SCHED_OTHER, os.sched_param(0))
        for number in (signal.SIGCONT, signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._child.pid, number)
                if number != signal.SIGCONT:
                    self._child.wait(END_SECONDS)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue
        self._out.close()


def _tell(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):  # it has ended
            os.kill(pid, number)


def working(pids: Iterable[int]) -> list[int]:
    """Those of the processes that work on requests, and not beside them."""
    found = []
    for pid in pids:
        try:
            if Path(f"/proc/{pid}/comm").read_text().strip() not in BESIDE:
                found.append(pid)
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended
    return found


def alone(pids: Iterable[int]) -> bool:
    """Put processes before all others of their cores; whether that is allowed (sched(7), SCHED_FIFO).

    What they start from now on comes no sooner than others: a ledger's process begins when there is something for it.
    """
    return _scheduled(pids, FIRST, PRIORITY)


def among_others(pids: Iterable[int]) -> None:
    """Let processes share their cores with others again, as whoever runs them without further ado has it."""
    _scheduled(pids, os.SCHED_OTHER, 0)


def _scheduled(pids: Iterable[int], policy: int, priority: int) -> bool:
    for pid in working(pids):
        try:
            for task in Path(f"/proc/{pid}/task").iterdir():
                os.sched_setscheduler(int(task.name), policy, os.sched_param(priority))
        except PermissionError:
            return False
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended
    return True


def start_mock(cores: set[int], folder: Path, tokens: int) -> tuple[Process, str]:
    """Start the mock; return it and its host:port."""
    command = (sys.executable, "-m", "tianji.mock", "--port", "0", "--tokens", str(tokens), "--keep-requests", "1")
    mock = Process(command, cores, folder / "mock.log", {})
    for _ in range(200):
        mock.check()
        if (line := mock.log.read_text()).startswith("mock listening on http://") and line.endswith("\n"):
            return mock, line.strip().rpartition("/")[2]
        time.sleep(0.05)
    mock.close()
    raise NotRunning("the mock did not say where it listens")


def start_target(target: Target, cores: set[int], folder: Path, upstream: str) -> tuple[Process, dict[str, str]]:
    """Write a target's files and start it; return it and the values that its texts were filled with."""
    folder.mkdir()
    values = defaults(free_port(), upstream, folder)
    for name, text in target.files.items():
        (folder / name).write_text(filled(text, values))
    env = {"TIANJI_DATA_DIR": str(folder / "data")} | {k: filled(v, values) for k, v in target.env.items()}
    command = [filled(word, values) for word in target.command]
    return Process(command, cores, folder / "log", env), values
