"""The open loop, `open.c`: it asks at a constant rate, and is itself the upstream that is reached."""

import subprocess
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.macro.process import NotRunning, alone, compiled, on_cores

COUNTED = 0.6  # seconds of a burst
REST = 0.3  # seconds before each, in which others have their turn
SOURCE = Path(__file__).parent / "open.c"


@dataclass(frozen=True)
class Seen:
    """What one open loop saw. Times in microseconds."""

    answers: int  # that count
    asked: int  # in all
    left_out: int  # that were due when the driver could not ask, and never were asked
    failures: int
    p50: float
    p99: float
    p999: float
    longest: float
    late: float  # p99 of how late the driver itself came to a request
    seconds: float  # that the bursts lasted
    busy: float  # share of these in which the driver had something to do
    problem: str = ""

    @classmethod
    def read(cls, line: str) -> "Seen":
        """Read the line in which `open.c` tells it."""
        *numbers, problem = line.rstrip("\n").split(" ", 11)
        answers, asked, left_out, failures, p50, p99, p999, longest, late, lasted, busy = map(int, numbers)
        times = (each / 1e3 for each in (p50, p99, p999, longest, late))
        return cls(answers, asked, left_out, failures, *times, lasted / 1e9, busy / 1e3, problem)


class Driver:
    """The program, at its address as the upstream; close it."""

    def __init__(
        self, folder: Path, cores: set[int], chat: bytes, messages: bytes, rest: float = REST, *, sleeps: bool = False
    ) -> None:
        """Start it with the payloads of its answers. Raises NotRunning.

        rest: seconds before each burst; sleeps: it leaves what it does not need of its core to others
        """
        self._rest_ms = round(1000 * rest)
        self._request = folder / "open.request"
        self._times = folder / "open.times"
        files = folder / "open.chat", folder / "open.messages"
        for file, payload in zip(files, (chat, messages), strict=True):
            head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(payload)}\r\n\r\n"
            file.write_bytes(head.encode() + payload)
        self._child = subprocess.Popen(
            (str(compiled(SOURCE, folder)), *map(str, files), *(["sleeping"] if sleeps else [])),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=on_cores(cores),  # noqa: PLW1509 - this program has one thread
        )
        self.address = f"127.0.0.1:{int(self._line())}"
        alone((self._child.pid,))

    @property
    def pid(self) -> int:
        return self._child.pid

    def _line(self) -> str:
        assert self._child.stdout is not None
        if line := self._child.stdout.readline():
            return line
        _, problem = self._child.communicate()
        raise NotRunning(f"the open loop ended: {problem.strip()}")

    def ask(self, port: int, request: bytes, size: int, rate: float, seconds: float, mark: Callable[[], None]) -> Seen:
        """Ask `rate` requests a second, of which those of so many seconds count.

        size: bytes of the payload of a good answer
        mark: called before the first burst and after the last answer
        Raises NotRunning when nobody listens on the port.
        """
        assert self._child.stdin is not None
        bursts = max(1, round(seconds / COUNTED))
        counted_ms = round(1000 * min(seconds, COUNTED))
        self._request.write_bytes(request)
        files = f"{self._request} {self._times}"
        self._child.stdin.write(f"{port} {rate} {bursts} {self._rest_ms} {counted_ms} {size} {files}\n")
        self._child.stdin.flush()
        for word in ("begin", "end"):
            while self._line().strip() != word:
                continue
            mark()
        return Seen.read(self._line())

    def times(self) -> Sequence[int]:
        """Return how long each answer took that counted in the last loop, in nanoseconds and in order of length."""
        return self._kept()[0]

    def away(self) -> Sequence[int]:
        """Return likewise how long requests were away, without what the driver took: see `open.c`."""
        return self._kept()[1]

    def _kept(self) -> tuple[Sequence[int], Sequence[int]]:
        both = array("Q", self._times.read_bytes())
        return both[: len(both) // 2], both[len(both) // 2 :]

    def close(self) -> None:
        if self._child.poll() is None:
            self._child.communicate()  # the end of its orders is its own
